"""What a model is made of, as plain data: sizes of every part, the noise schedule, and the presets' files."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from moee_model.errors import ModelError

PRESETS: Final = Path(__file__).parent / "presets"
T = TypeVar("T")


@dataclass(frozen=True)
class CodecConfig:
    """How pictures become latents. kind: `vae` (an AutoencoderKL) or `fold` (pixels of factor x factor squares become
    channels: exact, no weights). factor: pixels per latent on each side. channels: of the latents. model: folder or
    hub id of the autoencoder; empty: seeded. grey: fold grey pictures, a third of the channels."""

    kind: Literal["vae", "fold"] = "vae"
    factor: int = 8
    channels: int = 4
    model: str = ""
    grey: bool = False


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the denoiser and, but for the motion modules, of the ReferenceNet. channels: of each level, finest
    first; attention: whether the level has spatial transformers; heads: of every attention."""

    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention: tuple[bool, ...] = (True, True, True, False)
    layers: int = 2
    heads: int = 8
    context: int = 768
    groups: int = 32
    motion_heads: int = 8
    motion_length: int = 32
    motion_mid: bool = True
    identity_tokens: int = 4


@dataclass(frozen=True)
class MoEConfig:
    """The mixture of emotion experts. gate_position: where the local gate acts, `query` as printed in the paper or
    `output`, which can switch an expert off. enabled, local_gate, global_gate: False for the paper's ablations."""

    experts: int = 6
    gate_position: Literal["query", "output"] = "query"
    heads: int = 8
    enabled: bool = True
    local_gate: bool = True
    global_gate: bool = True


@dataclass(frozen=True)
class EmotionConfig:
    """Emotion-to-latents. tokens x channels latents from queries of four modalities over learned embeddings; text,
    audio, aus: channels of what the encoders give; text_model, audio_model: folder or hub id of Sentence-T5 and of a
    speech emotion network; empty: none (or, with `seeded`, a small seeded one)."""

    tokens: int = 8
    channels: int = 512
    embeddings: int = 64
    embedding_channels: int = 768
    heads: int = 8
    text: int = 768
    audio: int = 768
    aus: int = 22
    text_model: str = ""
    audio_model: str = ""


@dataclass(frozen=True)
class AudioConfig:
    """Hidden states of a wav2vec2 network and their projection. model: folder or hub id; empty: a seeded network of
    the sizes below. layers: hidden states used, the last ones. window: frames that one frame hears, odd."""

    model: str = ""
    layers: int = 12
    channels: int = 768
    heads: int = 12
    feed_forward: int = 3072
    convolution: int = 512
    window: int = 5
    tokens: int = 32
    hidden: int = 512


@dataclass(frozen=True)
class ScheduleConfig:
    """The noise schedule, one for training and sampling (Stable Diffusion's, as in Hallo's configurations)."""

    steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: Literal["scaled_linear", "linear", "squaredcos_cap_v2"] = "scaled_linear"
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"
    zero_terminal_snr: bool = False


@dataclass(frozen=True)
class ModelConfig:
    """A whole model. size: pixels of the square picture; frames and motion_frames: of one window."""

    name: str = "paper"
    size: int = 512
    fps: int = 25
    frames: int = 14
    motion_frames: int = 2
    codec: CodecConfig = field(default_factory=CodecConfig)
    unet: UNetConfig = field(default_factory=UNetConfig)
    moe: MoEConfig = field(default_factory=MoEConfig)
    emotion: EmotionConfig = field(default_factory=EmotionConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    @property
    def latent_size(self) -> int:
        """Latents on each side of the square."""
        return self.size // self.codec.factor


def from_dict(kind: type[T], values: Any, where: str = "") -> T:
    """A config dataclass from plain values, as read from YAML.

    Args:
        kind: the dataclass.
        values: a mapping of field names.
        where: how the place is called in a sentence about a mistake.

    Raises:
        ModelError: a name that the dataclass does not have, or a value of another kind.
    """
    if not isinstance(values, dict):
        raise ModelError(f"{where or 'The configuration'} must be a mapping of names and values.")
    hints = get_type_hints(kind)
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(map(str, values)) - set(known))
    if unknown:
        raise ModelError(f"{where or 'The configuration'} has no setting {unknown[0]!r}: it knows {', '.join(known)}.")
    return kind(**{name: _value(hints[name], value, f"{where}.{name}".strip(".")) for name, value in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        return from_dict(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ModelError(f"{where} is {value!r}: it must be one of {', '.join(map(str, get_args(hint)))}.")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ModelError(f"{where} must be a list.")
        return tuple(_value(get_args(hint)[0], one, where) for one in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        raise ModelError(f"{where} is {value!r}: it must be {hint.__name__}.")
    return value


def read(name: str) -> dict[str, Any]:
    """The sections (`model`, `train`) of a preset by name, or of a YAML file by path.

    Raises:
        ModelError: there is no such preset or file, or it is no YAML mapping.
    """
    import yaml

    path = PRESETS / f"{name}.yaml" if name in presets() else Path(name)
    if not path.is_file():
        raise ModelError(f"There is no preset or file {name!r}: presets are {', '.join(presets())}.")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"{path} cannot be read as YAML: {' '.join(str(error).split())[:200]}.") from error
    if not isinstance(found, dict) or set(found) - {"model", "train"}:
        raise ModelError(f"{path} must hold the sections `model` and `train` and nothing else.")
    return found


def presets() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def model_config(name: str) -> ModelConfig:
    """The model of a preset or YAML file; raises ModelError as `read` and `from_dict` do."""
    return from_dict(ModelConfig, read(name).get("model", {}), "model")

"""Makes videos with a saved model: opens it once, says what it is, and writes each video frame by frame."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from moee_model.errors import ModelError
from moee_model.inputs import Sound
from moee_model.video_file import Written, write_video

if TYPE_CHECKING:
    import numpy as np

    from moee_model.config import ModelConfig
    from moee_model.emotion import Emotion
    from moee_model.pipeline import Emotions, MoEEPipeline

TRAINING_LIST: Final = "training_list.csv"
"""What a model was trained on; `moee train` puts it beside the model's folder."""
_NOT_WEIGHTS: Final = (TRAINING_LIST, "README.md")
Progress = Callable[[int, int], None]
"""Takes frames done and frames in all."""
Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class Settings:
    """How a video is made. steps: of DDIM. guidance: 1 is none. seed: of all noise; with it the same video again."""

    steps: int = 20
    guidance: float = 3.5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.guidance <= 100:
            raise ModelError(f"guidance is {self.guidance:g}: it must be between 0 and 100.")
        if not 0 <= self.seed < 1 << 63:
            raise ModelError(f"seed is {self.seed}: it must be a whole number from 0 on.")


class Generator:
    """A saved model, ready to make videos.

    Args:
        pipeline: opened. folder: that it was saved in. device: a name that torch knows. precision: `auto` is bfloat16
            arithmetic (with float32 weights) on CUDA, float32 elsewhere.
    """

    def __init__(self, pipeline: MoEEPipeline, folder: Path, device: str, precision: Precision = "auto") -> None:
        self.pipeline, self.folder, self.device = pipeline.to(device), folder, device
        self.precision = ("bf16" if device.startswith("cuda") else "fp32") if precision == "auto" else precision
        pipeline.set_progress_bar_config(disable=True)

    @classmethod
    def open(cls, place: str | Path, device: str = "auto", precision: Precision = "auto") -> Generator:
        """Open a model strictly.

        Args:
            place: folder that `moee train` or `save_pretrained` wrote, or a hub id.
            device: `auto` (CUDA where there is any), `cpu`, `cuda`, `cuda:1`, ...
            precision: of the arithmetic.

        Raises:
            ModelError: one sentence about what is wrong with the model or the device.
        """
        from moee_model.pipeline import MoEEPipeline
        from moee_model.saved import read_config

        if precision not in ("auto", "fp32", "bf16"):
            raise ModelError(f"There is no precision {precision!r}: use auto, fp32 or bf16.")
        chosen = _device(device)
        folder, _ = read_config(place)
        return cls(MoEEPipeline.from_pretrained(folder), folder, chosen, precision)

    @property
    def config(self) -> ModelConfig:
        """The model's configuration."""
        return self.pipeline.settings

    @cached_property
    def sha256(self) -> str:
        """Over every file of the model's folder: one hash, one model."""
        from manifests.files import file_hash

        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if (
                path.is_file()
                and name not in _NOT_WEIGHTS
                and not any(part.startswith(".") for part in name.split("/"))
            ):
                digest.update(f"{name}\0{file_hash(path).sha256}\n".encode())
        return digest.hexdigest()

    @property
    def marks(self) -> list[str]:
        """What a reader of the model's videos or scores must know, a sentence each: parts that no data taught."""
        parts = []
        if self.config.codec.kind == "vae" and not self.config.codec.model:
            parts.append("autoencoder")
        if not self.config.audio.model:
            parts.append("speech network")
        if not self.config.emotion.text_model:
            parts.append("text encoder")
        said = [f"its {' and '.join(parts)} ran on seeded weights"] if parts else []
        if not self.config.moe.enabled:
            said.append("it has no mixture of experts (an ablation)")
        return said

    @property
    def training_list(self) -> Path | None:
        """The list of what the model was trained on: in its folder, or beside it."""
        for folder in (self.folder, self.folder.resolve().parent):
            if (folder / TRAINING_LIST).is_file():
                return folder / TRAINING_LIST
        return None

    def frames_of(self, sound: Sound) -> int:
        """Frames that a sound fills, at the model's rate."""
        return max(1, len(sound.waveform) * self.config.fps // 16_000)

    def make(
        self,
        image: np.ndarray,
        sound: Sound,
        emotion: Emotions,
        target: Path,
        settings: Settings = Settings(),
        *,
        frames: int | None = None,
        fps: Fraction | None = None,
        side: int | None = None,
        progress: Progress = lambda done, total: None,
    ) -> Written:
        """Generate a video and write it, with its sound.

        Args:
            image: uint8 RGB [H, W, 3], the square around the face. sound: that drives it. emotion: one, or over time.
            target: written aside and renamed.
            settings: steps, guidance, seed.
            frames: of the video; None: as many as the sound fills. fps, side: of the video; None: the model's own;
                others show the model's frame of that time, scaled.
            progress: takes frames done and in all.

        Returns:
            What was written; on one device the same arguments give the same bytes.

        Raises:
            ModelError: an input does not fit the model, or the file cannot be written.
        """
        own = Fraction(self.config.fps)
        rate = fps or own
        count = frames or max(1, int(Fraction(len(sound.waveform), 16_000) * rate))
        needed = count if rate == own else max(1, _shown(count - 1, rate, own) + 1)
        made = self.pipeline.stream(
            image, sound.waveform, emotion, settings.steps, settings.guidance, settings.seed, needed
        )  # fmt: skip
        single: Iterator[np.ndarray] = (frame for window in made for frame in window)
        if rate != own:
            single = _at_rate(single, count, rate, own)
        with self._arithmetic():
            return write_video(
                target, _counted(single, count, progress), count, rate, side or self.config.size, sound.path
            )

    def _arithmetic(self) -> Any:
        if self.precision == "fp32":
            return contextlib.nullcontext()
        import torch

        return torch.autocast(self.device.partition(":")[0], torch.bfloat16)


def _device(asked: str) -> str:
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=asked)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"There is no device {asked!r} here: use --device auto or cpu.") from error
    return asked


def _shown(k: int, rate: Fraction, own: Fraction) -> int:
    """The model's frame that is shown when frame k of a video at another rate begins."""
    return int(Fraction(k) * own / rate)


def _at_rate(frames: Iterator[np.ndarray], count: int, rate: Fraction, own: Fraction) -> Iterator[np.ndarray]:
    at, here = 0, next(frames)
    for k in range(count):
        while at < _shown(k, rate, own):
            at, here = at + 1, next(frames)
        yield here


def _counted(frames: Iterator[np.ndarray], count: int, progress: Progress) -> Iterator[np.ndarray]:
    for done, frame in enumerate(frames, 1):
        yield frame
        progress(done, count)


def code_sha256() -> str:
    """Over the .py files of this package: videos of another program are other videos."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def asked_emotion(label: str | None) -> tuple[Emotion, str | None]:
    """What the model is told of a benchmark's label, and a sentence where that is not the label.

    Args:
        label: of `manifests.emotions`; None: nothing is asked for.
    """
    from moee_model.emotion import Emotion, parse

    if label is None:
        return Emotion(), None
    try:
        return parse(label), None
    except ModelError:
        return Emotion(), f"the model has no expert for {label}: its clips were asked for as neutral"

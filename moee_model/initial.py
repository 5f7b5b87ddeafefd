"""Public weights into a new model: Stable Diffusion 1.5, AnimateDiff, wav2vec2. Strict; what may be new is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from manifests.text import printable
from moee_model.config import AudioConfig
from moee_model.errors import ModelError
from moee_model.part_files import PartFile, part_file

if TYPE_CHECKING:
    from transformers import Wav2Vec2Model

    from moee_model.denoiser import Denoiser

MAY_BE_NEW: Final = (
    r"identity_embedding$",
    r".*\.transformer_blocks\.\d+\.audio_(norm|attention)\.",
    r".*\.transformer_blocks\.\d+\.moe\.",
)
"""What no public U-Net holds: it keeps its seeded values. Motion modules have a file of their own."""
SPEECH_UNUSED: Final = (r"lm_head\.", r"quantizer\.", r"project_(q|hid)\.", r"masked_spec_embed$")
"""What public speech networks hold beside what is heard: a head for letters, and what only their training needs."""
_MOTION: Final = r".*\.motion_modules\."
_UNET_SETTINGS: Final = (
    *("act_fn", "attention_head_dim", "norm_num_groups", "norm_eps", "center_input_sample", "flip_sin_to_cos"),
    *("freq_shift", "layers_per_block", "downsample_padding", "mid_block_scale_factor"),
)
_SPEECH_SETTINGS: Final = (
    *("feat_extract_norm", "feat_extract_activation", "conv_kernel", "conv_stride", "hidden_act", "layer_norm_eps"),
    *("do_stable_layer_norm", "num_attention_heads", "num_conv_pos_embeddings", "num_conv_pos_embedding_groups"),
)
_HINTS: Final = (
    (
        r"model\.diffusion_model\.|.*temporal_transformer\.",
        "these are its maker's own names: save it by diffusers",
    ),
    (r"mid_block\.motion_modules\.", "an adapter without a middle module needs unet.motion_mid: false"),
    (r".*\.pos_embed\.pe$", "unet.motion_length must be the adapter's motion_max_seq_length"),
)
_SHOWN: Final = 3


@dataclass(frozen=True)
class Report:
    """What was read. read: part -> number of tensors from its file. new: parameters of the U-Net, by name, that keep
    their seeded values."""

    read: Mapping[str, int]
    new: tuple[str, ...]


@dataclass(frozen=True)
class _Fill:
    """One file into one part. wanted: tensors by name, all to be filled. names: name in the file -> name in the part,
    where they differ. unused: patterns of names that the file may hold beside."""

    part: str
    file: PartFile
    wanted: Mapping[str, torch.Tensor]
    names: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise ModelError unless the file holds what is wanted, in its shapes, and nothing else."""
        found = {self._own(name): shape for name, shape in self.file.shapes.items()}
        missing = sorted(set(self.wanted) - set(found))
        extra = sorted(name for name in set(found) - set(self.wanted) if not _matches(name, self.unused))
        other = sorted(name for name, wanted in self.wanted.items() if found.get(name, wanted.shape) != wanted.shape)
        wrong = [
            f"{len(names)} {what} ({', '.join(map(printable, names[:_SHOWN]))}{', ...' if len(names) > _SHOWN else ''})"
            for names, what in (
                (missing, "tensors that it needs are missing"),
                (extra, "have no place in it"),
                (other, "have another shape"),
            )
            if names
        ]
        if wrong:
            names = extra or missing or other
            hint = next((hint for pattern, hint in _HINTS if all(_matches(name, (pattern,)) for name in names)), "")
            raise ModelError(
                f"{self.file.place} does not fit the {self.part}: {'; '.join(wrong)}{f': {hint}' if hint else ''}."
            )

    @torch.no_grad()
    def copy(self) -> None:
        """Fill the part; its dtype and device stay (half-precision files do not make a half-precision model)."""
        inside = {self._own(name): name for name in self.file.shapes}
        for name, tensor in self.wanted.items():
            tensor.copy_(self.file.tensor(inside[name]))

    def _own(self, name: str) -> str:
        return self.names.get(name, name)


def load_parts(denoiser: Denoiser, unet: str | Path | None = None, motion: str | Path | None = None) -> Report:
    """Fill a denoiser from public weights. Nothing changes unless everything fits.

    Args:
        denoiser: made by `denoiser.build`; its dtype and device stay.
        unet: folder (of the network or of a whole pipeline), safetensors file or hub id of a Stable Diffusion 1.5 U-Net
            in diffusers' names; it goes into the denoiser's spatial part and into the ReferenceNet.
        motion: the same of an AnimateDiff motion adapter; it goes into the motion modules.

    Raises:
        ModelError: a file is absent, a pickle, damaged or made for other settings; a tensor is missing, has another
            shape or no place.
    """
    state = denoiser.unet.state_dict()
    fills = []
    if unet is not None:
        file = part_file(unet, "unet")
        _agree(file, {name: denoiser.reference_net.config[name] for name in _UNET_SETTINGS})
        spatial = {name: value for name, value in state.items() if not _matches(name, (*MAY_BE_NEW, _MOTION))}
        fills += [_Fill("U-Net", file, spatial), _Fill("ReferenceNet", file, denoiser.reference_net.state_dict())]
    if motion is not None:
        file, sizes = part_file(motion), denoiser.unet.config
        _agree(file, {"motion_num_attention_heads": sizes.motion_heads, "motion_norm_num_groups": sizes.groups})
        moving = {name: value for name, value in state.items() if _matches(name, (_MOTION,))}
        fills.append(_Fill("motion modules", file, moving))
    for fill in fills:
        fill.check()
    for fill in fills:
        fill.copy()
    read = {name for fill in fills if fill.part != "ReferenceNet" for name in fill.wanted}
    return Report({fill.part: len(fill.wanted) for fill in fills}, tuple(sorted(set(state) - read)))


def load_speech(place: str | Path, config: AudioConfig) -> Wav2Vec2Model:
    """The speech network of a folder, file or hub id, as `facebook/wav2vec2-base-960h`, frozen.

    Args:
        place: of a Wav2Vec2Model, or of one with a head; the weight norm's tensors may have their old or new names.
        config: the sizes that it must have.

    Raises:
        ModelError: as `load_parts`.
    """
    from moee_model.speech import make_speech

    network = make_speech(replace(config, model=""))
    file = part_file(place)
    _agree(file, {name: getattr(network.config, name) for name in _SPEECH_SETTINGS})
    wanted = {name: value for name, value in network.state_dict().items() if not _matches(name, SPEECH_UNUSED)}
    fill = _Fill("speech network", file, wanted, {name: _speech_name(name) for name in file.shapes}, SPEECH_UNUSED)
    fill.check()
    fill.copy()
    return network


def _speech_name(name: str) -> str:
    name = name.removeprefix("wav2vec2.")
    name = re.sub(r"conv\.weight_g$", "conv.parametrizations.weight.original0", name)
    return re.sub(r"conv\.weight_v$", "conv.parametrizations.weight.original1", name)


def _agree(file: PartFile, own: Mapping[str, Any]) -> None:
    """Raise ModelError where the configuration beside a file says something that no tensor's shape shows."""
    for name, value in own.items():
        said = file.settings.get(name, value)
        if (list(said) if isinstance(said, list | tuple) else said) != (
            list(value) if isinstance(value, tuple) else value
        ):
            raise ModelError(
                f"{file.place} was made with {name} = {said!r}, this model has {value!r}: change its sizes."
            )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(re.match(pattern, name) for pattern in patterns)

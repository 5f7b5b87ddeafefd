"""What one training step sees: who asks for a clip (`Request`), who answers (`Source`), and the answer (`Batch`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

EXPERTS: Final = ("happy", "sad", "angry", "disgusted", "fear", "surprised")
"""The six experts in the paper's order; the order of every [..., 6] weight and gate."""
MODALITIES: Final = ("label", "text", "audio", "aus")
"""The order of `Batch.present`."""
Six = tuple[float, float, float, float, float, float]
NONE: Final[Six] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Neutral: no emotion is asked for and no expert speaks."""


@dataclass(frozen=True)
class Request:
    """One sample of a step, decided by the sampler alone.

    index: of the clip in its source. seed: of everything drawn for this sample (window, noise, step, dropout).
    label: weights of the six emotions that the model is told, `NONE` where it is told neutral.
    gates: the global gate is forced to these; None lets the model's own gate decide.
    masked: the clip shows another emotion than the label (masked noisy emotion sampling): the mouth does not count, and
        only the label is told.
    """

    index: int
    seed: int
    label: Six = NONE
    gates: Six | None = NONE
    masked: bool = False


class Source(Protocol):
    """Clips to train on."""

    @property
    def labels(self) -> np.ndarray:
        """[clips, 6] float32: weights of the six emotions (one 1.0, or two 0.5 for a compound); zeros: neutral; NaN:
        not labelled."""

    @property
    def ids(self) -> Sequence[str]:
        """A name per clip."""

    def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
        """The samples asked for, in order; the same requests give the same numbers, whatever was asked before.

        Args:
            requests: a sample each.
            frames: that are denoised.
            motion_frames: clean frames before them.
        """


@dataclass(frozen=True)
class Batch:
    """Samples of one step. B samples, F = motion frames + frames, C channels of h x w latents, L layers x D channels of
    the speech network, E = 6.

    ids: of the clips. seeds: [B] int64. motion_frames: how many of the F come first and stay clean.
    latents: [B, C, F, h, w] float32, already scaled. reference: [B, C, h, w] latents of another frame of the clip.
    audio: [B, F + window - 1, L, D] hidden states at the frame rate, (window - 1) / 2 more on either side.
    weights: [B, E] the told emotion. gates: [B, E] forced global gate; learned: [B] bool, whether the own gate decides.
    text [B, T], emotion_audio [B, V], aus [B, A]: other conditions, zeros where absent; present: [B, 4] bool, which of
    label, text, audio, aus are there.
    counted: [B, 1, F, h, w] float32, 1 where the loss counts (0 in the mouth of a masked sample).
    """

    ids: list[str]
    seeds: torch.Tensor
    motion_frames: int
    latents: torch.Tensor
    reference: torch.Tensor
    audio: torch.Tensor
    weights: torch.Tensor
    gates: torch.Tensor
    learned: torch.Tensor
    text: torch.Tensor
    emotion_audio: torch.Tensor
    aus: torch.Tensor
    present: torch.Tensor
    counted: torch.Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with its tensors on a device."""
        import torch

        named: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {name: value.to(device) for name, value in named.items() if isinstance(value, torch.Tensor)}
        return replace(self, **moved)  # type: ignore[arg-type]

"""Training samples from prepared features: a few consecutive frames of a clip, read through the memory map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from manifests.text import printable
from moee_model.batch import EXPERTS, NONE, Batch, Request
from moee_model.errors import ModelError
from moee_model.feature_store import ClipFeatures, FeatureSet
from moee_model.seeds import seed_of


class ClipSource:
    """The clips of one split, as `moee_model.batch.Source`.

    Nothing is held but the list of clips: a sample reads its own frames, whatever the number of clips.

    Args:
        features: of the dataset. split: `train` or `validation`.

    Attributes:
        too_short: ids of the clips that are shorter than the model's window and left out.

    Raises:
        ModelError: no clip of the split is long enough.
    """

    def __init__(self, features: FeatureSet, split: str = "train") -> None:
        config = features.config
        least = config.frames + config.motion_frames
        clips = features.split(split)
        self.too_short = [clip.id for clip in clips if clip.frames < least]
        self.clips: list[ClipFeatures] = [clip for clip in clips if clip.frames >= least]
        if not self.clips:
            raise ModelError(
                f"No clip in the split {printable(split)} has {least} frames or more: the model's window needs them."
            )
        self._features, self._ids = features, [clip.id for clip in self.clips]
        unknown = (float("nan"),) * len(EXPERTS)
        self._labels = np.array([unknown if clip.label is None else clip.label for clip in self.clips], np.float32)

    @property
    def labels(self) -> np.ndarray:
        """[clips, 6] float32, see `Source`."""
        return self._labels

    @property
    def ids(self) -> Sequence[str]:
        """The clips' ids in their manifest."""
        return self._ids

    def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
        """The samples asked for.

        The window begins at a frame that the request's seed decides; the reference is a frame outside it, as far as
        the clip has any.

        Raises:
            ModelError: a clip is shorter than the window, or its features are missing or damaged.
        """
        rows = [self._sample(request, frames + motion_frames) for request in requests]
        gates = [request.gates or NONE for request in requests]
        stacked = {name: torch.stack([getattr(row, name) for row in rows]) for name in _STACKED}
        return Batch(
            ids=[self.clips[request.index].id for request in requests],
            seeds=torch.tensor([request.seed for request in requests], dtype=torch.int64),
            motion_frames=motion_frames,
            weights=torch.tensor([request.label for request in requests], dtype=torch.float32),
            gates=torch.tensor(gates, dtype=torch.float32),
            learned=torch.tensor([request.gates is None for request in requests]),
            **stacked,
        )

    def _sample(self, request: Request, total: int) -> _Sample:
        clip = self.clips[request.index]
        if clip.frames < total:
            raise ModelError(f"The clip {clip.id} has {clip.frames} frames, the window needs {total}: leave it out.")
        first, reference = _places(request.seed, clip.frames, total)
        sample = self._read(clip, request, first, total, reference)
        if not request.masked:
            self._describe(sample, clip)
        return sample

    def _read(self, clip: ClipFeatures, request: Request, first: int, total: int, reference: int) -> _Sample:
        """Pictures and sound of a window; of the emotion only whether a label is told."""
        sizes = self._features.config.emotion
        with self._features.open(clip, "picture") as file:
            latents = file.get_slice("latents")
            shown, seen = latents[first : first + total], latents[reference : reference + 1][0]
        counted = torch.ones(1, total, *shown.shape[-2:])
        if request.masked:
            with self._features.open(clip, "face") as file:
                counted = 1 - file.get_slice("mouth")[first : first + total].float()[None]
        return _Sample(
            latents=shown.float().transpose(0, 1).contiguous(),
            reference=seen.float(),
            audio=self._hidden(clip, first, total),
            counted=counted,
            text=torch.zeros(sizes.text),
            emotion_audio=torch.zeros(sizes.audio),
            aus=torch.zeros(sizes.aus),
            present=torch.tensor([request.masked or clip.label is not None, False, False, False]),
        )

    def _hidden(self, clip: ClipFeatures, first: int, total: int) -> torch.Tensor:
        """[total + window - 1, L, D]: half a window more on either side; the clip's edges are repeated."""
        half = self._features.config.audio.window // 2
        low, high = max(0, first - half), min(clip.frames, first + total + half)
        with self._features.open(clip, "sound") as file:
            held = file.get_slice("hidden")[low:high].float()
        wanted = torch.arange(first - half, first + total + half).clamp(0, clip.frames - 1)
        return held[wanted - low]

    def _describe(self, sample: _Sample, clip: ClipFeatures) -> None:
        """Tell the emotion in the other ways too."""
        for place, part, name, into in _TOLD:
            if part not in clip.parts:
                continue
            with self._features.open(clip, part) as file:
                if name in set(file.keys()):
                    getattr(sample, into).copy_(file.get_tensor(name))
                    sample.present[place] = True


@dataclass(frozen=True)
class _Sample:
    """A row of every stacked field of a batch."""

    latents: torch.Tensor
    reference: torch.Tensor
    audio: torch.Tensor
    counted: torch.Tensor
    text: torch.Tensor
    emotion_audio: torch.Tensor
    aus: torch.Tensor
    present: torch.Tensor


_STACKED = ("latents", "reference", "audio", "counted", "text", "emotion_audio", "aus", "present")
# place in `Batch.present`, part of the features, tensor in it, field of the batch
_TOLD = ((1, "text", "text", "text"), (2, "sound", "emotion", "emotion_audio"), (3, "face", "aus", "aus"))


def _places(seed: int, frames: int, total: int) -> tuple[int, int]:
    """First frame of the window, and the reference frame outside it (any other frame where the window is the clip)."""
    first = seed_of(seed, "window") % (frames - total + 1)
    outside = frames - total
    if not outside:
        return first, seed_of(seed, "reference") % frames
    reference = seed_of(seed, "reference") % outside
    return first, reference if reference < first else reference + total

"""What moves, as FVD's network sees it: I3D's logits for windows of 16 frames, in two variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmark.extract.extractor import Watch
from benchmark.extract.network import NetworkExtractor
from benchmark.extract.windows import Windows
from benchmark.networks.i3d import MODELS, I3d, Variant


class _OfWindows(NetworkExtractor):
    variant: ClassVar[Variant]

    def sight(self, watch: Watch) -> Windows:
        """One window of small frames is held."""
        model = MODELS[self.variant]
        network = self.shared(model, lambda: I3d.load(self.variant, seeded=self.seeded))
        return Windows(next(iter(self.gives)), network, watch)


class I3dStyleGanV(_OfWindows):
    """StyleGAN-V's I3D, [w, 400] float32: windows of 16 frames that do not overlap, from the first frame on; frames
    squashed to a square. The frames behind the last whole window are not seen; a video of fewer than 16 has none."""

    name: ClassVar[str] = "i3d"
    variant: ClassVar[Variant] = "styleganv"
    models: ClassVar[tuple[str, ...]] = (MODELS["styleganv"],)
    gives: ClassVar[Mapping[str, str]] = {"i3d": "i3d-styleganv-16f"}


class I3dVideoGpt(_OfWindows):
    """VideoGPT's I3D, [w, 400] float32: the same windows; the middle of the frame, cut where it is no square."""

    name: ClassVar[str] = "i3d-videogpt"
    variant: ClassVar[Variant] = "videogpt"
    models: ClassVar[tuple[str, ...]] = (MODELS["videogpt"],)
    gives: ClassVar[Mapping[str, str]] = {"i3d-videogpt": "i3d-videogpt-16f"}

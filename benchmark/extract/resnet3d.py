"""What moves, as FID-VID's network sees it: features of a 3D ResNet-50 for windows of 16 frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmark.extract.extractor import Watch
from benchmark.extract.network import NetworkExtractor
from benchmark.extract.windows import Windows
from benchmark.networks.resnet3d import MODEL, Resnet3d


class VideoResnet(NetworkExtractor):
    """Hara's 3D ResNet-50 as DisCo asks it, [w, 2048] float32: windows of 16 frames that do not overlap, from the first
    frame on; frames squashed to a square. The frames behind the last whole window are not seen; a video of fewer than
    16 has none."""

    name: ClassVar[str] = "resnet3d50"
    models: ClassVar[tuple[str, ...]] = (MODEL,)
    gives: ClassVar[Mapping[str, str]] = {"resnet3d50": "resnet3d50-disco-16f"}
    packages: ClassVar[tuple[str, ...]] = ("torch", "PIL")

    def sight(self, watch: Watch) -> Windows:
        """One window of small frames is held."""
        return Windows("resnet3d50", self.shared(MODEL, lambda: Resnet3d.load(seeded=self.seeded)), watch)

"""Inception's features of frames, for FID and KID: all frames, or four of each video, prepared as three programs do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from benchmark.extract.extractor import FixedBatches, Shown, Watch, spread
from benchmark.extract.network import NetworkExtractor

if TYPE_CHECKING:
    from benchmark.networks.inception_features import InceptionFeatures
    from benchmark.networks.resize import Method

MODEL: Final = "inception-fid"
COUNT: Final = 4


class AllFrames(NetworkExtractor):
    """[n, 2048] float32 of every frame, prepared as torch-fidelity does."""

    name: ClassVar[str] = "inception"
    models: ClassVar[tuple[str, ...]] = (MODEL,)
    gives: ClassVar[Mapping[str, str]] = {"inception": "inception-torchfidelity"}
    method: ClassVar[Method] = "torchfidelity"
    count: ClassVar[int | None] = None

    def sight(self, watch: Watch) -> _Inception:
        """Frames wait for a batch."""
        from benchmark.networks.inception_features import InceptionFeatures

        network = self.shared(MODEL, lambda: InceptionFeatures.load(seeded=self.seeded))
        wanted = range(watch.frames) if self.count is None else spread(watch.frames, self.count).tolist()
        return _Inception(network, next(iter(self.gives)), self.method, wanted)


class FourFrames(AllFrames):
    """[4, 2048] float32 of the middles of four equal parts, prepared as torch-fidelity does."""

    name: ClassVar[str] = "inception4"
    gives: ClassVar[Mapping[str, str]] = {"inception4": "inception-torchfidelity"}
    count: ClassVar[int | None] = COUNT


class FourFramesPytorchFid(FourFrames):
    """The same frames, prepared as pytorch-fid does."""

    name: ClassVar[str] = "inception4-pytorchfid"
    gives: ClassVar[Mapping[str, str]] = {"inception4-pytorchfid": "inception-pytorchfid"}
    method: ClassVar[Method] = "pytorchfid"


class FourFramesCleanFid(FourFrames):
    """The same frames, prepared as clean-fid does."""

    name: ClassVar[str] = "inception4-cleanfid"
    gives: ClassVar[Mapping[str, str]] = {"inception4-cleanfid": "inception-cleanfid"}
    method: ClassVar[Method] = "cleanfid"


class _Inception:
    def __init__(self, network: InceptionFeatures, feature: str, method: Method, wanted: range | list[int]) -> None:
        from benchmark.networks.inception_features import BATCH

        self.feature, self.wanted = feature, wanted
        size = BATCH if isinstance(wanted, range) else COUNT  # a video's four frames are a batch: none is filled up
        self.batches = FixedBatches(lambda pictures: network(pictures, method), size)

    def see(self, frame: Shown) -> None:
        if isinstance(self.wanted, range):
            self.batches.add(frame.rgb)
            return
        for _ in range(self.wanted.count(frame.index)):  # a video of fewer than four frames shows some twice
            self.batches.add(frame.rgb)

    def finish(self) -> dict[str, np.ndarray]:
        return {self.feature: self.batches.finish()}

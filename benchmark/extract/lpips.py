"""How different each frame looks from the ground truth's, by LPIPS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from benchmark.extract.extractor import FixedBatches, PairSight, Watch
from benchmark.extract.network import NetworkExtractor

if TYPE_CHECKING:
    from benchmark.networks.lpips import Lpips


class PerceptualDistance(NetworkExtractor):
    """LPIPS v0.1 with AlexNet of each frame at the protocol's size, [n] float64."""

    name: ClassVar[str] = "lpips"
    of: ClassVar[Literal["video", "pair"]] = "pair"
    models: ClassVar[tuple[str, ...]] = ("alexnet", "lpips-alex")
    gives: ClassVar[Mapping[str, str]] = {"lpips": "lpips-alex-v0.1"}

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        """Pairs of frames wait for a batch."""
        from benchmark.networks.lpips import Lpips

        return _Lpips(self.shared(self.name, lambda: Lpips.load(seeded=self.seeded)))


class _Lpips:
    def __init__(self, network: Lpips) -> None:
        from benchmark.networks.lpips import BATCH

        self.batches = FixedBatches(lambda pairs: network(pairs[:, 0], pairs[:, 1]), BATCH)

    def see(self, real: np.ndarray, generated: np.ndarray) -> None:
        self.batches.add(np.stack([real, generated]))

    def finish(self) -> dict[str, np.ndarray]:
        return {"lpips": self.batches.finish()}

"""Windows of frames that do not overlap, for networks that see movement."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from benchmark.extract.extractor import Defect, FixedBatches, Shown, Watch

FRAMES = 16
"""Of a window. Those behind the last whole one are not seen."""


class WindowNetwork(Protocol):
    """A network that looks at windows."""

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 RGB -> [3, side, side] float."""

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """[n, 3, 16, side, side] -> [n, width]."""


class Windows:
    """Shows a video to a network, one window at a time; no more frames than that are held, and those small.

    The first window begins with the first frame. A network is asked about one window at a time, as its numbers may
    depend on the size of a batch.
    """

    def __init__(self, feature: str, network: WindowNetwork, watch: Watch) -> None:
        """Set up.

        Args:
            feature: name of what the network gives.
            network: that is asked.
            watch: the video.
        """
        self.feature, self.network, self.watch = feature, network, watch
        self.frames: list[np.ndarray] = []
        self.batches = FixedBatches(network, 1)

    def see(self, frame: Shown) -> None:
        """Take the next frame."""
        if frame.index >= self.watch.frames // FRAMES * FRAMES:
            return
        self.frames.append(self.network.prepare(frame.rgb))
        if len(self.frames) == FRAMES:
            self.batches.add(np.stack(self.frames, axis=1))
            self.frames = []

    def finish(self) -> dict[str, np.ndarray]:
        """What the network gave for each window, [w, width], w > 0.

        Raises:
            Defect: the video is shorter than a window.
        """
        if self.watch.frames < FRAMES:
            raise Defect(f"{self.feature} is made from windows of {FRAMES} frames, and it has {self.watch.frames}.")
        return {self.feature: self.batches.finish()}

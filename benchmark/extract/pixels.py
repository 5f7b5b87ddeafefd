"""What pixels alone say: thumbnails and movement of a video, and differences between the two videos of a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Literal

import numpy as np

from benchmark.extract.extractor import Extractor, PairSight, Shown, Watch
from benchmark.extract.models import lacking

SIDE: Final = 8


class Pixels(Extractor):
    """Thumbnails [n, 192] float32 (8 x 8 x RGB, 0..1, area averages), and how much the luma changes from frame to
    frame, [n - 1] float64 (mean absolute difference, 0..255)."""

    name: ClassVar[str] = "pixels"

    def made_by(self) -> dict[str, str]:
        """No weights."""
        return {"thumbs": self.named("rgb-8x8"), "frame_difference": self.named("luma-difference")}

    def missing(self) -> str | None:
        """OpenCV."""
        return lacking((), ("cv2",), "curation")

    def sight(self, watch: Watch) -> _Pixels:
        """Two frames are held."""
        return _Pixels()


class _Pixels:
    def __init__(self) -> None:
        self.thumbs: list[np.ndarray] = []
        self.differences: list[float] = []
        self.last: np.ndarray | None = None

    def see(self, frame: Shown) -> None:
        import cv2

        from perception.picture import luma

        small = cv2.resize(frame.rgb.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self.thumbs.append((small / np.float32(255)).reshape(-1))
        grey = luma(frame.rgb)
        if self.last is not None:
            self.differences.append(float(cv2.absdiff(grey, self.last).mean(dtype=np.float64)))
        self.last = grey

    def finish(self) -> dict[str, np.ndarray]:
        return {
            "thumbs": np.stack(self.thumbs).astype(np.float32),
            "frame_difference": np.array(self.differences, np.float64),
        }


class SquaredError(Extractor):
    """Mean squared difference of each frame's RGB, [n] float64, 0..255 squared."""

    name: ClassVar[str] = "mse"
    of: ClassVar[Literal["video", "pair"]] = "pair"

    def made_by(self) -> dict[str, str]:
        """No weights."""
        return {"mse": self.named("rgb-mse")}

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        """Each frame on its own."""
        from benchmark.metrics.psnr import mean_squared_error

        return _PerFrame("mse", mean_squared_error)


class StructuralSimilarity(Extractor):
    """SSIM of each frame, [n] float64, as `benchmark.metrics.ssim` computes it."""

    name: ClassVar[str] = "ssim"
    of: ClassVar[Literal["video", "pair"]] = "pair"

    def made_by(self) -> dict[str, str]:
        """No weights."""
        return {"ssim": self.named("rgb-ssim")}

    def missing(self) -> str | None:
        """OpenCV."""
        return lacking((), ("cv2",), "curation")

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        """Each frame on its own."""
        from benchmark.metrics.ssim import ssim

        return _PerFrame("ssim", ssim)


class _PerFrame:
    """One number for each frame of a pair."""

    def __init__(self, name: str, measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
        self.name, self.measure = name, measure
        self.values: list[float] = []

    def see(self, real: np.ndarray, generated: np.ndarray) -> None:
        self.values.append(float(self.measure(real, generated)))

    def finish(self) -> dict[str, np.ndarray]:
        return {self.name: np.array(self.values, np.float64)}

"""How far a mouth is open in each frame, from face-mesh landmarks, and how much that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RATE = 100  # steps per second of the common grid: step k is time k / RATE on the container's clock
OUTER_PAIRS = ((0, 17), (37, 84), (267, 314))  # points of the mesh: outer edge of the upper lip, of the lower lip
INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)  # in a ring
EYES = (33, 263)  # outer corners
LONGEST_GAP = 0.25  # s without landmarks that are bridged: a syllable; longer ones are not guessed
SMOOTH_SIZE = 0.2  # s, standard deviation: a head does not change its size faster, landmarks tremble
AROUND = 0.5  # s before and after a moment that say whether the mouth moves at that moment
STILL = 10.0
"""Per mille of the distance of the eyes; with a lower standard deviation over 1 s a mouth counts as still.

Origin: between the rendered sample's listener, mouth shut and head moving (median 5.6), and what its speakers and those
that talking-head models made exceed nine tenths of the time (19); `perf.scores.speaker` prints both. No real clip.
"""


@dataclass(frozen=True)
class MouthFrames:
    """The mouth of one track in the frames that have landmarks.

    seconds: [n] float64, rising, on the container's clock.
    height: [n] float32 px, between the outer edges of the lips, the mean of three places.
    area: [n] float32 px squared, inside the inner edge of the lips.
    size: [n] float32 px, between the outer corners of the eyes, depth included: turning the head keeps it.
    """

    seconds: np.ndarray
    height: np.ndarray
    area: np.ndarray
    size: np.ndarray


@dataclass(frozen=True)
class Mouth:
    """The mouth of one track on the common grid of 10 ms; NaN where it was not seen.

    first: step of the first value.
    height: [n] float64, outer height of the lips over the distance of the eyes.
    area: [n] float64, inner area of the lips over the square of that distance.
    """

    first: int
    height: np.ndarray
    area: np.ndarray

    @property
    def last(self) -> int:
        """The step after the last value."""
        return self.first + len(self.height)

    def between(self, start: int, end: int) -> Mouth:
        """The steps [start, end), as far as they are there."""
        low = min(max(start - self.first, 0), len(self.height))
        high = min(max(end - self.first, low), len(self.height))
        return Mouth(self.first + low, self.height[low:high], self.area[low:high])


def measure(seconds: Sequence[float] | np.ndarray, points: np.ndarray) -> MouthFrames:
    """Measure frames.

    Args:
        seconds: [n] when each frame is shown, rising.
        points: [n, 468 or 478, 3] landmarks in px, in MediaPipe's order.
    """
    points = np.asarray(points, np.float32)
    upper, lower = (list(side) for side in zip(*OUTER_PAIRS, strict=True))
    height = np.linalg.norm(points[:, upper, :2] - points[:, lower, :2], axis=2).mean(axis=1)
    ring = points[:, INNER, :2] - points[:, INNER[:1], :2]  # near zero, so that products keep their precision
    after = np.roll(ring, -1, axis=1)
    area = np.abs((ring[..., 0] * after[..., 1] - ring[..., 1] * after[..., 0]).sum(axis=1)) / 2
    size = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=1)
    return MouthFrames(np.asarray(seconds, np.float64), height, area, size)


def joined(parts: Sequence[MouthFrames]) -> MouthFrames:
    """One after the other."""
    names = ("seconds", "height", "area", "size")
    none = np.zeros(0, np.float32)
    return MouthFrames(*(np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in names))


def on_grid(frames: MouthFrames) -> Mouth:
    """Bring frames of any rate, also a changing one, onto the grid of 10 ms.

    Values between two frames are interpolated where they are at most 0.25 s apart, else they are NaN; frames whose
    values are no numbers or whose eyes coincide count as not seen.
    """
    good = np.isfinite(frames.seconds) & np.isfinite(frames.height) & np.isfinite(frames.area) & (frames.size > 1e-3)
    times = frames.seconds[good]
    if len(times) < 2:
        return Mouth(0, np.zeros(0), np.zeros(0))
    first, last = int(np.ceil(times[0] * RATE)), int(np.floor(times[-1] * RATE))
    steps = np.arange(first, last + 1) / RATE
    after = np.clip(np.searchsorted(times, steps, side="right"), 1, len(times) - 1)
    seen = times[after] - times[after - 1] <= LONGEST_GAP
    size = _smooth(np.interp(steps, times, frames.size[good]))
    height = np.interp(steps, times, frames.height[good]) / size
    area = np.interp(steps, times, frames.area[good]) / size**2
    return Mouth(first, np.where(seen, height, np.nan), np.where(seen, area, np.nan))


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(values, SMOOTH_SIZE * RATE, mode="nearest")


def motion(mouth: Mouth) -> np.ndarray:
    """How much the mouth moves around each step.

    Returns:
        [n] float64, per mille of the distance of the eyes: the standard deviation of the outer height of the lips over
        the second around the step; NaN where less than half of that second was seen.
    """
    seen = np.isfinite(mouth.height)
    if not seen.any():
        return np.full(len(seen), np.nan)
    values = np.where(seen, mouth.height - mouth.height[seen].mean(), 0.0) * 1000
    reach = round(AROUND * RATE)
    count, total, squares = (_sliding_sum(row, reach) for row in (seen.astype(np.float64), values, values**2))
    enough = count >= reach
    safe = np.where(enough, count, 1.0)
    variance = np.maximum(squares / safe - (total / safe) ** 2, 0.0)
    return np.where(enough, np.sqrt(variance), np.nan)


def _sliding_sum(values: np.ndarray, reach: int) -> np.ndarray:
    """[n] sums over [k - reach, k + reach], what lies outside is zero."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    return total[np.minimum(places + reach + 1, len(values))] - total[np.maximum(places - reach, 0)]


def overall_motion(mouth: Mouth) -> float | None:
    """The standard deviation of the outer height of the lips, per mille of the distance of the eyes; None if unseen."""
    seen = mouth.height[np.isfinite(mouth.height)]
    return float(seen.std() * 1000) if len(seen) > 1 else None

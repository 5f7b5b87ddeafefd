"""Curves over time as paths of an SVG: few points, each the mean of its bin, and a break where nothing was seen."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.report.histograms import round_step
from curation.report.words import number

WIDTH: Final = 1000.0  # of a drawing, in its own units; it is stretched to the page's width
_GAP: Final = 0.25  # s without a value that are bridged
_TICKS: Final = 6


@dataclass(frozen=True)
class Curves:
    """Some values over one clip.

    Args:
        seconds: [n] s after the clip's first frame, rising.
        values: [n, k], NaN where there is none.
        mean_of: values that a point is the mean of, at most; 1 when every value is drawn.
    """

    seconds: np.ndarray
    values: np.ndarray
    mean_of: int = 1

    def path(self, column: int, low: float, high: float, length: float, height: float, digits: int = 1) -> str:
        """One column as a path on a drawing of WIDTH by `height`.

        Args:
            column: which.
            low, high: values at the bottom and at the top; what lies beyond is drawn at the edge.
            length: s from left to right.
            height: of the drawing.
            digits: after the point.
        """
        values = self.values[:, column]
        seen = np.isfinite(values)
        x = np.clip(self.seconds / length, 0.0, 1.0) * WIDTH
        y = height - np.clip((np.where(seen, values, low) - low) / (high - low), 0.0, 1.0) * height
        breaks = np.diff(self.seconds[seen], prepend=-np.inf) > self._longest()
        return line(x[seen], y[seen], breaks, digits)

    def _longest(self) -> float:
        """The longest step, s, that a line bridges."""
        steps = np.diff(self.seconds)
        return max(_GAP, 2.5 * float(np.median(steps))) if len(steps) else _GAP


def line(x: np.ndarray, y: np.ndarray, breaks: np.ndarray, digits: int = 1) -> str:
    """A path through points; it starts anew at each break, and a single point is a dot."""
    found = []
    starts = breaks.tolist()
    for place, (one, two) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        lonely = starts[place] and (place + 1 == len(starts) or starts[place + 1])
        end = "h1" if lonely else ""
        found.append(f"{'M' if starts[place] or not place else 'L'}{_short(one, digits)} {_short(two, digits)}{end}")
    return "".join(found)


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def binned(seconds: np.ndarray, values: np.ndarray, length: float, most: int) -> Curves:
    """Return values over time with at most so many points: means over bins of equal length.

    Args:
        seconds: [n] s after the clip's first frame, rising.
        values: [n] or [n, k], NaN where there is none.
        length: of the clip, s, > 0.
        most: points.
    """
    values = np.asarray(values, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if len(seconds) <= most:
        return Curves(np.asarray(seconds, np.float64), values)
    bins = np.clip((np.asarray(seconds) / length * most).astype(np.int64), 0, most - 1)
    there = np.isfinite(values)
    counts, sums = np.zeros((most, values.shape[1])), np.zeros((most, values.shape[1]))
    np.add.at(counts, bins, there)
    np.add.at(sums, bins, np.where(there, values, 0.0))
    with np.errstate(invalid="ignore"):
        means = sums / counts
    middles = (np.arange(most) + 0.5) * length / most
    return Curves(middles, means, int(np.bincount(bins).max()))


def ticks(length: float) -> list[tuple[float, float, str, str]]:
    """Round moments of a clip: (s, percent of the axis, words, anchor)."""
    step = round_step(length / _TICKS)
    found = []
    for place in range(int(length / step + 1e-9) + 1):
        moment = place * step
        percent = round(100 * moment / length, 3)
        anchor = "start" if percent < 3 else "end" if percent > 95 else "middle"
        found.append((round(moment, 6), percent, f"{number(moment, 4)} s", anchor))
    return found

"""Where the marks of a chart lie: plain numbers that the templates write as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from curation.report.histograms import Histogram, round_step
from curation.report.words import count, exact, number

WIDTH: Final = 320
HEIGHT: Final = 132
LEFT, RIGHT, TOP, BOTTOM = 6.0, 314.0, 18.0, 112.0  # the plot inside the picture
_TICKS: Final = 4
_VISIBLE: Final = 1.5  # a bar that is not empty is at least so high


@dataclass(frozen=True)
class Bar:
    """A rectangle of one kind (kept, outside, elsewhere)."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """A threshold (`min`, `max`) or another value (`line`): its line, its words, and on which side values fail."""

    end: str
    value: float
    x: float
    words: str
    anchor: str
    words_x: float
    fails_x: float
    fails_width: float


@dataclass(frozen=True)
class Tick:
    """A number on the axis."""

    x: float
    words: str
    anchor: str


@dataclass(frozen=True)
class Chart:
    """A drawn histogram."""

    bars: list[Bar]
    marks: list[Mark]
    ticks: list[Tick]
    tallest: str


@dataclass(frozen=True)
class Row:
    """A bar of the table under a histogram: its range and its counts."""

    words: str
    kept: int
    outside: int
    elsewhere: int


def draw(histogram: Histogram) -> Chart:
    """Return the marks of a histogram on a picture of WIDTH by HEIGHT."""
    columns = list(zip(histogram.kept, histogram.outside, histogram.elsewhere, strict=True))
    tallest = max(sum(column) for column in columns)
    bars: list[Bar] = []
    for (low, high), column in zip(pairwise(histogram.edges), columns, strict=True):
        bars += _stack(place(histogram, low), place(histogram, high), column, tallest)
    return Chart(bars, _marks(histogram), _ticks(histogram), count(tallest))


def place(histogram: Histogram, value: float) -> float:
    """The x of a value on the axis."""
    first, last = histogram.edges[0], histogram.edges[-1]
    return round(LEFT + (RIGHT - LEFT) * (value - first) / (last - first), 2)


def rows(histogram: Histogram) -> list[Row]:
    """The bars that are not empty, in words."""
    found = []
    parts = zip(pairwise(histogram.edges), histogram.kept, histogram.outside, histogram.elsewhere, strict=True)
    for (low, high), *counts in parts:
        if any(counts):
            words = exact((low + high) / 2) if histogram.whole else f"{number(low)} – {number(high)}"
            found.append(Row(words, *counts))
    return found


def stacked(parts: Sequence[int], whole: int) -> list[tuple[float, float]]:
    """(x, width) in percent of bars that lie side by side; one that is not empty can be seen."""
    x, found = 0.0, []
    for part in parts:
        width = max(100 * part / whole, 0.4) if part and whole else 0.0
        found.append((round(x, 3), round(min(width, 100 - x), 3)))
        x = min(x + width, 100.0)
    return found


def _stack(left: float, right: float, counts: Sequence[int], tallest: int) -> list[Bar]:
    found, floor = [], BOTTOM
    gap = 0.6 if right - left > 3 else 0.0
    for kind, part in zip(("kept", "outside", "elsewhere"), counts, strict=True):
        if part:
            height = max((BOTTOM - TOP) * part / tallest, _VISIBLE)
            floor = max(floor - height, TOP - 2)
            found.append(Bar(kind, left + gap, round(floor, 2), round(right - left - 2 * gap, 2), round(height, 2)))
    return found


def _marks(histogram: Histogram) -> list[Mark]:
    half = 0.5 if histogram.whole else 0.0  # whole numbers stand in the middle of their bars: the line goes beside
    found = []
    if histogram.low is not None:
        x = place(histogram, histogram.low - half)
        found.append(_mark("min", histogram.low, x, LEFT, x))
    if histogram.high is not None:
        x = place(histogram, histogram.high + half)
        found.append(_mark("max", histogram.high, x, x, RIGHT))
    for value, words in histogram.lines:
        x = place(histogram, value)
        words = "" if found else words  # the words of a bound stand at the same height
        near = x + 4 + 5.5 * len(words) > RIGHT
        found.append(
            Mark("line", value, x, words, "end" if near else "start", round(x - 4 if near else x + 4, 2), x, 0.0)
        )
    return found


def _mark(end: str, value: float, x: float, fails_from: float, fails_to: float) -> Mark:
    words = f"{end} {exact(value)}"
    # Words stand on the side of the values that pass, unless there is no room.
    right = (end == "min") == ((RIGHT - x if end == "min" else x - LEFT) > 6.5 * len(words))
    anchor, words_x = ("start", x + 4) if right else ("end", x - 4)
    width = round(max(fails_to - fails_from, 0.0), 2)
    return Mark(end, value, x, words, anchor, round(words_x, 2), round(fails_from, 2), width)


def _ticks(histogram: Histogram) -> list[Tick]:
    first, last = histogram.edges[0], histogram.edges[-1]
    step = round_step((last - first) / _TICKS)
    if histogram.whole:
        step = max(1.0, float(round(step)))
    found = []
    position = -(-first // step)
    while position * step <= last + 1e-9:
        value = round(position * step, 12) + 0.0  # no -0
        x = place(histogram, value)
        anchor = "start" if x < LEFT + 12 else "end" if x > RIGHT - 12 else "middle"
        found.append(Tick(min(max(x, LEFT), RIGHT), number(value), anchor))
        position += 1
    return found

"""Plots as plain numbers, which templates draw as SVG: dots with intervals, shares of answers, histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmark.leaderboard.model import Board, Cell, Column
from benchmark.show import number
from benchmark.systems import GROUND_TRUTH

LEFT: Final = 132.0  # px of a plot, for names
RIGHT: Final = 348.0
ROW: Final = 18.0


@dataclass(frozen=True)
class Dot:
    """A system in a plot, px. low, high: ends of its interval, cut at the plot's edges; None without any."""

    system: str
    label: str
    kind: str
    y: float
    x: float
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True)
class DotPlot:
    """A metric of all systems. truth: px of the ground truth's number. ticks: px and text. worst: infinitely bad."""

    column: Column
    dots: tuple[Dot, ...]
    truth: float | None
    ticks: tuple[tuple[float, str], ...]
    height: float
    worst: tuple[str, ...]


def dot_plots(board: Board) -> list[DotPlot]:
    """A plot for each metric of which two rows have a comparable number; reported ones are in none."""
    found = []
    for place, column in enumerate(board.columns):
        rows = [(row, row.cells[place]) for row in board.rows if row.kind in ("system", "floor")]
        held = [(row.system, row.kind, cell) for row, cell in rows if cell.value is not None and cell.comparable]
        if column.comparable and len(held) > 1:
            worst = tuple(row.system for row, cell in rows if cell.infinite)
            found.append(_plot(column, sorted(held, key=lambda one: _goodness(column, one[2])), worst))
    return found


def _goodness(column: Column, cell: Cell) -> float:
    value = cell.value or 0.0
    return -value if column.direction == "higher" else value


def _plot(column: Column, held: Sequence[tuple[str, str, Cell]], worst: tuple[str, ...]) -> DotPlot:
    values = [float(cell.value or 0.0) for _, _, cell in held]
    ends = values + _ends(values, [cell for _, _, cell in held])
    low, high = min(ends), max(ends)
    if high == low:
        low, high = low - (abs(low) or 1.0) * 0.1, high + (abs(high) or 1.0) * 0.1
    scale = (RIGHT - LEFT - 12) / (high - low)

    def x(value: float) -> float:
        return round(LEFT + 6 + (min(max(value, low), high) - low) * scale, 2)

    dots = []
    for place, (system, kind, cell) in enumerate(held):
        left, right = (None if end is None else x(end) for end in cell.interval)
        label = system if len(system) <= 19 else system[:18] + "…"
        dots.append(Dot(system, label, kind, place * ROW + 10, x(values[place]), left, right, words(cell)))
    truth = next((dot.x for dot in dots if dot.system == GROUND_TRUTH), None)
    ticks = tuple((x(value), number(value)) for value in (low, high))
    return DotPlot(column, tuple(dots), truth, ticks, len(dots) * ROW + 26, worst)


def _ends(values: Sequence[float], cells: Sequence[Cell]) -> list[float]:
    """Ends of intervals that the plot makes room for: all but those that would press everything else together."""
    known = [(low, high) for low, high in (cell.interval for cell in cells) if low is not None and high is not None]
    widths = sorted(high - low for low, high in known)
    room = 2 * max(max(values) - min(values), widths[len(widths) // 2] if widths else 0.0)
    return [end for pair in known for end in pair if min(values) - room <= end <= max(values) + room]


def words(cell: Cell) -> str:
    """A cell as text."""
    if cell.reason:
        return "–"
    if cell.printed is not None:
        return cell.printed
    if not cell.comparable:
        return "not comparable"
    low, high = (number(end) if end is not None else "–" for end in cell.interval)
    return number(cell.value, cell.infinite) + ("" if low == high == "–" else f" ({low} to {high})")


@dataclass(frozen=True)
class ConfusionPlot:
    """What a panel answered: a row per label, shares of its clips, 0..1, in steps of tenths for the shade."""

    labels: tuple[str, ...]
    answers: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]


def confusion_plot(details: Mapping[str, Any]) -> ConfusionPlot | None:
    """From `details.confusion` of a metric; None without one."""
    table = details.get("confusion")
    if not isinstance(table, Mapping):
        return None
    counts = [[float(value) for value in row] for row in table["counts"]]
    shares = tuple(tuple(value / (sum(row) or 1.0) for value in row) for row in counts)
    return ConfusionPlot(tuple(map(str, table["labels"])), tuple(map(str, table["answers"])), shares)


@dataclass(frozen=True)
class Bar:
    """A bin: px from the left, its width, heights of the system's bar and of the other's line, px; and in words."""

    x: float
    width: float
    height: float
    other: float | None
    words: str


@dataclass(frozen=True)
class HistogramPlot:
    """How values of clips are spread. other: whose values the line shows; None for nobody's."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    other: str | None
    n: int
    last: str


def histogram_plot(
    title: str, unit: str, values: Sequence[float], others: Sequence[float], other: str, top: float, bins: int
) -> HistogramPlot:
    """Shares of clips in bins of one width from 0 to `top`; larger values stand in the last bin."""
    own, theirs = _shares(values, top, bins), _shares(others, top, bins)
    highest = max([*own, *theirs, 1e-9])
    width, step = (RIGHT - 12) / bins, top / bins
    bars = tuple(
        Bar(
            round(6 + place * width, 2), round(width - 1, 2), round(90 * share / highest, 2),
            round(90 * theirs[place] / highest, 2) if others else None,
            f"{place * step:g} to {(place + 1) * step:g} {unit}: {share:.0%} of clips"
            + (f", {theirs[place]:.0%} of {other}" if others else ""),
        )
        for place, share in enumerate(own)
    )  # fmt: skip
    return HistogramPlot(title, unit, bars, other if others else None, len(values), f"{top:g}")


def _shares(values: Sequence[float], top: float, bins: int) -> list[float]:
    counts = [0] * bins
    for value in values:
        if math.isfinite(value):
            counts[min(max(int(value / top * bins), 0), bins - 1)] += 1
    return [count / (len(values) or 1) for count in counts]

"""Rows and sentences in which a command shows a ladder to people."""

from __future__ import annotations

from typing import Final

from benchmark.ladder.record import Cell, Ladder

Row = tuple[str, ...]
MARKS: Final = {"must": "m", "must not": "n", "same": "n", "may": " "}
LEGEND: Final = (
    "a number is Spearman's correlation of getting worse with the step; m: must answer this axis, n: must not; !: does "
    "otherwise; -: no number"
)


def ladder_table(ladder: Ladder) -> list[Row]:
    """A line per metric, a column per axis."""
    rows: list[Row] = [("metric", *(axis.name for axis in ladder.axes))]
    rows += [
        (found.key, *(_shown(ladder.cell(found.key, axis.name)) for axis in ladder.axes)) for found in ladder.metrics
    ]
    return rows


def _shown(cell: Cell) -> str:
    number = "-" if cell.spearman is None else f"{cell.spearman:.2f}"
    return f"{number} {MARKS[cell.says]}{'!' if cell.wrong else ' '}".rstrip()


def ladder_lines(ladder: Ladder) -> list[str]:
    """What belongs below the table: the legend, false responses with what is known of them, what is left out."""
    wrong = ladder.wrong
    lines = [LEGEND, f"{len(wrong)} false responses of {len(ladder.cells)}"]
    lines += [f"{cell.metric} on {cell.axis}: {cell.wrong}; {cell.explanation}" for cell in wrong]
    lines += [f"left out: {key}: {why}" for key, why in ladder.left_out.items()]
    return [*lines, *(f"not comparable with other lists: {mark}" for mark in ladder.marks)]

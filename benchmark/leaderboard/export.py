"""The whole table as JSON and as CSV: the rows that the pages show."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

from benchmark.leaderboard.model import Board, Cell, Column, Dataset, Row, Site

COLUMNS: Final = (
    "dataset", "table", "list", "clips of the list", "subset", "system", "kind", "metric", "name", "value", "infinite",
    "low", "high", "unit", "better", "n", "rank", "not told apart from", "comparable", "printed", "marks", "source",
    "why absent",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_json(site: Site) -> str:
    """leaderboard.json."""
    return site.model_dump_json(indent=1) + "\n"


def as_csv(site: Site) -> str:
    """leaderboard.csv: a line per number; text that a spreadsheet would take for a formula begins with '."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for dataset in site.datasets:
        for line in _lines(dataset):
            writer.writerow([_safe(cell) for cell in line])
    return out.getvalue()


def _safe(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return "'" + cell
    return "" if cell is None else cell


def _lines(dataset: Dataset) -> Iterator[Sequence[object]]:
    for board in dataset.boards:
        yield from _board(dataset.name, board)
    if dataset.elsewhere is not None:
        for row in dataset.elsewhere.rows:
            yield from _row(dataset.name, "elsewhere", None, "", dataset.elsewhere.columns, row)
    if dataset.opinions is not None:
        for said in dataset.opinions.rows:
            for question, cell in zip(dataset.opinions.questions, said.cells, strict=True):
                yield _line(
                    (dataset.name, "opinion", None, None, "", said.system, said.kind, question),
                    cell, ("1 to 5", "higher"), "", said.study or said.source,
                )  # fmt: skip


def _board(dataset: str, board: Board) -> Iterator[Sequence[object]]:
    for row in board.rows:
        yield from _row(dataset, "board", board, "", board.columns, row)
    for facet in board.facets:
        for row in facet.rows:
            yield from _row(dataset, "board", board, f"{facet.kind} {facet.name}", facet.columns, row)


def _row(
    dataset: str, table: str, board: Board | None, subset: str, columns: Sequence[Column], row: Row
) -> Iterator[Sequence[object]]:
    which = (board.test_list_sha256, board.clips or None) if board is not None else (None, None)
    marks = "; ".join(mark.full for mark in row.marks)
    for column, cell in zip(columns, row.cells, strict=True):
        key = (dataset, table, *which, subset, row.system, row.kind, column.key)
        yield _line(key, cell, (column.unit, column.direction), marks, row.source)


def _line(
    key: tuple[object, ...], cell: Cell, form: tuple[str, str], marks: str, source: str | None
) -> Sequence[object]:
    return (
        *key, cell.name, cell.value, "yes" if cell.infinite else "", *cell.interval, *form, cell.n, cell.rank,
        "; ".join(cell.tied), "yes" if cell.comparable and not cell.reason else "", cell.printed, marks, source,
        cell.reason,
    )  # fmt: skip

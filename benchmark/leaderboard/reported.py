"""Rows that papers report: beside measured ones where the column has the same name in print, never ranked."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.leaderboard.board import title_of
from benchmark.leaderboard.model import Board, Cell, Column, Elsewhere, Mark, Row, Source
from benchmark.leaderboard.names import group_of
from benchmark.metrics import metric
from benchmark.published import Published
from benchmark.published import Row as Printed


def sources(published: Published) -> dict[str, Source]:
    """Where numbers are printed."""
    return {key: Source(**source.model_dump()) for key, source in published.sources.items()}


def add_reported(board: Board, published: Published, dataset: str) -> Board:
    """The board with the published results of its data set; columns that it lacks are added for them."""
    printed = published.of(dataset, "results")
    columns = _extended(board.columns, printed, published)
    more = len(columns) - len(board.columns)
    blank = Cell(reason="It was not measured here: the column holds reported numbers only.")
    rows = tuple(row.model_copy(update={"cells": (*row.cells, *[blank] * more)}) for row in board.rows)
    return board.model_copy(
        update={"columns": columns, "rows": (*rows, *(_row(row, columns, published) for row in printed))}
    )


def only_reported(dataset: str, published: Published) -> Board | None:
    """A board of a data set that no bundle is about; None where nothing is reported either."""
    if not published.of(dataset, "results"):
        return None
    empty = Board(
        anchor="reported", dataset=dataset, version=None, protocol_sha256=None, test_list_sha256=None, clips=0,
        persons=0, complete=False, shortfalls=(), differs=False, columns=(), rows=(),
    )  # fmt: skip
    return add_reported(empty, published, dataset)


def elsewhere(dataset: str, published: Published) -> Elsewhere | None:
    """Ablations, and numbers of other lists of clips."""
    printed = [*published.of(dataset, "ablation"), *published.of(dataset, "elsewhere")]
    columns = _extended((), printed, published)
    return Elsewhere(columns=columns, rows=tuple(_row(row, columns, published) for row in printed)) if printed else None


def _extended(columns: Sequence[Column], printed: Sequence[Printed], published: Published) -> tuple[Column, ...]:
    wanted = dict.fromkeys(published.columns[name] for row in printed for name in row.printed)
    there = {column.key for column in columns}
    return (*columns, *(_column(key) for key in wanted if key not in there))


def _column(key: str) -> Column:
    found = metric(key)
    return Column(
        key=key, name=None, title=title_of(key), direction=found.direction, unit=found.unit, group=group_of(key)
    )


def _row(row: Printed, columns: Sequence[Column], published: Published) -> Row:
    named = {published.columns[name]: (name, text) for name, text in row.printed.items()}
    cells, used = [], set()
    for column in columns:
        if column.key in named and column.key not in used:
            used.add(column.key)
            name, text = named[column.key]
            cells.append(Cell(value=float(text), printed=text, name=f"{name} as printed", comparable=False))
        else:
            cells.append(Cell(reason="The paper does not report it."))
    left = "; ".join(published.sources[row.source].open)
    short = "ablation" if row.table == "ablation" else "other list" if row.table == "elsewhere" else "reported"
    mark = Mark(short=short, full=f"As printed; not comparable. Left open: {left}.")
    return Row(system=row.method, kind="reported", marks=(mark,), source=row.source, cells=tuple(cells))

"""The clips of one emotion, or of one person: means over them with intervals, for metrics with values of clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmark.leaderboard.entries import Entry
from benchmark.leaderboard.model import Board, Cell, Facet, Row
from benchmark.leaderboard.names import slug
from benchmark.paired import Scored
from manifests.emotions import EMOTIONS
from manifests.text import printable


def facets(board: Board, entries: Sequence[Entry], suffix: str = "") -> tuple[Facet, ...]:
    """All emotions and persons of a board.

    Args:
        board: with measured columns only, its rows those of `entries`.
        suffix: of the pages' names, where a page of this name may be another board's.
    """
    table = entries[0].bundle.clips
    ids = table["id"].to_pylist()
    emotions = [emotion or compound for emotion, compound in zip(
        table["emotion"].to_pylist(), table["compound"].to_pylist(), strict=True)]  # fmt: skip
    scored = _scored(board, entries)
    found = []
    for kind, labels in (("emotion", emotions), ("identity", table["identity"].to_pylist())):
        for name in _in_order(labels):
            clips = frozenset(clip for clip, label in zip(ids, labels, strict=True) if label == name)
            page = f"{slug(board.dataset)}/{kind}-{slug(name)}{suffix}.html"
            found.append(_facet(kind, name, page, clips, board, scored))
    return tuple(found)


def _in_order(labels: Iterable[str | None]) -> list[str]:
    order = {name: place for place, name in enumerate(EMOTIONS)}
    names = {label for label in labels if label}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def _scored(board: Board, entries: Sequence[Entry]) -> list[dict[str, Mapping[str, float]]]:
    """For each row: name of a column -> clip -> value, where the number is a mean over clips."""
    found = []
    for row, entry in zip(board.rows, entries, strict=True):
        values: dict[str, Mapping[str, float]] = {}
        for column, cell in zip(board.columns, row.cells, strict=True):
            line = entry.bundle.results.line(column.key)
            if line is None or column.name is None or cell.reason or not cell.comparable:
                continue
            scored = Scored(line, entry.bundle)
            if scored.is_mean:
                values[column.name] = scored.per_clip
        found.append(values)
    return found


def _facet(
    kind: str, name: str, page: str, clips: frozenset[str], board: Board,
    scored: Sequence[Mapping[str, Mapping[str, float]]],
) -> Facet:  # fmt: skip
    over_clips = {column for values in scored for column in values}
    columns = tuple(column for column in board.columns if column.name in over_clips)
    rows = tuple(
        Row(system=row.system, kind=row.kind, does=row.does, page=row.page, cells=tuple(
            _cell(values.get(str(column.name), {}), clips) for column in columns))
        for row, values in zip(board.rows, scored, strict=True)
    )  # fmt: skip
    undefined = tuple(column.key for column in board.columns if column.name not in over_clips)
    return Facet(
        kind="emotion" if kind == "emotion" else "identity", name=printable(name), page=page, clips=len(clips),
        columns=columns, undefined=undefined, rows=rows,
    )  # fmt: skip


def _cell(values: Mapping[str, float], clips: frozenset[str]) -> Cell:
    from benchmark.statistics.intervals import bca

    own = [value for clip, value in values.items() if clip in clips]
    if not own:
        return Cell(reason="No clip of these has a comparable number of it.")
    found = bca(own)
    low, high = (float(end) if abs(end) != float("inf") else None for end in (found.low, found.high))
    return Cell(value=sum(own) / len(own), interval=(low, high), n=len(own), method=found.method)

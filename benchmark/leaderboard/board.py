"""A board: systems on one list of clips, with ranks of each column from paired differences on the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.leaderboard.entries import Entry, ListKey, does, marks
from benchmark.leaderboard.model import Board, Cell, Column, Row
from benchmark.leaderboard.names import group_of
from benchmark.metrics import NotApplicable, keys, metric
from benchmark.paired import Scored, p_value
from benchmark.statistics.ranks import LEVEL, from_pairs
from benchmark.systems import GROUND_TRUTH
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import MetricLine, Results


def board(key: ListKey, entries: Sequence[Entry], dataset: str, anchor: str, pages: Mapping[str, str]) -> Board:
    """Make the table of a list; reported rows and facets are added later.

    Args:
        key, entries: of `by_list`. dataset: name of its page. anchor: of the table on it.
        pages: seal of a bundle -> the system's page.
    """
    results = entries[0].bundle.results
    columns = _columns(entries)
    cells = {entry.seal: [_cell(entry.bundle.results, column) for column in columns] for entry in entries}
    for place, column in enumerate(columns):
        for seal, cell in _ranked(entries, column).items():
            cells[seal][place] = cells[seal][place].model_copy(update=cell)
    ordered = sorted(entries, key=lambda entry: _place(entry, cells[entry.seal]))
    return Board(
        anchor=anchor, dataset=dataset, version=key[1], protocol_sha256=key[2], test_list_sha256=key[3],
        clips=results.test_list.clips, persons=len(set(entries[0].bundle.clips["identity"].to_pylist())),
        complete=results.test_list.complete, shortfalls=tuple(map(printable, results.test_list.shortfalls)),
        differs=_differs(key), columns=tuple(columns),
        rows=tuple(_row(entry, cells[entry.seal], pages[entry.seal]) for entry in ordered),
    )  # fmt: skip


def _place(entry: Entry, cells: Sequence[Cell]) -> tuple[object, ...]:
    """Ranked systems by their rank in the first column, the ground truth, floors, what is not comparable."""
    rank = next((cell.rank for cell in cells if cell.rank is not None), 0)
    kinds = ("system", "floor", "not comparable")
    return kinds.index(entry.kind), rank, entry.name != GROUND_TRUTH, entry.name.lower(), entry.seal


def _differs(key: ListKey) -> bool:
    from benchmark.protocol import load_protocol, protocol_names

    return key[0] not in protocol_names() or load_protocol(key[0]).sha256 != key[2]


def _row(entry: Entry, cells: Sequence[Cell], page: str) -> Row:
    return Row(
        system=entry.name, kind=entry.kind, does=does(entry), marks=marks(entry), page=page, bundle=place(entry.folder),
        seal=entry.seal, made_at=entry.bundle.results.made_at, earlier=tuple(map(place, entry.earlier)),
        cells=tuple(cells),
    )  # fmt: skip


def place(folder: Path) -> str:
    """A bundle's folder inside its site."""
    return f"{folder.parent.name}/{folder.name}"


def _columns(entries: Sequence[Entry]) -> list[Column]:
    """One for each metric name, in the protocol's order; two extractors of a metric are two columns.

    A number on seeded weights goes into the column of its metric, and has one of its own where there is none.
    """
    listed = [str(key) for key in entries[0].bundle.results.protocol.resolved.get("metrics", [])]
    lines: dict[str, dict[str, MetricLine]] = {}
    for entry in entries:
        for line in entry.bundle.results.metrics:
            lines.setdefault(line.key, {}).setdefault(line.name, line)
    found = []
    for key in [*(key for key in listed if key in lines), *(key for key in lines if key not in listed)]:
        sure = [line for line in lines[key].values() if line.comparable]
        found += [_column(line) for line in sorted(sure or list(lines[key].values())[:1], key=lambda line: line.name)]
    return found


def _column(line: MetricLine) -> Column:
    return Column(
        key=printable(line.key), name=printable(line.name), title=title_of(line.key), direction=line.direction,
        unit=printable(line.unit), group=group_of(line.key), comparable=line.comparable,
    )  # fmt: skip


def title_of(key: str) -> str:
    """A metric for people; its key where this program does not know it."""
    return metric(key).title if key in keys() else printable(key)


def _cell(results: Results, column: Column) -> Cell:
    line = next((line for line in results.metrics if line.key == column.key), None)
    if line is None:
        why = results.not_applicable.get(column.key) or results.left_out.get(column.key)
        return Cell(reason=printable(why) if why else "The bundle has no number of it.")
    if line.comparable and printable(line.name) != column.name:
        return Cell(reason=f"Measured by another extractor: {printable(line.name)}.")
    return Cell(
        value=line.value, infinite=line.infinite, interval=line.interval, n=line.n, method=line.method,
        name=printable(line.name), comparable=line.comparable,
    )  # fmt: skip


def _ranked(entries: Sequence[Entry], column: Column) -> dict[str, dict[str, object]]:
    """Seal of each ranked system that has a number in the column -> rank, ties and p-values."""
    having = []
    for entry in entries:
        line = entry.bundle.results.line(column.key)
        if entry.kind == "system" and line is not None and printable(line.name) == column.name:
            having.append((entry, Scored(line, entry.bundle)))
    if len(having) < 2 or not column.comparable:  # a rank says whom one was held against
        return {}
    scores = [scored for _, scored in having]
    p = np.ones((len(having), len(having)))
    for i in range(len(having)):
        for j in range(i):
            p[i, j] = p[j, i] = _p(scores[i], scores[j])
    bad = np.inf if column.direction == "lower" else -np.inf
    values = np.array([bad if one.line.value is None else one.line.value for one in scores])
    found, adjusted = from_pairs(values, p, column.direction == "higher")
    names = [entry.name for entry, _ in having]
    return {
        entry.seal: {
            "rank": int(found[i]),
            "shared": bool((found == found[i]).sum() > 1),
            "tied": tuple(name for j, name in enumerate(names) if j != i and adjusted[i, j] > LEVEL),
            "p": {name: float(adjusted[i, j]) for j, name in enumerate(names) if j != i},
        }
        for i, (entry, _) in enumerate(having)
    }


def _p(one: Scored, other: Scored) -> float:
    """Of two systems; 1 where nothing can be said: what cannot be tested is not told apart."""
    made = [scored.bundle.features.made_by for scored in (one, other)]
    needs = metric(one.line.key).needs
    if any(made[0].get(feature) != made[1].get(feature) for feature in needs if all(feature in by for by in made)):
        return 1.0
    try:
        found = p_value(one, other)
    except (NotApplicable, BenchmarkError):
        return 1.0
    return 1.0 if found is None else found

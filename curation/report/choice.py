"""Which clips a report shows: a few kept ones and a few per reason, the same ones every time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.histograms import failing, values_of

MOST: Final = 60  # pictures in a report
_KEPT: Final = 12
_PER_REASON: Final = 6
_REACH: Final = 50  # neighbours among which a clip of another source is looked for


@dataclass(frozen=True)
class Group:
    """Clips that are shown together.

    Args:
        reason: the code that speaks against them, None for kept clips.
        columns: the bounded columns that decide the reason, none when no column does.
        total: how many clips there are of this kind.
        rows: their positions in the table, those that are shown.
    """

    reason: str | None
    columns: tuple[str, ...]
    total: int
    rows: tuple[int, ...]


def choose(clips: pa.Table, select: Mapping[str, Mapping[str, float | None]]) -> list[Group]:
    """Return the kept clips to show, then those of each reason, the most frequent reason first.

    Kept clips are spread over the sources. Clips of a reason that one threshold decides go from those that
    fail it least to those that fail it most; other reasons' clips are spread over the sources too.

    Args:
        clips: the columns `source`, `status`, `reasons` and the measured ones, sorted by id.
        select: the recipe's thresholds.
    """
    sources = pc.rank(clips.column("source"), tiebreaker="dense").to_numpy()
    kept = np.flatnonzero(pc.equal(clips.column("status"), "kept").to_numpy())
    found = [Group(None, (), len(kept), spread(kept, sources, _KEPT))] if len(kept) else []
    members = _by_reason(clips)
    each = min(_PER_REASON, max(1, (MOST - _KEPT) // max(1, len(members))))
    for reason, rows in list(members.items())[: MOST - _KEPT]:
        found.append(_of_reason(clips, reason, rows, each, select, sources))
    return found


def _by_reason(clips: pa.Table) -> dict[str, np.ndarray]:
    """Reason -> rows of the dropped clips that have it, the most frequent first."""
    dropped = np.flatnonzero(pc.equal(clips.column("status"), "dropped").to_numpy())
    lists = clips.column("reasons").combine_chunks().take(pa.array(dropped))
    codes, parents = lists.flatten().dictionary_encode(), pc.list_parent_indices(lists).to_numpy()
    names = codes.dictionary.to_pylist()
    indices = codes.indices.to_numpy()
    rows = {name: dropped[parents[indices == place]] for place, name in enumerate(names)}
    return dict(sorted(rows.items(), key=lambda item: (-len(item[1]), item[0])))


def _of_reason(
    clips: pa.Table, reason: str, rows: np.ndarray, each: int, select: Mapping[str, Any], sources: np.ndarray
) -> Group:
    from manifests.schema import measured

    columns = tuple(column for column, code in measured().items() if code == reason and select.get(column))
    if len(columns) == 1:
        low, high = select[columns[0]].get("min"), select[columns[0]].get("max")
        values = values_of(clips.column(columns[0]))[rows]
        outside = failing(values, low, high)
        if outside.any():
            distance = _distance(values[outside], low, high)
            ordered = rows[outside][np.lexsort((rows[outside], distance))]
            return Group(reason, columns, len(rows), _evenly_of_sources(ordered, sources, each))
    return Group(reason, columns, len(rows), spread(rows, sources, each))


def _distance(values: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """How far each value lies outside; a missing value lies farthest."""
    under = np.maximum(0.0 if low is None else low - values, 0.0)
    over = np.maximum(0.0 if high is None else values - high, 0.0)
    return np.where(np.isfinite(values), under + over, np.inf)


def spread(rows: np.ndarray, sources: np.ndarray, most: int) -> tuple[int, ...]:
    """At most so many rows, of as many sources as possible, sorted."""
    firsts = rows[np.unique(sources[rows], return_index=True)[1]]
    if len(firsts) >= most:
        return tuple(sorted(_evenly(firsts, most)))
    others = np.setdiff1d(rows, firsts)
    return tuple(sorted((*map(int, firsts), *_evenly(others, most - len(firsts)))))


def _evenly_of_sources(rows: np.ndarray, sources: np.ndarray, most: int) -> tuple[int, ...]:
    """As `_evenly`, but a neighbour of another source is taken where a source would be shown twice."""
    used: set[int] = set()
    found: set[int] = set()
    for place in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int):
        near = sorted(range(max(0, place - _REACH), min(len(rows), place + _REACH + 1)), key=lambda i: abs(i - place))
        free = [other for other in near if other not in found]
        best = next((other for other in free if int(sources[rows[other]]) not in used), free[0])
        found.add(best)
        used.add(int(sources[rows[best]]))
    return tuple(int(rows[place]) for place in sorted(found))


def _evenly(rows: np.ndarray, most: int) -> tuple[int, ...]:
    """At most so many rows at even distances, the first and the last among them."""
    if len(rows) <= most:
        return tuple(map(int, rows))
    return tuple(int(rows[place]) for place in np.linspace(0, len(rows) - 1, most).round().astype(int))

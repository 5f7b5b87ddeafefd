"""What differs between two manifests: clips by id, column by column, and the rows of every table."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.context import position
from manifests.schema import FRAME_TABLES, SNAPSHOT_TABLES, schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest


@dataclass(frozen=True)
class Difference:
    """How a second manifest differs from a first.

    Attributes:
        added: ids of clips that only the second has, sorted.
        removed: ids of clips that only the first has, sorted.
        changed: id of a clip that both have -> the columns that differ.
        columns: column -> clips in which it differs.
        kept: kept clips of (first, second).
        tables: table -> its rows in (first, second).
    """

    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    kept: tuple[int, int] = (0, 0)
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether the clips are the same in every column and all tables have as many rows."""
        counts = all(first == second for first, second in self.tables.values())
        return counts and not (self.added or self.removed or self.changed)

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        return {"same": self.same, **vars(self)}


def diff(first: "Manifest", second: "Manifest") -> Difference:
    """Return what differs between two opened manifests.

    Wall-clock facts (when, how long, how often) live in `sources` and `outcomes`, so of these only rows are counted.
    """
    ids = [manifest.table("clips", ["id"]).column("id") for manifest in (first, second)]
    where, back = position(ids[0], ids[1]), position(ids[1], ids[0])
    rows = [pa.array(np.flatnonzero(where >= 0)), pa.array(where[where >= 0])]
    common = ids[0].take(rows[0])
    changed: dict[str, list[str]] = {}
    columns: dict[str, int] = {}
    for column in schema("clips").names:  # one at a time: a million rows with all of their columns fill 2 GB twice
        ours, theirs = (
            manifest.table("clips", [column]).column(column).take(use)
            for manifest, use in zip((first, second), rows, strict=True)
        )
        differs = _differs(ours, theirs)
        if differs.any():
            columns[column] = int(differs.sum())
            for clip in common.filter(pa.array(differs)).to_pylist():
                changed.setdefault(clip, []).append(column)
    tables = {name: _rows(first, second, name) for name in SNAPSHOT_TABLES}
    tables |= {name: (_frame_rows(first, name), _frame_rows(second, name)) for name in FRAME_TABLES}
    return Difference(
        added=ids[1].filter(pa.array(back < 0)).to_pylist(),
        removed=ids[0].filter(pa.array(where < 0)).to_pylist(),
        changed=dict(sorted(changed.items())),
        columns=columns,
        kept=(_kept(first), _kept(second)),
        tables=tables,
    )


def _differs(first: pa.ChunkedArray, second: pa.ChunkedArray) -> np.ndarray:
    """[rows] bool; two nulls are the same, and so are two values that are not a number."""
    left, right = first.combine_chunks(), second.combine_chunks()
    if pa.types.is_list(left.type):
        return _lists_differ(left, right)
    same = pc.or_(pc.fill_null(pc.equal(left, right), False), pc.and_(left.is_null(), right.is_null()))
    if pa.types.is_floating(left.type):
        neither = pc.and_(pc.is_nan(left), pc.is_nan(right))
        same = pc.or_(same, pc.fill_null(neither, False))
    return ~same.to_numpy(zero_copy_only=False)


def _lists_differ(left: pa.ListArray, right: pa.ListArray) -> np.ndarray:
    """[rows] bool of two list columns, item by item."""
    lengths = [pc.fill_null(pc.list_value_length(side), -1).to_numpy() for side in (left, right)]
    differs = lengths[0] != lengths[1]
    alike = np.flatnonzero(~differs)
    ours, theirs = left.take(pa.array(alike)), right.take(pa.array(alike))
    items = _differs(*(pa.chunked_array([pc.list_flatten(side)]) for side in (ours, theirs)))
    differs[alike[pc.list_parent_indices(ours).to_numpy()[items]]] = True
    return differs


def _kept(manifest: "Manifest") -> int:
    return pc.sum(pc.equal(manifest.table("clips", ["status"]).column("status"), "kept")).as_py() or 0


def _rows(first: "Manifest", second: "Manifest", table: str) -> tuple[int, int]:
    counts = [manifest.content["tables"][table]["rows"] for manifest in (first, second)]
    return counts[0], counts[1]


def _frame_rows(manifest: "Manifest", table: str) -> int:
    return sum(entry["rows"] for entry in manifest.content[table].values())

"""Thresholds applied to measured columns: no media is opened, a million clips take seconds."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.recipe import Bound, Thresholds
from manifests.schema import measured, schema
from manifests.text import nearest


@dataclass(frozen=True)
class Comparison:
    """What other thresholds change: counts of clips before and after.

    Attributes:
        clips: all candidates.
        failed: candidates that failed and that no threshold brings back.
        kept: (before, after).
        gained: dropped before, kept after.
        lost: kept before, dropped after.
        reasons: reason -> (clips that fail it before, after).
    """

    clips: int
    failed: int
    kept: tuple[int, int]
    gained: int
    lost: int
    reasons: dict[str, tuple[int, int]] = field(default_factory=dict)


def select(clips: pa.Table, thresholds: Thresholds) -> pa.Table:
    """Return `clips` with `status` and `reasons` decided anew by thresholds.

    A value that is null, not a number or infinite fails. Both ends of a bound are inside, compared at the precision
    of the column. Reasons that no measured column owns (such as duplicate) stay; failed clips stay failed.

    Args:
        clips: table of the schema `clips`.
        thresholds: measured column -> Bound.

    Returns:
        The same rows in the same order; `reasons` lists every failing reason, in the order of the columns,
        then those of other origin by name.

    Raises:
        ManifestError: a threshold on a column that is not measured (with the nearest right one).
    """
    reasons = measured()
    for column in thresholds:
        if column not in reasons:
            raise ManifestError(f"{column} is not a measured column of clips: {nearest(column, reasons)}")
    codes, fails = _foreign(clips, set(reasons.values()))
    own = list(dict.fromkeys(reasons.values()))
    by_reason = {reason: np.zeros(clips.num_rows, dtype=bool) for reason in own}
    for column, bound in thresholds.items():
        by_reason[reasons[column]] |= _outside(clips.column(column), bound)
    matrix = np.column_stack([*by_reason.values(), fails])
    failed = _failed(clips)
    dropped = matrix.any(axis=1)
    status = np.where(failed, "failed", np.where(dropped, "dropped", "kept"))
    listed = _lists(matrix, own + codes)
    if failed.any():  # rare: their rows keep what they said
        listed = pc.if_else(pa.array(failed), clips.column("reasons").combine_chunks(), listed)
    return _with(_with(clips, "status", pa.array(status, pa.string())), "reasons", listed)


def compare(before: pa.Table, after: pa.Table) -> Comparison:
    """Return how two selections of the same clips differ.

    Args:
        before: table of the schema `clips`.
        after: the same rows in the same order with another status, as `select` returns them.

    Raises:
        ManifestError: the rows are not the same clips.
    """
    if not before.column("id").equals(after.column("id")):
        raise ManifestError("Two selections can be compared only when they hold the same clips in the same order.")
    kept_before, kept_after = _kept(before), _kept(after)
    counts = [_reason_counts(table) for table in (before, after)]
    order = [*dict.fromkeys(measured().values()), *sorted(counts[0] | counts[1])]
    reasons = {r: (counts[0].get(r, 0), counts[1].get(r, 0)) for r in dict.fromkeys(order)}
    return Comparison(
        clips=before.num_rows,
        failed=int(_failed(after).sum()),
        kept=(int(kept_before.sum()), int(kept_after.sum())),
        gained=int((kept_after & ~kept_before).sum()),
        lost=int((kept_before & ~kept_after).sum()),
        reasons={reason: pair for reason, pair in reasons.items() if any(pair)},
    )


def _outside(column: pa.ChunkedArray, bound: Bound) -> np.ndarray:
    """[rows] bool, True where a value fails; a null and a NaN are inside nothing."""
    kind = column.type if pa.types.is_floating(column.type) else pa.float64()
    values = pc.cast(column, kind)
    inside = pc.is_finite(values)
    # The bound takes the column's precision: 0.95 stored as float32 is below 0.95 as float64.
    if bound.min is not None:
        inside = pc.and_(inside, pc.greater_equal(values, pa.scalar(bound.min, kind)))
    if bound.max is not None:
        inside = pc.and_(inside, pc.less_equal(values, pa.scalar(bound.max, kind)))
    return ~pc.fill_null(inside, False).to_numpy()


def _foreign(clips: pa.Table, own: set[str]) -> tuple[list[str], np.ndarray]:
    """The codes in `reasons` that no measured column owns, and [rows, codes] bool where they stand."""
    column = clips.column("reasons").combine_chunks()
    items, rows = column.flatten(), pc.list_parent_indices(column).to_numpy()
    codes = sorted(set(pc.unique(items).to_pylist()) - own)
    matrix = np.zeros((clips.num_rows, len(codes)), dtype=bool)
    for position, code in enumerate(codes):
        matrix[rows[pc.equal(items, code).to_numpy(zero_copy_only=False)], position] = True
    return codes, matrix


def _lists(matrix: np.ndarray, codes: list[str]) -> pa.ListArray:
    """One list per row of the codes that are True in it, in the order of the columns."""
    offsets = np.zeros(len(matrix) + 1, dtype=np.int32)
    np.cumsum(matrix.sum(axis=1), out=offsets[1:])
    items = pa.array(codes, pa.string()).take(pa.array(np.nonzero(matrix)[1]))
    return pa.ListArray.from_arrays(pa.array(offsets), items)


def _with(clips: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return clips.set_column(clips.schema.get_field_index(name), schema("clips").field(name), values)


def _kept(clips: pa.Table) -> np.ndarray:
    return pc.equal(clips.column("status"), "kept").to_numpy()


def _failed(clips: pa.Table) -> np.ndarray:
    return pc.equal(clips.column("status"), "failed").to_numpy()


def _reason_counts(clips: pa.Table) -> dict[str, int]:
    counted = pc.value_counts(pc.list_flatten(clips.column("reasons")))
    return {item["values"]: item["counts"] for item in counted.to_pylist()}

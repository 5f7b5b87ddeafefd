"""Typed Arrow tables from rows and columns, and how ids and landmarks are written."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.tables import FRAME_TABLES as FRAME_TABLES
from manifests.tables import ID_KINDS as ID_KINDS
from manifests.tables import PREFIXES as PREFIXES
from manifests.tables import SCHEMA_VERSION as SCHEMA_VERSION
from manifests.tables import SCHEMAS as SCHEMAS
from manifests.tables import SNAPSHOT_TABLES as SNAPSHOT_TABLES
from manifests.tables import SOURCE_TABLES as SOURCE_TABLES
from manifests.tables import TABLES as TABLES
from manifests.tables import WHOLE_COLUMNS as WHOLE_COLUMNS
from manifests.tables import WHOLE_TABLES as WHOLE_TABLES
from manifests.text import nearest

STATUSES: Final = ("kept", "dropped", "failed")
LANDMARK_STEPS: Final = 16384  # a landmark's unit is the picture's long side / LANDMARK_STEPS


def schema(table: str) -> pa.Schema:
    """Return the schema of a table; raises ManifestError for an unknown name."""
    if table not in SCHEMAS:
        raise ManifestError(f"There is no table {table!r}: {nearest(table, TABLES)}")
    return SCHEMAS[table]


def measured() -> dict[str, str]:
    """Return the measured columns of `clips` that a recipe may bound, each with its reason, in fixed order."""
    notes = {field.name: field.metadata or {} for field in SCHEMAS["clips"]}
    return {name: note[b"reason"].decode() for name, note in notes.items() if b"reason" in note}


def make_id(kind: str, *parts: str | int) -> str:
    """Return the deterministic id of an item.

    Args:
        kind: source, shot, track, clip or speech.
        parts: what makes the item what it is; order and type matter, and no two lists run together.

    Returns:
        A prefix, an underscore and the first 16 hexadecimal digits of a SHA-256.

    Raises:
        ManifestError: unknown kind, no parts, or a part that is neither text nor a whole number.
    """
    if kind not in PREFIXES:
        raise ManifestError(f"There is no kind of id {kind!r}: {nearest(kind, PREFIXES)}")
    if not parts:
        raise ManifestError(f"An id of kind {kind} needs at least one part.")
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int):
            raise ManifestError(f"A part of an id is text or a whole number, not {type(part).__name__}.")
        # surrogatepass keeps names that are not valid Unicode apart from each other
        text = str(part).encode("utf-8", "surrogatepass")
        digest.update(b"%c%d:" % (b"i" if isinstance(part, int) else b"s", len(text)))
        digest.update(text)
    return f"{PREFIXES[kind]}_{digest.hexdigest()[:16]}"


def empty(table: str) -> pa.Table:
    """Return a table of no rows with its schema."""
    return schema(table).empty_table()


def table_from_rows(table: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return a table from rows; `schema_version` is added, a missing column is null.

    Args:
        table: name of the table.
        rows: one mapping of column to value per row.

    Raises:
        ManifestError: unknown column (with the nearest right one), a value of the wrong type, or a missing value.
    """
    listed = [dict(row) for row in rows]
    _refuse_unknown(table, {name for row in listed for name in row})
    names = [name for name in schema(table).names if name != "schema_version"]
    return table_from_columns(table, {name: [row.get(name) for row in listed] for name in names})


def table_from_columns(table: str, columns: Mapping[str, Any]) -> pa.Table:
    """Return a table from columns of equal length; `schema_version` is added, a missing column is null.

    Args:
        table: name of the table.
        columns: column name to a sequence, numpy array or Arrow array (`list_column` for lists).

    Raises:
        ManifestError: unknown column, wrong type, missing value, or columns of different lengths.
    """
    fields = schema(table)
    _refuse_unknown(table, columns)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ManifestError(f"The columns of {table} have different lengths: {sorted(lengths)}.")
    rows = lengths.pop() if lengths else 0
    filled = {"schema_version": np.full(rows, SCHEMA_VERSION, np.int16), **columns}
    arrays = [_column(table, field, filled.get(field.name), rows) for field in fields]
    return pa.Table.from_arrays(arrays, schema=fields)


def conform(table: str, data: pa.Table) -> pa.Table:
    """Return `data` with exactly the schema of `table`: order, types, no nulls where none may be.

    Raises:
        ManifestError: a column is unknown or missing, has another type, or holds nulls it must not.
    """
    fields = schema(table)
    _refuse_unknown(table, data.column_names)
    missing = [name for name in fields.names if name not in data.column_names and name != "schema_version"]
    if missing:
        raise ManifestError(f"The table {table} lacks the column {missing[0]}.")
    columns = {name: data.column(name) for name in data.column_names}
    return table_from_columns(table, columns)


def list_column(values: np.ndarray, valid: Sequence[bool] | np.ndarray, kind: pa.DataType) -> pa.ListArray:
    """Return a list column whose every valid row is one row of a matrix.

    Args:
        values: [rows, width], converted to `kind`; rows that are not valid are ignored.
        valid: [rows] bool, False makes a null.
        kind: type of the items, as pa.int16().
    """
    keep = np.asarray(valid, dtype=bool)
    offsets = np.zeros(len(keep) + 1, dtype=np.int32)
    np.cumsum(keep * values.shape[1], out=offsets[1:])
    items = pa.array(np.ascontiguousarray(values[keep]).reshape(-1), type=kind)
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=pa.array(~keep))


def landmark_pixels(landmarks: np.ndarray | Sequence[int], width: int, height: int) -> np.ndarray:
    """Return stored landmarks in pixels.

    Args:
        landmarks: [points * 3] int16, x, y, z in units of the long side / 16384.
        width: width of the displayed picture in pixels.
        height: its height in pixels.

    Returns:
        [points, 3] float32, pixels.
    """
    unit = max(width, height) / LANDMARK_STEPS
    return (np.asarray(landmarks, dtype=np.float64).reshape(-1, 3) * unit).astype(np.float32)


def landmark_units(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return landmarks as they are stored, the inverse of `landmark_pixels` to half a unit.

    Args:
        points: [points, 3] float, pixels; beyond twice the long side they are clipped.
        width: width of the displayed picture in pixels.
        height: its height in pixels.

    Returns:
        [points * 3] int16.

    Raises:
        ManifestError: a coordinate is not a number.
    """
    if not np.isfinite(points).all():
        raise ManifestError("A landmark is not a number: leave out the face whose landmarks failed.")
    units = np.rint(np.asarray(points, dtype=np.float64) * (LANDMARK_STEPS / max(width, height)))
    return np.clip(units, -32768, 32767).astype(np.int16).reshape(-1)


def _refuse_unknown(table: str, names: Iterable[str]) -> None:
    known = schema(table).names
    for name in names:
        if name not in known:
            raise ManifestError(f"The table {table} has no column {name}: {nearest(str(name), known)}")


def _column(table: str, field: pa.Field, values: Any, rows: int) -> pa.ChunkedArray:
    if values is None:
        values = pa.nulls(rows, field.type)
    try:
        if isinstance(values, pa.Array | pa.ChunkedArray):
            column = values if values.type == field.type else pc.cast(values, field.type)
        else:
            column = pa.array(values, type=field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        detail = str(error).splitlines()[0].encode("utf-8", "backslashreplace").decode("utf-8")
        raise ManifestError(f"The column {field.name} of {table} must be {field.type}: {detail}") from error
    if column.null_count and not field.nullable:
        raise ManifestError(f"The column {field.name} of {table} must not be null.")
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])

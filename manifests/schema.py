"""The tables of a manifest as typed Arrow schemas, and how ids and landmarks are written."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.measures import MEASURES, QUALITY, SOUND
from manifests.measures import described as _field
from manifests.text import nearest

SCHEMA_VERSION: Final = 1
PREFIXES: Final = {"source": "s", "shot": "h", "track": "t", "clip": "c", "speech": "p", "label": "l"}
STATUSES: Final = ("kept", "dropped", "failed")
LANDMARK_STEPS: Final = 16384  # a landmark's unit is the picture's long side / LANDMARK_STEPS

_TEXT, _LONG, _INT, _SHORT = pa.string(), pa.int64(), pa.int32(), pa.int16()
_REAL, _DOUBLE, _FLAG = pa.float32(), pa.float64(), pa.bool_()


def _schema(*fields: pa.Field) -> pa.Schema:
    version = _field("schema_version", _SHORT, "version of this table's layout")
    return pa.schema([*fields, version])


def _id(kind: str) -> pa.Field:
    return _field("id", _TEXT, f"id of the {kind}: {PREFIXES[kind]}_ and 16 hexadecimal digits")


_SOURCE = _field("source", _TEXT, "id of the source")
_SHOT = _field("shot", _TEXT, "id of the shot")
_TRACK = _field("track", _TEXT, "id of the face track")
_INDEX = _field("index", _INT, "position within the source, from 0")
_TIME_BASE = (
    _field("time_base_num", _LONG, "numerator of the length of one tick", "s"),
    _field("time_base_den", _LONG, "denominator of the length of one tick"),
)
_SPAN = (
    _field("start_pts", _LONG, "first tick", "time base"),
    _field("end_pts", _LONG, "first tick after the span", "time base"),
    *_TIME_BASE,
)
_FRAME_SPAN = (
    _field("start_frame", _LONG, "first frame, counted from 0 in presentation order", "frame"),
    _field("end_frame", _LONG, "first frame after the span", "frame"),
)
_BOX = tuple(
    _field(name, _REAL, f"{side} of the face box on the displayed picture", "px")
    for name, side in (("x0", "left"), ("y0", "top"), ("x1", "right"), ("y1", "bottom"))
)
_CROP = tuple(
    _field(f"crop_{name}", _REAL, f"{side} of the square around the face", "share of the picture", null=True)
    for name, side in (("x0", "left"), ("y0", "top"), ("x1", "right"), ("y1", "bottom"))
)

_GIVEN = (  # what a dataset says; what is measured here has columns of its own
    _field("identity", _TEXT, "the person's name in the dataset", null=True),
    _field("emotion", _TEXT, "basic emotion, neutral or contempt", null=True),
    _field("compound", _TEXT, "compound emotion", null=True),
    _field("intensity", _SHORT, "as the dataset counts", null=True),
    _field("take", _TEXT, "number or name of the take", null=True),
    _field("view", _TEXT, "camera position", null=True),
    _field("text", _TEXT, "what is said or shown", null=True),
)

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "sources": _schema(
        _id("source"),
        _field("name", _TEXT, "path relative to what was given on the command line, printable"),
        _field("origin", _TEXT, "absolute path or URL, printable"),
        _field("sha256", _TEXT, "hash of the file, null when it could not be read", null=True),
        _field("bytes", _LONG, "size of the file, null when it could not be read", "byte", null=True),
        _field("sound_sha256", _TEXT, "hash of the file that holds the sound, when that is another one", null=True),
        _field("sound_origin", _TEXT, "where that file lies", null=True),
        _field("title", _TEXT, "title as its site states it", null=True),
        _field("licence", _TEXT, "licence as the source states it", null=True),
        _field("uploader", _TEXT, "who published it", null=True),
        _field("upload_date", _TEXT, "when it was published, YYYYMMDD", null=True),
        _field("language", _TEXT, "language as the source states it", null=True),
        _field("format_id", _TEXT, "which of the site's formats was fetched", null=True),
        _field("retrieved_at", pa.timestamp("us", tz="UTC"), "when it was fetched or first seen", null=True),
        _field("container", _TEXT, "container format", null=True),
        _field("video_codec", _TEXT, "codec of the picture", null=True),
        _field("width", _INT, "width as displayed", "px", null=True),
        _field("height", _INT, "height as displayed", "px", null=True),
        _field("rotation", _SHORT, "clockwise turn that displays the coded picture", "degree", null=True),
        _field("pixel_format", _TEXT, "pixel format of the coded picture", null=True),
        _field("frame_rate_num", _LONG, "numerator of the average frame rate", "frame/s", null=True),
        _field("frame_rate_den", _LONG, "denominator of the average frame rate", null=True),
        _field("time_base_num", _LONG, "numerator of the length of one tick", "s", null=True),
        _field("time_base_den", _LONG, "denominator of the length of one tick", null=True),
        _field("start_pts", _LONG, "tick of the first decoded frame", "time base", null=True),
        _field("end_pts", _LONG, "first tick after the last decoded frame", "time base", null=True),
        _field("frames", _LONG, "decoded frames", "frame", null=True),
        _field("audio_codec", _TEXT, "codec of the sound", null=True),
        _field("audio_rate", _INT, "sample rate of the sound", "Hz", null=True),
        _field("audio_channels", _SHORT, "channels of the sound", null=True),
        _field("flags", pa.list_(_TEXT), "what is odd about the file, such as truncated"),
    ),
    "labels": _schema(
        _id("label"),
        _SOURCE,
        _INDEX,
        _field("dataset", _TEXT, "who says so"),
        _field("start_pts", _LONG, "first tick of the span, null for the whole source", "time base", null=True),
        _field("end_pts", _LONG, "first tick after it", "time base", null=True),
        _field("time_base_num", _LONG, "numerator of the length of one tick", "s", null=True),
        _field("time_base_den", _LONG, "denominator of the length of one tick", null=True),
        *_CROP,
        _field("crop_width", _INT, "width of the picture that the crop was made for", "px", null=True),
        _field("crop_height", _INT, "its height", "px", null=True),
        *_GIVEN,
    ),
    "timeline": _schema(_SOURCE, _field("pts", pa.list_(_LONG), "tick of every decoded frame, in order", "time base")),
    "shots": _schema(_id("shot"), _SOURCE, _INDEX, *_SPAN, *_FRAME_SPAN),
    "tracks": _schema(
        _id("track"),
        _SOURCE,
        _SHOT,
        _INDEX,
        *_SPAN,
        *_FRAME_SPAN,
        _field("frames", _LONG, "rows of the track in frames", "frame"),
        _field("detected", _LONG, "frames in which the detector found the face", "frame"),
        _field("meshed", _LONG, "frames in which landmarks were found", "frame"),
        _field("tracked", _LONG, "frames bridged between two sightings", "frame"),
        _field("confirmed", _FLAG, "whether landmarks say that this is a face"),
        _field("face_size", _REAL, "median shorter side of the box", "px", null=True),
        _field("score", _REAL, "mean score of the detector", "0..1", null=True),
        _field("landmarks_model", _TEXT, "name of the landmark model", null=True),
    ),
    "frames": _schema(
        _SOURCE,
        _TRACK,
        _field("frame", _LONG, "frame of the source, from 0 in presentation order", "frame"),
        _field("pts", _LONG, "tick of the frame in the source's time base", "time base"),
        _field("state", _TEXT, "how the face was seen: meshed, detected or tracked"),
        *_BOX,
        _field("score", _REAL, "score of the detector", "0..1", null=True),
        _field("yaw", _REAL, "turn to the side", "degree", null=True),
        _field("pitch", _REAL, "nod", "degree", null=True),
        _field("roll", _REAL, "tilt in the picture's plane", "degree", null=True),
        _field("landmarks", pa.list_(_SHORT), "x, y, z of each point", "long side / 16384", null=True),
        _field("blendshapes", pa.list_(pa.uint16()), "52 expression weights", "1/65535", null=True),
    ),
    "speech": _schema(
        _id("speech"),
        _SOURCE,
        _INDEX,
        *_SPAN,
        _field("probability", _REAL, "mean probability of speech in the turn", "0..1"),
        _field("speaker", _TEXT, "who speaks, when known", null=True),
    ),
    "quality": _schema(_SOURCE, *QUALITY),
    "sound": _schema(_SOURCE, *SOUND),
    "clips": _schema(
        _id("clip"),
        _SOURCE,
        _SHOT,
        _field("track", _TEXT, "id of the face track; null where a given span shows no face", null=True),
        *_SPAN,
        *_FRAME_SPAN,
        _field("frames", _LONG, "source frames in the span", "frame"),
        _field("seconds", _DOUBLE, "length, derived from the span", "s", reason="length"),
        *_CROP,
        _field("crop_from", _TEXT, "face, dataset, or dataset_scaled: made for a picture of another size", null=True),
        _field("source_width", _INT, "width of the displayed source picture", "px"),
        _field("source_height", _INT, "height of the displayed source picture", "px"),
        _field("faces", _SHORT, "most faces seen at once in 5 % of the frames", "face", reason="faces", null=True),
        _field("face_size", _REAL, "median shorter side of the face box", "px", reason="face_size", null=True),
        _field("cuts", _SHORT, "shot boundaries inside the span", reason="cuts", null=True),
        _field("face_share", _REAL, "frames that show the face", "0..1", reason="face_share", null=True),
        _field("speech_share", _REAL, "time that is speech", "0..1", reason="speech", null=True),
        _field("longest_pause", _REAL, "longest time without speech", "s", reason="pause", null=True),
        *MEASURES,
        _field("dataset", _TEXT, "who gives the labels in the given_ columns", null=True),
        *(field.with_name(f"given_{field.name}") for field in _GIVEN),
        _field("recipe", _TEXT, "hash of the recipe"),
        _field("status", _TEXT, "kept, dropped or failed"),
        _field("reasons", pa.list_(_TEXT), "every reason that speaks against the clip"),
        _field("file", _TEXT, "exported file, relative to the manifest's folder", null=True),
        _field("file_sha256", _TEXT, "hash of the exported file", null=True),
        _field("file_bytes", _LONG, "size of the exported file", "byte", null=True),
        _field("audio_priming", _INT, "samples a reader without edit lists hears first", "sample", null=True),
    ),
    "outcomes": _schema(
        _field("item", _TEXT, "id of the source or clip"),
        _field("kind", _TEXT, "what the item is: source or clip"),
        _SOURCE,
        _field("stage", _TEXT, "name of the stage"),
        _field("version", _INT, "version of the stage"),
        _field("config", _TEXT, "hash of the stage's settings"),
        _field("models", pa.list_(_TEXT), "name@sha256 of the weights that the result depends on"),
        _field("key", _TEXT, "key under which the result was committed"),
        _field("status", _TEXT, "kept, dropped or failed"),
        _field("reasons", pa.list_(_TEXT), "why the item was dropped"),
        _field("error", _TEXT, "one sentence on what failed", null=True),
        _field("attempts", _INT, "times that the stage was tried"),
        _field("seconds", _DOUBLE, "time that the stage took", "s"),
        _field("frames_decoded", _LONG, "frames that the stage decoded", "frame"),
    ),
}
TABLES: Final = tuple(SCHEMAS)
# Every table but `frames` (one file per source) and what only stages read (`timeline`, `quality`, `sound`).
SNAPSHOT_TABLES: Final = ("sources", "labels", "shots", "tracks", "speech", "clips", "outcomes")


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

"""A first, quick look at the files of frames: what is surely sound needs no second one that can name a fault.

A large manifest has tens of thousands of such files and hardly ever a fault. The look answers "sound" only when the
checks that name faults (`manifests.checks.media`, `manifests.checks.expressions`) would find none; everything else,
also what it does not understand, is left to them.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.action_units import COUNT
from manifests.checks.context import Context, Sound
from manifests.checks.crew import Asked
from manifests.emotions import EMOTIONS
from manifests.files import file_hash
from manifests.schema import SCHEMAS

_PLACE: Final = ("source", "track", "frame", "pts")
_LISTS: Final = {"action_units": COUNT, "emotions": len(EMOTIONS)}
_STATES: Final = {"meshed", "detected", "tracked"}
_WORDS: Final = ("source", "track", "state")  # few different ones in a file: read as numbers and a short list
_READ: Final = {
    table: pa.schema(
        [f.with_type(pa.dictionary(pa.int32(), pa.string())) if f.name in _WORDS else f for f in SCHEMAS[table]]
    )
    for table in ("frames", "expressions")
}
_SPAN: Final = ("start_pts", "end_pts", "start_frame", "end_frame")
_AT_ONCE: Final = 200  # sources of one look
_SMALL: Final = 1 << 22  # bytes; a file up to that is read once, for its hash and its rows


def begin_frames(context: Context) -> list[Asked]:
    """Begin to look at the files of frames and of expressions of every source that has tracks.

    Args:
        context: with the table `tracks`.
    """
    asked: list[Asked] = []
    of_frames, of_expressions = context.content["frames"], context.content["expressions"]
    files = (
        _Files(source, rows, own, of_frames[source], of_expressions.get(source))
        for source, rows, own in _by_source(context.tables["tracks"])
        if source in of_frames
    )
    while batch := list(islice(files, _AT_ONCE)):
        asked.append(context.crew.ask(look, context.root, context.quick, batch))
    return asked


def sound_frames(asked: Sequence[Asked], tracks: int) -> Sound:
    """What the looks found.

    Args:
        asked: of `begin_frames`. tracks: rows of the table.
    """
    found = Sound(counted=np.zeros(tracks, np.int64))
    for one in asked:
        for source, rows, counted, expressions in one.answer():
            found.files["frames"].add(source)
            found.counted[rows] = counted
            if expressions:
                found.files["expressions"].add(source)
    return found


@dataclass(frozen=True)
class _Own:
    """The tracks of one source: id -> place, and their spans as [tracks] whole numbers."""

    places: dict[str, int]
    spans: dict[str, np.ndarray]


@dataclass(frozen=True)
class _Files:
    """The files of a source: [tracks] rows of its tracks, the tracks, and what manifest.json says of each file."""

    source: str
    rows: np.ndarray
    own: _Own
    frames: Mapping[str, Any]
    expressions: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Places:
    """Rows of a file, sorted by track and frame: [rows] the place of the track, frame and PTS."""

    track: np.ndarray
    frame: np.ndarray
    pts: np.ndarray


def look(root: Path, quick: bool, files: Sequence[_Files]) -> list[tuple[str, np.ndarray, np.ndarray, bool]]:
    """Look at files of some sources.

    Args:
        root: of the manifest. quick: compare sizes but not hashes.

    Returns:
        Of each source with a sound file of frames: its id, [tracks] rows of its tracks, [tracks] rows of frames that
        each has, and whether it has a sound file of expressions too.
    """
    found = []
    for one in files:
        frames = _frames(_rows(root, quick, "frames", one.source, one.frames, (*_PLACE, "state")), one)
        if frames is None:
            continue
        expressions = one.expressions is not None and _expressions(
            _rows(root, quick, "expressions", one.source, one.expressions, (*_PLACE, *_LISTS)), one, frames
        )
        found.append((one.source, one.rows, np.bincount(frames.track, minlength=len(one.rows)), expressions))
    return found


def _by_source(tracks: pa.Table) -> Iterator[tuple[str, np.ndarray, _Own]]:
    """Every source of the tracks, with the rows of its tracks."""
    source = tracks.column("source").combine_chunks().dictionary_encode()
    if source.null_count or any(tracks.column(name).null_count for name in ("id", *_SPAN)):
        return
    code = source.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    ids = tracks.column("id").combine_chunks().take(pa.array(order)).to_pylist()
    spans = {name: tracks.column(name).to_numpy()[order] for name in _SPAN}
    ends = np.cumsum(np.bincount(code, minlength=len(source.dictionary)))
    begin = 0
    for name, end in zip(source.dictionary.to_pylist(), ends.tolist(), strict=True):
        part = {column: values[begin:end] for column, values in spans.items()}
        yield name, order[begin:end], _Own({track: place for place, track in enumerate(ids[begin:end])}, part)
        begin = end


def _frames(rows: pa.Table | None, files: _Files) -> _Places | None:
    """Where the rows of a sound file of frames lie; None where the look cannot tell."""
    if rows is None:
        return None
    own, places = files.own, _places(rows, files.source, files.own)
    if places is None or not set(_words(rows, "state")[0]) <= _STATES:
        return None
    for values, unit in ((places.pts, "pts"), (places.frame, "frame")):
        start, end = (own.spans[f"{side}_{unit}"][places.track] for side in ("start", "end"))
        if ((values < start) | (values >= end)).any():
            return None
    return places


def _expressions(rows: pa.Table | None, files: _Files, frames: _Places) -> bool:
    """Whether a file of expressions is sound, whose frames are."""
    if rows is None:
        return False
    places = _places(rows, files.source, files.own)
    if places is None:
        return False
    for name, count in _LISTS.items():
        lists = rows.column(name).combine_chunks()
        lengths = np.diff(lists.offsets.to_numpy())
        if lists.null_count:
            lengths = lengths[lists.is_valid().to_numpy(zero_copy_only=False)]
        if (lengths != count).any() or lists.values.null_count:
            return False
    if not len(places.frame):
        return True
    step = int(max(frames.frame.max(initial=0), places.frame.max(initial=0))) + 1
    known, asked = (side.track * step + side.frame for side in (frames, places))
    at = np.minimum(np.searchsorted(known, asked), max(len(known) - 1, 0))
    return bool(len(known)) and bool(((known[at] == asked) & (frames.pts[at] == places.pts)).all())


def _places(rows: pa.Table, source: str, own: _Own) -> _Places | None:
    """Where the rows of a file lie; None where one is of another source or track, or stands twice."""
    if any(rows.column(name).null_count for name in rows.column_names if name not in _LISTS):
        return None
    names, numbers = _words(rows, "track")
    if not set(_words(rows, "source")[0]) <= {source} or not own.places.keys() >= set(names):
        return None
    track = np.array([own.places[name] for name in names], np.int64)[numbers] if names else numbers.astype(np.int64)
    frame = rows.column("frame").to_numpy()
    pts = rows.column("pts").to_numpy()
    if len(frame) and (frame.min() < 0 or frame.max() >= 1 << 40):
        return None
    key = (track << 40) + frame
    if not (np.diff(key) > 0).all():
        order = np.argsort(key, kind="stable")
        key, track, frame, pts = key[order], track[order], frame[order], pts[order]
        if not (np.diff(key) > 0).all():
            return None
    return _Places(track, frame, pts)


def _rows(
    root: Path, quick: bool, table: str, source: str, entry: Mapping[str, Any], columns: tuple[str, ...]
) -> pa.Table | None:
    """Columns of a file of frames that is the one in manifest.json; None where it is not, or cannot be read."""
    path = root / table / f"{source}.parquet"
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            return None
        opened: Any = path
        if size <= _SMALL:
            content = path.read_bytes()
            opened = pa.BufferReader(content)
            digest = "" if quick else hashlib.sha256(content).hexdigest()
        else:
            digest = "" if quick else file_hash(path).sha256
        if not quick and digest != entry["sha256"]:
            return None
        file = pq.ParquetFile(opened, pre_buffer=False, read_dictionary=[w for w in _WORDS if w in columns])
        if not file.schema_arrow.equals(_READ[table]):
            return None
        return file.read(columns=list(columns), use_threads=False)
    except (OSError, pa.ArrowException, KeyError, TypeError):
        return None


def _words(rows: pa.Table, column: str) -> tuple[list[str], np.ndarray]:
    """The different words of a column, and [rows] the place of each row's word among them."""
    words = rows.column(column).unify_dictionaries().combine_chunks()
    return words.dictionary.to_pylist(), words.indices.to_numpy()

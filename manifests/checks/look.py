"""A first, quick look at the files of frames and clips: what is surely sound needs no second one that can name a fault.

A large manifest has tens of thousands of such files and hardly ever a fault. The look answers "sound" only when the
checks that name faults (`manifests.checks.media`, `manifests.checks.expressions`) would find none; everything else,
also what it does not understand, is left to them.
"""

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.action_units import COUNT
from manifests.checks.context import Context, Sound
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
_SMALL: Final = 1 << 22  # bytes; a file up to that is read once, for its hash and its rows
_PLAIN: Final = re.compile(r"^clips/([A-Za-z0-9_][A-Za-z0-9_.-]*)$")


def sound_frames(context: Context) -> Sound:
    """Look at the files of frames and of expressions of every source that has tracks.

    Args:
        context: with the table `tracks`.
    """
    tracks = context.tables["tracks"]
    found = Sound(counted=np.zeros(tracks.num_rows, np.int64))

    def look(source: str, rows: np.ndarray, own: _Own) -> None:
        frames = _frames(context, source, own) if source in context.content["frames"] else None
        if frames is None:
            return
        found.files["frames"].add(source)
        found.counted[rows] = np.bincount(frames.track, minlength=len(rows))
        if source in context.content["expressions"] and _expressions(context, source, own, frames):
            found.files["expressions"].add(source)

    with ThreadPoolExecutor(_threads()) as pool:
        for _ in pool.map(lambda item: look(*item), _by_source(tracks)):
            pass
    return found


def _threads() -> int:
    """Threads that read and hash: as many as cores, a few where a disk is far away."""
    return max(2, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


@dataclass(frozen=True)
class _Own:
    """The tracks of one source: id -> place, and their spans as [tracks] whole numbers."""

    places: dict[str, int]
    spans: dict[str, np.ndarray]


@dataclass(frozen=True)
class _Places:
    """Rows of a file, sorted by track and frame: [rows] the place of the track, frame and PTS."""

    track: np.ndarray
    frame: np.ndarray
    pts: np.ndarray


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


def _frames(context: Context, source: str, own: _Own) -> _Places | None:
    """The rows of a sound file of frames; None where the look cannot tell."""
    rows = _rows(context, "frames", source, (*_PLACE, "state"))
    if rows is None:
        return None
    places = _places(rows, source, own)
    if places is None or not set(_words(rows, "state")[0]) <= _STATES:
        return None
    for values, unit in ((places.pts, "pts"), (places.frame, "frame")):
        start, end = (own.spans[f"{side}_{unit}"][places.track] for side in ("start", "end"))
        if ((values < start) | (values >= end)).any():
            return None
    return places


def _expressions(context: Context, source: str, own: _Own, frames: _Places) -> bool:
    """Whether a file of expressions is sound, whose frames are."""
    rows = _rows(context, "expressions", source, (*_PLACE, *_LISTS))
    if rows is None:
        return False
    places = _places(rows, source, own)
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


def _rows(context: Context, table: str, source: str, columns: tuple[str, ...]) -> pa.Table | None:
    """Columns of a file of frames that is the one in manifest.json; None where it is not, or cannot be read."""
    path, entry = context.root / table / f"{source}.parquet", context.content[table][source]
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            return None
        opened: Any = path
        if size <= _SMALL:
            content = path.read_bytes()
            opened = pa.BufferReader(content)
            digest = "" if context.quick else hashlib.sha256(content).hexdigest()
        else:
            digest = "" if context.quick else file_hash(path).sha256
        if not context.quick and digest != entry["sha256"]:
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


class Clips:
    """Looks at the files of clips by their names in the folder `clips`, opened once; close it, or use it in `with`.

    Args:
        root: the manifest's folder.
        quick: compare sizes but not hashes.
    """

    def __init__(self, root: Path, quick: bool) -> None:
        self.quick = quick
        self.folder: int | None = None
        with contextlib.suppress(OSError):
            if (root / "clips").resolve().is_relative_to(root.resolve()):
                self.folder = os.open(root / "clips", os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self) -> "Clips":
        return self

    def __exit__(self, *error: object) -> None:
        if self.folder is not None:
            os.close(self.folder)

    def sound(self, names: Sequence[object], hashes: Sequence[object], sizes: Sequence[object]) -> list[bool]:
        """Whether the file of each kept clip is surely the one that its row names; False says nothing."""
        step = max(1, len(names) // 32)
        parts = [
            tuple(column[begin : begin + step] for column in (names, hashes, sizes))
            for begin in range(0, len(names), step)
        ]
        with ThreadPoolExecutor(_threads()) as pool:
            return [one for part in pool.map(lambda part: list(map(self._sound, *part)), parts) for one in part]

    def _sound(self, name: object, sha256: object, size: object) -> bool:
        plain = _PLAIN.match(name) if isinstance(name, str) else None
        if plain is None or self.folder is None or sha256 is None or size is None:
            return False
        try:
            facts = os.stat(plain[1], dir_fd=self.folder, follow_symlinks=False)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != size:
                return False
            return self.quick or self._hash(plain[1], facts.st_size) == sha256
        except OSError:
            return False

    def _hash(self, name: str, size: int) -> str:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.folder)
        try:
            digest = hashlib.sha256()
            while block := os.read(handle, min(size + 1, 1 << 20)):
                digest.update(block)
            return digest.hexdigest()
        finally:
            os.close(handle)

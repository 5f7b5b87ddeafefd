"""Are the files of frames and of clips there, inside the folder, whole, and are there no others?"""

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.context import Context, Problem, flagged, numbers, position, true
from manifests.checks.look_clips import begin_clips, kept_clips
from manifests.checks.look_frames import begin_frames, sound_frames
from manifests.errors import ManifestError
from manifests.files import file_hash
from manifests.parquet import read_table
from manifests.text import printable

_FRAME_COLUMNS = ("source", "track", "frame", "pts", "state", "schema_version")
_LACKS = "could not be checked, because these tables cannot be read: "


def begin(context: Context) -> None:
    """Begin the looks at files, which take longest, so that other checks are made meanwhile.

    Args:
        context: with the tables that could be read.
    """
    tables = context.tables
    clips = tables["clips"].num_rows if "clips" in tables else 0
    context.crew.gather(clips + len(context.content["frames"]) + len(context.content["expressions"]))
    if not context.lacks("sources", "tracks"):
        context.asked["frames"] = begin_frames(context)
    if "clips" in tables:
        context.asked["files"] = begin_clips(context)


def check_frames(context: Context) -> Iterator[Problem]:
    """Each frames file is the one in manifest.json, and its rows lie inside the tracks they name."""
    if lacking := context.lacks("sources", "tracks"):
        yield Problem("frames", "frames", _LACKS + ", ".join(lacking))
        return
    tracks = context.tables["tracks"]
    context.sound = sound_frames(context.asked.pop("frames"), tracks.num_rows)
    counted = context.sound.counted.copy()
    for source in (yield from known_files(context, "frames")):
        if source not in context.sound.files["frames"]:
            yield from _frames_file(context, source, counted)
    wrong = counted != numbers(tracks, "frames")
    yield from flagged("frames", "tracks", tracks.column("id"), wrong, "frames does not hold the rows it says")
    states = numbers(tracks, "detected") + numbers(tracks, "meshed") + numbers(tracks, "tracked")
    wrong = states != numbers(tracks, "frames")
    yield from flagged("frames", "tracks", tracks.column("id"), wrong, "its states do not add up to its frames")
    yield from strays(context, "frames")


def known_files(context: Context, table: str) -> Generator[Problem, None, list[str]]:
    """Return the sources for which manifest.json names a file of a table of frames, without those of no source."""
    known, files = set(context.tables["sources"].column("id").to_pylist()), sorted(context.content[table])
    yield from (
        Problem(table, where_of(table, name), "its source is not in sources") for name in files if name not in known
    )
    return [name for name in files if name in known]


def strays(context: Context, table: str) -> Iterator[Problem]:
    """Yield a problem for each file in the folder of a table of frames that manifest.json does not name."""
    named = {f"{source}.parquet" for source in context.content[table]}
    for name in _names(context.root / table):
        if name not in named:
            yield Problem(table, f"{table}/{printable(name)}", "manifest.json does not name this file")


def where_of(table: str, source: str) -> str:
    """How a file of a table of frames is called in a problem."""
    return f"{table}/{printable(source)}.parquet"


def rows_of(
    context: Context, table: str, source: str, columns: Sequence[str]
) -> Generator[Problem, None, pa.Table | None]:
    """Read a file of a table of frames, and yield what is wrong with it as a file.

    Args:
        context: of the manifest.
        table: frames or expressions, also the name of the check.
        source: manifest.json names its file.
        columns: `source` and others.

    Returns:
        Its rows, None when they cannot be read.
    """
    where, entry = where_of(table, source), context.content[table][source]
    path = context.root / table / f"{source}.parquet"
    try:
        if path.stat().st_size != entry["bytes"]:
            yield Problem(table, where, "its size is not the one in manifest.json")
        elif not context.quick and file_hash(path).sha256 != entry["sha256"]:
            yield Problem(table, where, "its hash is not the one in manifest.json")
        rows = read_table(table, path, columns=columns)
    except FileNotFoundError:
        yield Problem(table, where, "the file is missing")
        return None
    except (ManifestError, OSError) as error:
        yield Problem(table, where, f"it cannot be read: {error}")
        return None
    foreign = true(pc.not_equal(rows.column("source"), source))
    yield from flagged(table, where, rows.column("source"), foreign, "the row is of another source")
    return rows


def _frames_file(context: Context, source: str, counted: np.ndarray) -> Iterator[Problem]:
    where = where_of("frames", source)
    rows = yield from rows_of(context, "frames", source, _FRAME_COLUMNS)
    if rows is None:
        return
    tracks = context.tables["tracks"]
    index = position(rows.column("track"), tracks.column("id"))
    yield from flagged("frames", where, rows.column("track"), index < 0, "its track is not in tracks")
    rows, index = rows.filter(pa.array(index >= 0)), index[index >= 0]
    np.add.at(counted, index, 1)
    yield from _frame_rows(where, rows, tracks.take(pa.array(index)))


def _frame_rows(where: str, rows: pa.Table, tracks: pa.Table) -> Iterator[Problem]:
    outside = np.zeros(rows.num_rows, dtype=bool)
    for column, start, end in (("pts", "start_pts", "end_pts"), ("frame", "start_frame", "end_frame")):
        values = numbers(rows, column)
        outside |= (values < numbers(tracks, start)) | (values >= numbers(tracks, end))
    yield from flagged("frames", where, rows.column("frame"), outside, "the frame lies outside its track")
    pairs = rows.group_by(["track", "frame"]).aggregate([([], "count_all")])
    twice = true(pc.greater(pairs.column("count_all"), 1))
    yield from flagged("frames", where, pairs.column("frame"), twice, "the frame stands more than once in its track")
    odd = ~true(pc.is_in(rows.column("state"), value_set=pa.array(["meshed", "detected", "tracked"])))
    yield from flagged("frames", where, rows.column("frame"), odd, "its state is not meshed, detected or tracked")


def check_files(context: Context) -> Iterator[Problem]:
    """Each kept clip's file is inside the folder and whole; clips/ holds no other file."""
    if lacking := context.lacks("clips"):
        yield Problem("files", "clips", _LACKS + ", ".join(lacking))
        return
    clips = context.tables["clips"].select(["id", "status", "file", "file_sha256", "file_bytes"])
    kept = pc.equal(clips.column("status"), "kept")
    stray = true(pc.and_(pc.invert(kept), clips.column("file").is_valid()))
    yield from flagged("files", "clips", clips.column("id"), stray, "it is not kept, yet names a file")
    named: set[str] = set()
    for batch, asked in zip(kept_clips(clips), context.asked.pop("files"), strict=True):
        names = batch.column("file").to_pylist()
        for place, (name, sound) in enumerate(zip(names, asked.answer(), strict=True)):
            again = name is not None and name in named
            named.add(name)
            if sound and not again:
                continue
            row = batch.slice(place, 1).to_pylist()[0]
            sentence = "another clip names the same file" if again else _file_problem(context, row)
            if sentence:
                yield Problem("files", f"clips {printable(row['id'])}", sentence)
    for name in _names(context.root / "clips"):
        if f"clips/{name}" not in named:
            yield Problem("files", f"clips/{printable(name)}", "no kept clip names this file")


def _file_problem(context: Context, row: dict[str, str | int | None]) -> str:
    """What is wrong with the file of a kept clip; empty when nothing is."""
    name = row["file"]
    if not isinstance(name, str) or row["file_sha256"] is None or row["file_bytes"] is None:
        return "it is kept, but names no file with its hash and size"
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        return "its file lies outside the manifest's folder"
    path = context.root / relative
    try:
        if not path.resolve().is_relative_to(context.root.resolve()) or path.is_symlink():
            return "its file is a link or lies behind one"
        if not path.is_file():
            return "its file is missing"
        if path.stat().st_size != row["file_bytes"]:
            return "its file has another size"
        if not context.quick and file_hash(path).sha256 != row["file_sha256"]:
            return "its file has another hash"
    except (OSError, ValueError) as error:
        return f"its file cannot be read: {error}"
    return ""


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(os.listdir(folder))  # noqa: PTH208 (names that are not valid Unicode stay as they are)

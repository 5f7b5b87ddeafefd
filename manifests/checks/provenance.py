"""Can each clip be made again: does its row lead to a source, and is the source's file the one that was recorded?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.context import Context, Problem, flagged, nulls, position, true
from manifests.files import file_hash
from manifests.text import printable

FETCHED: Final = "fetched"  # where a run keeps what it downloaded, each file named after the hash of its URL
_NAME_DIGITS: Final = 24


def check_provenance(context: Context) -> Iterator[Problem]:
    """Each clip leads to a source with hash, size and time base; a source's file that is there has that hash."""
    if lacking := context.lacks("sources", "clips"):
        needs = ", ".join(lacking)
        yield Problem("provenance", "clips", f"could not be checked, because these tables cannot be read: {needs}")
        return
    clips, sources = context.tables["clips"], context.tables["sources"]
    where = position(clips.column("source"), sources.column("id"))
    yield from flagged("provenance", "clips", clips.column("id"), where < 0, "no source row says where it comes from")
    yield from _time_bases(clips, sources, where)
    used = sources.take(pa.array(np.unique(where[where >= 0])))
    for column, sentence in (("sha256", "no hash"), ("bytes", "no size"), ("origin", "no origin")):
        missing = nulls(used, column)
        yield from flagged(
            "provenance", "sources", used.column("id"), missing, f"clips come from it, but it has {sentence}"
        )
    yield from _files(context, used)


def _time_bases(clips: pa.Table, sources: pa.Table, where: np.ndarray) -> Iterator[Problem]:
    """A clip's span is in the time base of its source, else its ticks name other frames."""
    there = where >= 0
    clips, sources = clips.filter(pa.array(there)), sources.take(pa.array(where[there]))
    other = np.zeros(clips.num_rows, dtype=bool)
    for column in ("time_base_num", "time_base_den"):
        mine, theirs = clips.column(column).combine_chunks(), sources.column(column).combine_chunks()
        other |= ~true(pc.equal(mine, theirs))
    yield from flagged("provenance", "clips", clips.column("id"), other, "its time base is not its source's")


def _files(context: Context, sources: pa.Table) -> Iterator[Problem]:
    unchecked: dict[str, int] = {}
    checked = 0
    fetched = _fetched(context.root)
    rows = sources.select(["id", "origin", "sha256", "bytes", "sound_origin", "sound_sha256"])
    for batch in rows.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            path, why = _place(fetched, row["origin"])
            if path is None:
                unchecked[why] = unchecked.get(why, 0) + 1
                continue
            checked += 1
            if sentence := _wrong(path, row, context.quick) or _wrong_sound(row, context.quick):
                yield Problem("provenance", f"sources {printable(row['id'])}", sentence)
    context.notes.append(f"{checked} of {rows.num_rows} source files are here and were compared with what is recorded")
    context.notes.extend(f"{count} sources could not be compared: {why}" for why, count in sorted(unchecked.items()))


def _fetched(root: Path) -> dict[str, list[Path]]:
    """The files in the folder of downloads, sorted, by what stands before the first dot of their names."""
    found: dict[str, list[Path]] = {}
    folder = root / FETCHED
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found.setdefault(path.name.split(".", 1)[0], []).append(path)
    return found


def _place(fetched: dict[str, list[Path]], origin: str | None) -> tuple[Path | None, str]:
    """A source's file, or why it cannot be looked at."""
    if origin is None:
        return None, "their origin is not recorded"
    if origin.startswith(("http://", "https://")):
        name = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_DIGITS]
        found = [path for path in fetched.get(name, ()) if path.is_file()]
        return (found[0], "") if found else (None, "they come from a URL and their download is not kept")
    path = Path(origin)
    if not path.is_absolute():
        return None, "their origin is no absolute path"
    try:
        return (path, "") if path.is_file() else (None, "their file is not where it was")
    except (OSError, ValueError):
        return None, "their file cannot be reached"


def _wrong(path: Path, row: dict[str, Any], quick: bool) -> str:
    """How a source's file differs from its row; empty when it does not."""
    try:
        if row["bytes"] is not None and path.stat().st_size != row["bytes"]:
            return "its file has another size than recorded: the clips cannot be made again from it"
        if not quick and row["sha256"] is not None and file_hash(path).sha256 != row["sha256"]:
            return "its file has another hash than recorded: the clips cannot be made again from it"
    except OSError as error:
        return f"its file cannot be read ({error.strerror})"
    return ""


def _wrong_sound(row: dict[str, Any], quick: bool) -> str:
    """The same of the file that holds the sound, when that is another one."""
    if quick or row["sound_origin"] is None:
        return ""
    try:
        if file_hash(Path(row["sound_origin"])).sha256 != row["sound_sha256"]:
            return "its sound has another hash than recorded: the clips cannot be made again from it"
    except (OSError, ValueError):
        return "its sound is not where it was: the clips cannot be made again from it"
    return ""

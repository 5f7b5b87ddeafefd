"""A first, quick look at the files of clips: what is surely sound needs no second one that can name a fault."""

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.context import Context
from manifests.checks.crew import Asked

COLUMNS: Final = ("file", "file_sha256", "file_bytes")
_AT_ONCE: Final = 10_000  # clips of one look
_PLAIN: Final = re.compile(r"^clips/([A-Za-z0-9_][A-Za-z0-9_.-]*)$")


def kept_clips(clips: pa.Table) -> list[pa.RecordBatch]:
    """The kept clips in batches: id and `COLUMNS`."""
    kept = clips.select(["id", *COLUMNS]).filter(pc.equal(clips.column("status"), "kept"))
    return kept.combine_chunks().to_batches(max_chunksize=_AT_ONCE)


def begin_clips(context: Context) -> list[Asked]:
    """Begin to look at the files of the kept clips, a look per batch of `kept_clips`.

    Args:
        context: with the table `clips`.
    """
    return [
        context.crew.ask(look, context.root, context.quick, _sent(batch.select(list(COLUMNS))))
        for batch in kept_clips(context.tables["clips"])
    ]


def _sent(batch: pa.RecordBatch) -> bytes:
    """A batch as bytes: another process is sent these rows, and not the whole table that they are a part of."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def look(root: Path, quick: bool, sent: bytes) -> list[bool]:
    """[clips] whether the file of each clip is surely the one that its row names; False says nothing.

    Args:
        root: of the manifest. quick: compare sizes but not hashes. sent: rows of `COLUMNS`, as an Arrow stream.
    """
    rows = pa.ipc.open_stream(sent).read_all()
    columns = [rows.column(name).to_pylist() for name in COLUMNS]
    with _opened(root) as folder:
        if folder is None:
            return [False] * rows.num_rows
        return [_sound(folder, quick, *row) for row in zip(*columns, strict=True)]


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[int | None]:
    """The folder of the clips, opened once; None where it is not, or lies outside the manifest's."""
    folder = None
    with contextlib.suppress(OSError):
        if (root / "clips").resolve().is_relative_to(root.resolve()):
            folder = os.open(root / "clips", os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        if folder is not None:
            os.close(folder)


def _sound(folder: int, quick: bool, name: str | None, sha256: str | None, size: int | None) -> bool:
    plain = _PLAIN.match(name) if name is not None else None
    if plain is None or sha256 is None or size is None:
        return False
    try:
        facts = os.stat(plain[1], dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != size:
            return False
        return quick or _hash(folder, plain[1], size) == sha256
    except OSError:
        return False


def _hash(folder: int, name: str, size: int) -> str:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        digest = hashlib.sha256()
        while block := os.read(handle, min(size + 1, 1 << 20)):
            digest.update(block)
        return digest.hexdigest()
    finally:
        os.close(handle)

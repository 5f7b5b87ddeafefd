"""Rows as numbered Parquet files of bounded size: one group of rows in memory at a time, the same bytes every time."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.files import make_folder, write_aside
from manifests.publish.features import leaves

GROUP_BYTES: Final = 8 << 20  # of media in a row group, one clip more at most: what a reader takes at once
GROUP_CLIPS: Final = 100  # rows of such a group at most
GROUP_FRAMES: Final = 8_192  # rows of a group without media: about 25 MB of landmarks
SHARDS: Final = 4_000  # files of a split at most; the Hub takes fewer than 10,000 in a folder


@dataclass(frozen=True)
class Shard:
    """A finished file: where it lies, its hash, size in bytes and rows, and the bytes of its rows in memory."""

    path: Path
    sha256: str
    bytes: int
    rows: int
    memory: int


def write_shards(folder: Path, stem: str, schema: pa.Schema, groups: Iterable[pa.Table], limit: int) -> list[Shard]:
    """Write groups of rows as `<stem>-00000-of-0000N.parquet`.

    Args:
        folder: made when it is missing.
        stem: the split.
        schema: of every group, as `plain_schema` returns it.
        groups: tables that become one row group each; none writes no file.
        limit: bytes of rows after which the next file begins.

    Returns:
        The files in order.
    """
    make_folder(folder)
    source, written = _Groups(groups, limit), []
    while source.ahead():
        written.append(_write(folder, f"{stem}.parquet", schema, source.shard()))
    names = (f"{stem}-{number:05d}-of-{len(written):05d}.parquet" for number in range(len(written)))
    return [replace(shard, path=shard.path.replace(folder / name)) for shard, name in zip(written, names, strict=True)]


def write_file(folder: Path, name: str, schema: pa.Schema, groups: Iterable[pa.Table]) -> Shard:
    """Write groups of rows as one file; see `write_shards`."""
    make_folder(folder)
    shard = _write(folder, name, schema, groups)
    return replace(shard, path=shard.path.replace(folder / name))


def _write(folder: Path, name: str, schema: pa.Schema, groups: Iterable[pa.Table]) -> Shard:
    rows = memory = 0

    def fill(file: BinaryIO) -> None:
        nonlocal rows, memory
        with _writer(file, schema) as writer:
            for group in groups:
                # one chunk, else the page boundaries follow the chunks
                writer.write_table(group.combine_chunks(), row_group_size=max(1, group.num_rows))
                rows += group.num_rows
                memory += group.nbytes

    path, made = write_aside(folder, name, fill)
    return Shard(path, made.sha256, made.bytes, rows, memory)


class _Groups:
    """Groups of rows, handed out file by file."""

    def __init__(self, groups: Iterable[pa.Table], limit: int) -> None:
        self._groups, self._limit = iter(groups), limit
        self._next: pa.Table | None = None

    def ahead(self) -> bool:
        """Whether another group is to come."""
        if self._next is None:
            self._next = next((group for group in self._groups if group.num_rows), None)
        return self._next is not None

    def shard(self) -> Iterator[pa.Table]:
        """The groups of one file: at least one, and as many as fit."""
        held = 0
        while self.ahead() and (group := self._next) is not None:
            if held and held + group.nbytes > self._limit:
                return
            self._next = None
            held += group.nbytes
            yield group


def _writer(file: BinaryIO, schema: pa.Schema) -> pq.ParquetWriter:
    columns = leaves(schema)
    others = [path for path, of_media in columns.items() if not of_media]
    return pq.ParquetWriter(
        file,
        schema,
        version="2.6",
        compression={path: "NONE" if of_media else "ZSTD" for path, of_media in columns.items()},  # media are coded
        use_dictionary=others,
        write_statistics=others,
        data_page_version="1.0",
    )


def contents(shards: Iterable[Shard]) -> str:
    """Return words that change when any of these files does.

    `datasets` remembers what it loaded from a folder by the card's head alone: without this in it, a reader would be
    given the former clips after a folder was published again.
    """
    digest = hashlib.sha256("".join(shard.sha256 for shard in shards).encode()).hexdigest()
    return f"contents {digest[:16]}"


def regrouped(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield the rows of small tables in groups of `rows`, the last one shorter."""
    pending: list[pa.Table] = []
    count = 0
    for table in tables:
        pending.append(table)
        count += table.num_rows
        if count >= rows:
            whole = pa.concat_tables(pending)
            while whole.num_rows >= rows:
                yield whole.slice(0, rows)
                whole = whole.slice(rows)
            pending, count = [whole], whole.num_rows
    if count:
        yield pa.concat_tables(pending)

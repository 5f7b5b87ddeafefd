"""Parquet with the same bytes for the same rows: one way to write, one checked way to read."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.errors import ManifestError
from manifests.files import make_folder
from manifests.schema import SCHEMAS
from manifests.text import printable

ROW_GROUP: Final = 65_536
_LEAN: Final[dict[str, bool]] = {"store_schema": False, "write_statistics": False, "use_dictionary": False}
_SPILL_ROWS: Final = 262_144  # tables up to this many rows are sorted in memory
_BUCKETS: Final = 64
_BUFFER_ROWS: Final = 32_768


def write_table(table: str, batches: Iterable[pa.Table], file: BinaryIO, lean: bool = False) -> int:
    """Write rows as Parquet; the bytes depend on the rows alone, not on how they were batched.

    Args:
        table: name of the table.
        batches: conforming tables in the order of their rows.
        file: open for writing.
        lean: without what a table of a few rows mostly consists of: descriptions of its columns, statistics and
            dictionaries. For files that only `read_table` reads, which knows the descriptions.

    Returns:
        The number of rows.
    """
    rows = 0
    schema, how = (_undescribed(SCHEMAS[table]), _LEAN) if lean else (SCHEMAS[table], {})
    with pq.ParquetWriter(
        file, schema, version="2.6", compression="zstd", compression_level=3, data_page_version="1.0", **how
    ) as writer:
        for group in _regrouped(batches, table):
            # one chunk, else the page boundaries follow the chunks
            writer.write_table(group.combine_chunks(), row_group_size=ROW_GROUP)
            rows += group.num_rows
    return rows


def _undescribed(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, field.type, field.nullable) for field in schema])


def _regrouped(batches: Iterable[pa.Table], table: str) -> Iterable[pa.Table]:
    pending = SCHEMAS[table].empty_table()
    for batch in batches:
        pending = pa.concat_tables([pending, batch])
        while pending.num_rows >= ROW_GROUP:
            yield pending.slice(0, ROW_GROUP)
            pending = pending.slice(ROW_GROUP)
    if pending.num_rows:
        yield pending


def read_table(table: str, path: Path, sha256: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a table from a Parquet file.

    Args:
        table: name of the table, its schema is checked.
        path: the file.
        sha256: what its bytes must hash to; None does not read the whole file for that.
        columns: names of the columns to read, None for all.

    Raises:
        ManifestError: absent, damaged, another hash or another schema.
    """
    name = printable(str(path))
    try:
        if sha256 is None:
            source: object = path
        else:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != sha256:
                raise ManifestError(f"{name} is damaged (its hash differs): delete it and run the same command again.")
            source = pa.BufferReader(content)
        file = pq.ParquetFile(source, pre_buffer=False)
        if not file.schema_arrow.equals(SCHEMAS[table]):
            raise ManifestError(f"{name} was written by another version: it is not a table {table} of this one.")
        rows = file.read(columns=list(columns) if columns is not None else None, use_threads=False)
        fields = [SCHEMAS[table].field(name) for name in rows.column_names]  # with descriptions, also of a lean file
        return pa.Table.from_arrays(rows.columns, schema=pa.schema(fields, SCHEMAS[table].metadata))
    except FileNotFoundError as error:
        raise ManifestError(f"{name} is missing: run the same command again.") from error
    except PermissionError as error:
        raise ManifestError(f"{name} cannot be read: permission denied.") from error
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"{name} cannot be read as Parquet: delete it and run the same command again.") from error


class SortedRows:
    """Rows of one table, added in any order and given back sorted by id, in bounded memory.

    Up to 262,144 rows stay in memory. More are spread by the leading digits of their id over 64 files, each of which
    is sorted by itself: 1,000,000 rows hold about 16,000 sorted and 32,768 unwritten ones in memory.
    """

    def __init__(self, table: str, expected_rows: int, scratch: Path) -> None:
        self._table, self._scratch = table, scratch
        self._spill = expected_rows > _SPILL_ROWS
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def add(self, rows: pa.Table) -> None:
        """Take some rows, in the schema of the table."""
        if rows.num_rows:
            self._pending.append(rows)
            self._pending_rows += rows.num_rows
            if self._spill and self._pending_rows >= _BUFFER_ROWS:
                self._write_out()

    def batches(self) -> Iterable[pa.Table]:
        """Give back all rows sorted by id; equal ids keep the order in which they were added."""
        if not self._spill:
            yield self._sorted(pa.concat_tables([SCHEMAS[self._table].empty_table(), *self._pending]))
            return
        self._write_out()
        for writer in self._writers.values():
            writer.close()
        for bucket in sorted(self._writers):
            with pa.memory_map(str(self._path(bucket))) as file, pa.ipc.open_stream(file) as reader:
                yield self._sorted(reader.read_all())
            self._path(bucket).unlink()

    def _sorted(self, rows: pa.Table) -> pa.Table:
        return rows.take(pc.sort_indices(rows, sort_keys=[("id", "ascending")]))

    def _path(self, bucket: int) -> Path:
        return self._scratch / f"{self._table}-{bucket:02x}.arrows"

    def _write_out(self) -> None:
        if not self._pending:
            return
        rows = pa.concat_tables(self._pending)
        self._pending, self._pending_rows = [], 0
        buckets = _bucket(rows.column("id"))
        for bucket in pc.unique(buckets).to_pylist():
            if bucket not in self._writers:
                make_folder(self._scratch)
                path = str(self._path(bucket))
                self._writers[bucket] = pa.ipc.new_stream(path, SCHEMAS[self._table])
            self._writers[bucket].write_table(rows.filter(pc.equal(buckets, bucket)))


def _bucket(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """The bucket of each id by its first two hexadecimal digits, so that buckets are ordered as ids are."""
    digits = "0123456789abcdef"
    pairs = pa.array([first + second for first in digits for second in digits])
    return pc.divide(pc.index_in(pc.utf8_slice_codeunits(ids, 2, 4), value_set=pairs), 256 // _BUCKETS)

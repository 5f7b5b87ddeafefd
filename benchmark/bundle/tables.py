"""Parquet tables of a bundle: written in one way, read without trust."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.bundle.files import DamagedError, plain_file

_MOST_BYTES: Final = 1 << 30  # of a table in memory
_MOST_ROWS: Final = 20_000_000


def write_table(table: pa.Table, file: BinaryIO) -> None:
    """Write a table as Parquet."""
    pq.write_table(table.combine_chunks(), file, version="2.6", compression="zstd", compression_level=3)


def read_table(folder: Path, name: str) -> pa.Table:
    """Read a table of a bundle whole; its strings are valid UTF-8.

    Raises:
        DamagedError: it is missing, no Parquet, or larger than any bundle's.
    """
    path = plain_file(folder, name)
    try:
        with path.open("rb") as source, pq.ParquetFile(source, pre_buffer=False) as file:
            facts = file.metadata
            size = sum(facts.row_group(place).total_byte_size for place in range(facts.num_row_groups))
            if not 0 <= facts.num_rows <= _MOST_ROWS or not 0 <= size <= _MOST_BYTES:
                raise DamagedError(name, f"{name} says that it holds more than any bundle does.")
            table = file.read(use_threads=False)
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise DamagedError(name, f"{name} is damaged: it cannot be read as Parquet.") from error
    return table

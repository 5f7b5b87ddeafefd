"""What every check is given, and how it says what is wrong without drowning the reader."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.crew import Asked, Crew
from manifests.text import printable

SHOWN: Final = 10  # rows named per kind of damage; the rest is one line with their number


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        check: tables, ids, references, spans, frames, expressions, files, counts, whole or provenance.
        where: table and row, or the file.
        sentence: what is wrong.
        rows: how many rows or files it stands for.
    """

    check: str
    where: str
    sentence: str
    rows: int = 1


@dataclass
class Sound:
    """What the look found sound.

    Attributes:
        files: table of frames -> sources whose file is sound.
        counted: [tracks] rows in sound files of frames.
    """

    files: dict[str, set[str]] = field(default_factory=lambda: {"frames": set(), "expressions": set()})
    counted: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass
class Context:
    """An opened manifest: its folder, manifest.json, every table that could be read, and notes on what is no fault.

    Attributes:
        crew: makes the looks at files. asked: name of a check -> its looks that were begun.
    """

    root: Path
    content: dict[str, Any]
    quick: bool = False
    tables: dict[str, pa.Table] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sound: Sound = field(default_factory=Sound)
    crew: Crew = field(default_factory=Crew)
    asked: dict[str, list[Asked]] = field(default_factory=dict)

    def lacks(self, *names: str) -> list[str]:
        """Return which of the tables could not be read, so that a check that needs them cannot be made."""
        return [name for name in names if name not in self.tables]


def flagged(check: str, table: str, names: pa.ChunkedArray, wrong: np.ndarray, sentence: str) -> Iterator[Problem]:
    """Yield a problem for each wrong row, the first ten by name and the rest as one.

    Args:
        check: name of the check.
        table: the table of the rows.
        names: [rows] what each row is called.
        wrong: [rows] bool.
        sentence: what is wrong with them.
    """
    positions = np.nonzero(wrong)[0]
    for name in names.take(pa.array(positions[:SHOWN])).to_pylist():
        yield Problem(check, f"{table} {printable(str(name))}", sentence)
    more = len(positions) - SHOWN
    if more > 0:
        yield Problem(check, table, f"{more} more: {sentence}", more)


def position(values: pa.ChunkedArray, among: pa.ChunkedArray) -> np.ndarray:
    """[values] int64: where each value stands in `among`, -1 where it does not."""
    found = pc.index_in(values, value_set=among.combine_chunks())
    return pc.fill_null(found, -1).to_numpy().astype(np.int64)


def numbers(table: pa.Table, column: str, missing: int = 0) -> np.ndarray:
    """[rows] the whole numbers of a column, with `missing` for nulls."""
    return pc.fill_null(table.column(column), missing).to_numpy()


def true(values: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """[rows] bool of an Arrow boolean column; a null is False."""
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=bool)


def nulls(table: pa.Table, column: str) -> np.ndarray:
    """[rows] bool, True where a column is null."""
    return true(table.column(column).is_null())

"""The store: each stage's result for one source is committed whole, a head says which results are current."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.files import json_mapping, make_folder, plain_errors, read_json, sync_folder, write_aside, write_json
from manifests.outcomes import Outcome
from manifests.parquet import read_table, write_table
from manifests.schema import FRAME_TABLES, ID_KINDS, PREFIXES, conform
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.whole import WholeStep

COMMIT: Final = "commit.json"
SOURCE_ID: Final = re.compile(r"^s_[0-9a-f]{16}$")
_STAGE: Final = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")
_KEY: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")


@dataclass(frozen=True)
class TableFile:
    """One table file of a part: its name in the part's folder, hash, size in bytes and rows."""

    file: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Part:
    """What one stage made of one source: its tables and outcomes, as commit.json names them."""

    folder: Path
    source: str
    stage: str
    key: str
    tables: dict[str, TableFile]
    outcome_rows: tuple[dict[str, Any], ...]
    commit_sha256: str

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What became of the source and its clips, checked."""
        return tuple(Outcome(**row) for row in self.outcome_rows)

    def path(self, table: str) -> Path:
        """Return the file of a table; raises ManifestError when the part does not hold it."""
        if table not in self.tables:
            held = ", ".join(self.tables) or "none"
            raise ManifestError(f"The stage {self.stage} wrote no table {table} for {self.source} (it wrote: {held}).")
        return self.folder / self.tables[table].file


@dataclass(frozen=True)
class Head:
    """What is current for one source: its file's identity, the key of each stage in order, and how it ended.

    Attributes:
        source: id of the source.
        name: printable path relative to what was given on the command line.
        origin: printable absolute path or URL.
        sha256: hash of the file, None when it could not be read.
        bytes: size of the file, None when it could not be read.
        mtime_ns: modification time of the file in nanoseconds, None for what is not a local file.
        keys: stage -> key, in the order in which the stages ran.
        status: kept, dropped or failed.
        reasons: why it was dropped.
        error: one sentence on what failed.
        retry: whether the next run should try again.
        quarantined: whether it killed the processes that worked on it: only tried again when that is asked for.
    """

    source: str
    name: str
    origin: str
    sha256: str | None
    bytes: int | None
    mtime_ns: int | None
    keys: dict[str, str] = field(default_factory=dict)
    status: str = "kept"
    reasons: tuple[str, ...] = ()
    error: str | None = None
    retry: bool = False
    quarantined: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "reasons", tuple(self.reasons))


class Store:
    """The parts, heads and snapshot of one output folder; one process writes each source."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def commit(
        self, source: str, stage: str, key: str, tables: Mapping[str, pa.Table], outcomes: Sequence[Outcome]
    ) -> None:
        """Write what a stage made of a source, whole or not at all; a second commit of a key takes its place.

        Args:
            source: id of the source.
            stage: name of the stage.
            key: hash of everything that decides the result.
            tables: table name to rows, in its schema; may be empty.
            outcomes: what became of the source and of its clips at this stage.

        Raises:
            ManifestError: a table that breaks its schema or names another source, or the disk refuses.
        """
        folder = self._part_folder(source, stage, key)
        checked = {name: _checked(name, data, source) for name, data in tables.items()}
        for outcome in outcomes:
            if (outcome.source, outcome.stage, outcome.key) != (source, stage, key):
                raise ManifestError(f"The outcome of {outcome.item} does not belong to {stage}/{source}/{key}.")
        with plain_errors(self.root):
            make_folder(folder)
            files = {name: asdict(_write_part_table(folder, name, data)) for name, data in sorted(checked.items())}
            sync_folder(folder)  # the tables outlast a power cut before anything names them
            rows = [{k: v for k, v in outcome.row().items() if k not in _SHARED} for outcome in outcomes]
            # The rename of commit.json makes the part count; what it does not name was never there.
            content = {"source": source, "stage": stage, "key": key, "tables": files, "outcomes": rows}
            write_json(folder / COMMIT, content)

    def exists(self, source: str, stage: str, key: str) -> bool:
        """Return whether a part is there by name: one look, for runs that check many; `committed` looks inside."""
        return (self._part_folder(source, stage, key) / COMMIT).is_file()

    def committed(self, source: str, stage: str, key: str) -> bool:
        """Return whether a part is there with all its files at their sizes; a damaged one counts as absent."""
        try:
            part = self.part(source, stage, key)
            return all((part.folder / t.file).stat().st_size == t.bytes for t in part.tables.values())
        except (ManifestError, FileNotFoundError):
            return False

    def part(self, source: str, stage: str, key: str) -> Part:
        """Return what commit.json says of a part; raises ManifestError when it is absent or damaged."""
        path = self._part_folder(source, stage, key) / COMMIT
        try:
            raw = path.read_bytes()
            content = json_mapping(raw, path)
            tables = {name: TableFile(**entry) for name, entry in content["tables"].items()}
            shared = {name: content[name] for name in _SHARED}
            rows = tuple({**row, **shared} for row in content["outcomes"])
        except FileNotFoundError as error:
            raise ManifestError(f"The stage {stage} has no result {key} for {source}: run it first.") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise ManifestError(f"{printable(str(path))} was written by another version.") from error
        return Part(path.parent, source, stage, key, tables, rows, hashlib.sha256(raw).hexdigest())

    def read(self, source: str, stage: str, key: str, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a table of a part, its bytes checked against commit.json.

        Raises:
            ManifestError: the part or the table is absent or damaged.
        """
        part = self.part(source, stage, key)
        return read_table(table, part.path(table), part.tables[table].sha256, columns)

    def outcomes(self, source: str, stage: str, key: str) -> list[Outcome]:
        """Return the outcomes of a part; raises ManifestError when it is absent."""
        return list(self.part(source, stage, key).outcomes)

    def write_head(self, head: Head) -> None:
        """Write which results are current for a source, in one step.

        Raises:
            ManifestError: a key of a part that is not committed, or the disk refuses.
        """
        for stage, key in head.keys.items():
            if not (self._part_folder(head.source, stage, key) / COMMIT).is_file():
                raise ManifestError(f"The head of {head.source} names {stage}/{key}, which is not committed.")
        path = self._head_path(head.source)
        with plain_errors(self.root):
            make_folder(path.parent)
            write_json(path, asdict(head))

    def head(self, source: str) -> Head | None:
        """Return the head of a source, or None."""
        path = self._head_path(source)
        try:
            return Head(**read_json(path))
        except FileNotFoundError:
            return None
        except TypeError as error:
            raise ManifestError(f"{printable(str(path))} was written by another version.") from error

    def heads(self) -> dict[str, Head]:
        """Return the heads of all sources, sorted by id."""
        found = (self.head(path.stem) for path in sorted(self.root.glob("heads/??/s_*.json")))
        return {head.source: head for head in found if head is not None}

    def remove_head(self, source: str) -> None:
        """Take a source out of the next snapshot; `collect_garbage` then removes its parts."""
        with plain_errors(self.root):
            self._head_path(source).unlink(missing_ok=True)

    def current(self, head: Head) -> Iterator[Part]:
        """Yield the parts that a head names, in the order of its stages."""
        for stage, key in head.keys.items():
            yield self.part(head.source, stage, key)

    def snapshot(self, recipe: Mapping[str, Any], step: "WholeStep | None" = None) -> bool:
        """Write the tables and frames of all heads into the output folder, then manifest.json.

        Args:
            recipe: the resolved recipe, plain JSON values.
            step: what works on the whole manifest, before anything in the folder is replaced.

        Returns:
            False when the snapshot was already this one and nothing was written.

        Raises:
            ManifestError: a part is absent or damaged, or the disk refuses.
        """
        from manifests.snapshot import write_snapshot

        return write_snapshot(self, recipe, step)

    def collect_garbage(self) -> int:
        """Remove parts that no head names, unfinished files and clips that no kept row of the snapshot names.

        Call it inside `exclusive(root)`, after the snapshot is written.

        Returns:
            How many files were removed.
        """
        from manifests.garbage import collect

        return collect(self)

    def _part_folder(self, source: str, stage: str, key: str) -> Path:
        for word, pattern, what in ((source, SOURCE_ID, "source"), (stage, _STAGE, "stage"), (key, _KEY, "key")):
            if not pattern.fullmatch(word):
                raise ManifestError(f"{printable(word)!r} cannot be the {what} of a part.")
        return self.root / "parts" / stage / source[2:4] / source / key

    def _head_path(self, source: str) -> Path:
        if not SOURCE_ID.fullmatch(source):
            raise ManifestError(f"{printable(source)!r} is not the id of a source.")
        return self.root / "heads" / source[2:4] / f"{source}.json"


_SHARED: Final = ("source", "stage", "key")


def _checked(table: str, data: pa.Table, source: str) -> pa.Table:
    if table == "outcomes":
        raise ManifestError("Outcomes are given to commit as a list, not as a table.")
    data = conform(table, data)
    owner = data.column("id" if table == "sources" else "source")
    if pc.any(pc.not_equal(owner, source)).as_py():
        raise ManifestError(f"The table {table} of {source} holds rows of another source.")
    if table in ID_KINDS:
        pattern = f"^{PREFIXES[ID_KINDS[table]]}_[0-9a-f]{{16}}$"
        if pc.all(pc.match_substring_regex(data.column("id"), pattern)).as_py() is False:
            raise ManifestError(f"The table {table} of {source} holds an id that make_id did not make.")
    if table == "clips":
        for name in pc.unique(data.column("file")).to_pylist():
            if name is not None and (PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts):
                raise ManifestError(f"The clip file {printable(name)!r} lies outside the manifest's folder.")
    return data


def _write_part_table(folder: Path, table: str, data: pa.Table) -> TableFile:
    def write(file: BinaryIO) -> None:
        write_table(table, [data], file, lean=table not in FRAME_TABLES)  # those are linked into the snapshot

    aside, written = write_aside(folder, table, write)
    # Named by content: a later commit of the same key never writes over a file that an earlier one names.
    name = f"{table}-{written.sha256[:16]}.parquet"
    aside.replace(folder / name)
    return TableFile(name, written.sha256, written.bytes, data.num_rows)

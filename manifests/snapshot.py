"""A snapshot: the current parts of all sources as one set of tables, never taken for whole when half replaced."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import ManifestError
from manifests.files import file_hash, make_folder, plain_errors, read_json, sync_folder, write_aside, write_json
from manifests.parquet import ROW_GROUP, SortedRows, read_table, write_table
from manifests.schema import (
    FRAME_TABLES,
    SCHEMA_VERSION,
    SNAPSHOT_TABLES,
    SOURCE_TABLES,
    WHOLE_TABLES,
    table_from_rows,
)
from manifests.text import printable
from manifests.whole import Found, Ledger, OutcomesBySource, complete, joined

if TYPE_CHECKING:
    from manifests.store import Head, Part, Store, TableFile
    from manifests.whole import WholeStep

MANIFEST: Final = "manifest.json"
CERTIFICATE: Final = "certificate.json"
SCRATCH: Final = ".tmp-snapshot"


@dataclass
class _Plan:
    """Which file of which source goes into which table, found by reading every commit.json once."""

    state: str = ""
    stages: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, list[tuple[Path, "TableFile"]]] = field(default_factory=dict)
    frames: dict[str, dict[str, tuple[Path, "TableFile"]]] = field(default_factory=dict)  # table of frames -> source


def newest(parts: Iterable["Part"]) -> dict[str, "Part"]:
    """Return table -> the part that gives it: the last stage that wrote a table replaces the earlier ones."""
    return {table: part for part in parts for table in part.tables}


def state_of(
    store: "Store", heads: Mapping[str, "Head"], recipe: Mapping[str, Any] | None, step: "WholeStep | None" = None
) -> _Plan:
    """Return what a snapshot of these heads holds, and a hash that changes when any of it does."""
    plan = _Plan(files={table: [] for table in SOURCE_TABLES}, rows=dict.fromkeys(SOURCE_TABLES, 0))
    plan.frames = {table: {} for table in FRAME_TABLES}
    facts = [SCHEMA_VERSION, recipe, None if step is None else step.key]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    orders: dict[tuple[str, ...], None] = {}
    for source, head in heads.items():
        parts = list(store.current(head))
        orders[tuple(head.keys)] = None
        for part in parts:
            digest.update(f"{source} {part.stage} {part.key} {part.commit_sha256}\n".encode())
        for table, part in newest(parts).items():
            entry = part.tables[table]
            if table in plan.frames:
                plan.frames[table][source] = (part.path(table), entry)
            elif table in plan.files:
                plan.files[table].append((part.path(table), entry))
                plan.rows[table] += entry.rows
    plan.state, plan.stages = digest.hexdigest(), _merged_order(list(orders))
    plan.stages += () if step is None else step.judging
    return plan


def write_snapshot(store: "Store", recipe: Mapping[str, Any], step: "WholeStep | None" = None) -> bool:
    """Write the snapshot of a store's heads; see `Store.snapshot`.

    Memory stays bounded whatever the number of clips: parts are read one at a time, tables of more than 262,144
    rows are sorted in buckets on disk (`SortedRows`), outcomes stream in the order of the sources, and tables
    of frames are linked, never read. The step over the whole manifest reads the columns that it asks for.
    """
    root, heads = store.root, store.heads()
    plan = state_of(store, heads, recipe, step)
    if _is_current(root, plan.state):
        return False
    scratch = root / SCRATCH
    with plain_errors(root):
        shutil.rmtree(scratch, ignore_errors=True)
        make_folder(scratch)
        tables = _write_tables(store, heads, plan, scratch, step)
        frames = {
            table: {source: _entry(item) for source, (_, item) in files.items()} for table, files in plan.frames.items()
        }
        links = [pair for table in FRAME_TABLES for pair in _stage_frames(root, table, plan, scratch)]
        _swap(root, tables, links, frames)
        content = {
            "schema_version": SCHEMA_VERSION,
            "state": plan.state,
            "stages": plan.stages,
            "recipe": recipe,
            "tables": {name: entry for name, (_, entry) in tables.items()},
            **frames,
        }
        write_json(root / MANIFEST, content)
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def _entry(item: "TableFile") -> dict[str, Any]:
    return {"sha256": item.sha256, "bytes": item.bytes, "rows": item.rows}


def _is_current(root: Path, state: str) -> bool:
    """Whether the folder holds exactly this snapshot, by its state and the size of every file."""
    try:
        manifest = read_json(root / MANIFEST)
        if manifest.get("state") != state or manifest.get("schema_version") != SCHEMA_VERSION:
            return False
        wanted = {f"{name}.parquet": entry["bytes"] for name, entry in manifest["tables"].items()}
        for table in FRAME_TABLES:
            frames = {f"{source}.parquet": entry["bytes"] for source, entry in manifest[table].items()}
            if frames != {entry.name: entry.stat().st_size for entry in _scan(root / table)}:
                return False
        return all((root / name).stat().st_size == size for name, size in wanted.items())
    except (FileNotFoundError, KeyError, TypeError, AttributeError, ManifestError):
        return False


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from entries


def _write_tables(
    store: "Store", heads: Mapping[str, "Head"], plan: _Plan, scratch: Path, step: "WholeStep | None"
) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Write every table aside; returns table -> (temporary path, its entry in manifest.json)."""
    written = {name: _write_one(name, _sorted_batches(name, plan, scratch), scratch) for name in SOURCE_TABLES}
    found = Found()
    if step is not None:
        found = step.run(lambda name, columns: read_table(name, written[name][0], columns=columns))
        written["clips"] = _write_one("clips", _joined_batches(written["clips"][0], found), scratch)
    whole = complete(found)
    for name in WHOLE_TABLES:
        written[name] = _write_one(name, [whole[name]], scratch)
    if step is not None:  # before anything is replaced: a run that is killed from here on finds the same ids again
        Ledger(store.root).remember({name: whole[name] for name in found.keys}, found.keys)
    written["outcomes"] = _write_one("outcomes", _outcome_batches(store, heads, OutcomesBySource(found)), scratch)
    return {name: written[name] for name in SNAPSHOT_TABLES}


def _joined_batches(path: Path, found: Found) -> Iterator[pa.Table]:
    """The clips of a file with what was found of them, a row group at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield joined(file.read_row_group(group, use_threads=False), found)


def _write_one(table: str, batches: Iterable[pa.Table], scratch: Path) -> tuple[Path, dict[str, Any]]:
    rows = 0

    def write(file: BinaryIO) -> None:
        nonlocal rows
        rows = write_table(table, batches, file)

    path, made = write_aside(scratch, table, write)
    return path, {"sha256": made.sha256, "bytes": made.bytes, "rows": rows}


def _sorted_batches(table: str, plan: _Plan, scratch: Path) -> Iterable[pa.Table]:
    rows = SortedRows(table, plan.rows[table], scratch)
    for path, entry in plan.files[table]:
        if entry.rows:
            rows.add(read_table(table, path, entry.sha256))
    return rows.batches()


def _outcome_batches(store: "Store", heads: Mapping[str, "Head"], whole: OutcomesBySource) -> Iterator[pa.Table]:
    """Outcomes in the order of source, stage as it ran, kind (the source first) and item."""
    pending: list[dict[str, Any]] = []
    for head in heads.values():
        for part in store.current(head):
            pending += sorted(part.outcome_rows, key=lambda row: (row["kind"] != "source", row["item"]))
        pending += whole.of(head.source)
        if len(pending) >= ROW_GROUP:
            yield table_from_rows("outcomes", pending)
            pending = []
    yield table_from_rows("outcomes", pending)


def _stage_frames(root: Path, table: str, plan: _Plan, scratch: Path) -> list[tuple[Path, Path]]:
    """Link (or copy, where the disk cannot link) the files that changed; returns (aside, target) pairs."""
    pairs, old = [], _old_frames(root, table)
    for source, (part, entry) in plan.frames[table].items():
        target = root / table / f"{source}.parquet"
        if target.exists() and (target.samefile(part) or old.get(source) == entry.sha256 == file_hash(target).sha256):
            continue
        aside = scratch / f"{table}-{target.name}"
        try:
            aside.hardlink_to(part)
        except FileNotFoundError as error:
            raise ManifestError(f"{printable(str(part))} is missing: run the same command again.") from error
        except OSError:  # a disk without links, or the most links it allows
            _copy(part, aside, entry.sha256)
        pairs.append((aside, target))
    return pairs


def _copy(part: Path, aside: Path, sha256: str) -> None:
    with part.open("rb") as original:
        path, made = write_aside(aside.parent, aside.name, partial(shutil.copyfileobj, original))
    if made.sha256 != sha256:
        raise ManifestError(f"{printable(str(part))} is damaged: delete it and run the same command again.")
    path.replace(aside)


def _old_frames(root: Path, table: str) -> dict[str, str]:
    try:
        return {source: entry["sha256"] for source, entry in read_json(root / MANIFEST)[table].items()}
    except (FileNotFoundError, KeyError, TypeError, AttributeError, ManifestError):
        return {}


def _swap(
    root: Path,
    tables: Mapping[str, tuple[Path, Any]],
    frames: Iterable[tuple[Path, Path]],
    sources: Mapping[str, Mapping[str, Any]],
) -> None:
    """Put every file in its place. manifest.json goes first: until the new one comes, nothing can be opened."""
    (root / MANIFEST).unlink(missing_ok=True)
    (root / CERTIFICATE).unlink(missing_ok=True)  # it speaks of what is replaced; a killed run must not leave it
    sync_folder(root)
    for table in sources:
        make_folder(root / table)
    for aside, target in frames:
        aside.replace(target)
    for table, named in sources.items():
        for entry in _scan(root / table):
            if entry.name.endswith(".parquet") and entry.name.removesuffix(".parquet") not in named:
                Path(entry.path).unlink()
        sync_folder(root / table)
    for table, (aside, _) in tables.items():
        aside.replace(root / f"{table}.parquet")
    sync_folder(root)


def _merged_order(orders: list[tuple[str, ...]]) -> list[str]:
    """One order of stages that respects every head's; where heads disagree the first source's order counts."""
    after: dict[str, set[str]] = {}
    for order in orders:
        for position, stage in enumerate(order):
            after.setdefault(stage, set()).update(order[:position])
    merged: list[str] = []
    while len(merged) < len(after):
        left = [stage for stage in after if stage not in merged]
        merged.append(next((stage for stage in left if after[stage] <= set(merged)), left[0]))
    return merged

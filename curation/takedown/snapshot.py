"""The snapshot without what goes: every table filtered, splits counted again, put in place as one."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.takedown.scope import Scope, remaining
from manifests.files import make_folder, plain_errors, sync_folder, write_aside, write_json
from manifests.parquet import read_table, write_table
from manifests.schema import FRAME_TABLES, SNAPSHOT_TABLES
from manifests.snapshot import CERTIFICATE, MANIFEST, SCRATCH

if TYPE_CHECKING:
    import pyarrow as pa

_GROUPS: Final = ("id", "duplicate_group", "duplicate_of")


def rewrite(root: Path, content: dict[str, Any], scope: Scope) -> None:
    """Put the filtered snapshot in the place of the former one; doing it again changes nothing.

    Args:
        root: the manifest's folder; its tables may be the former ones or, after a kill, new ones already.
        content: what manifest.json said before.
        scope: what goes.
    """
    scratch = root / SCRATCH
    with plain_errors(root):
        shutil.rmtree(scratch, ignore_errors=True)
        make_folder(scratch)
        tables = {name: _filtered(root, name, scope, scratch) for name in SNAPSHOT_TABLES if name not in _LATER}
        tables |= _clips_and_splits(root, content["recipe"], tables["identities"][0], scope, scratch)
        frames = {table: _frames(root, table, content[table], scope, scratch) for table in FRAME_TABLES}
        (root / MANIFEST).unlink(missing_ok=True)
        (root / CERTIFICATE).unlink(missing_ok=True)
        sync_folder(root)
        for aside, target in [pair for _, pairs in frames.values() for pair in pairs]:
            aside.replace(target)
        for name, (aside, _) in tables.items():
            aside.replace(root / f"{name}.parquet")
        sync_folder(root)
        state = hashlib.sha256(f"{content['state']} without {sorted(scope.clips | scope.touched)}".encode())
        new = {**content, "state": state.hexdigest(), "tables": {name: tables[name][1] for name in SNAPSHOT_TABLES}}
        write_json(root / MANIFEST, {**new, **{table: entries for table, (entries, _) in frames.items()}})
        shutil.rmtree(scratch, ignore_errors=True)


_LATER: Final = ("clips", "splits")


def _written(scratch: Path, table: str, name: str, batches: "Iterable[pa.Table]") -> tuple[Path, dict[str, Any]]:
    rows = 0

    def write(file: Any) -> None:
        nonlocal rows
        rows = write_table(table, batches, file)

    path, made = write_aside(scratch, name, write)
    return path, {"sha256": made.sha256, "bytes": made.bytes, "rows": rows}


def _filtered(root: Path, name: str, scope: Scope, scratch: Path) -> tuple[Path, dict[str, Any]]:
    return _written(scratch, name, name, (remaining(name, rows, scope) for rows in groups_of(root / f"{name}.parquet")))


def groups_of(path: Path) -> "Iterator[pa.Table]":
    """The rows of a Parquet file, a row group at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, use_threads=False)


def _frames(
    root: Path, table: str, entries: dict[str, Any], scope: Scope, scratch: Path
) -> tuple[dict[str, Any], list[tuple[Path, Path]]]:
    """Entries of the tables of frames that stay, and the files of shared sources written anew."""
    new, pairs = {source: entry for source, entry in entries.items() if source not in scope.sources}, []
    for source in scope.spans:
        target = root / table / f"{source}.parquet"
        if source in new:
            rows = remaining(table, read_table(table, target), scope)
            aside, new[source] = _written(scratch, table, f"{table}-{source}", [rows])
            pairs.append((aside, target))
    return new, pairs


def _clips_and_splits(
    root: Path, recipe: dict[str, Any], identities: Path, scope: Scope, scratch: Path
) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Clips that stay, with splits as they were and counts as they are now."""
    from manifests.splits import columns, split

    wanted = recipe.get("stages", {}).get("splits") or {}
    settings = {name: wanted[name] for name in ("validation", "test", "seed") if name in wanted}
    path = root / "clips.parquet"
    brief = remaining("clips", read_table("clips", path, columns=sorted({*columns(), *_GROUPS})), scope)
    brief = _regrouped(brief, scope)
    units = remaining("splits", read_table("splits", root / "splits.parquet"), scope)
    bridges = read_table("identities", identities, columns=["id", "bridges"])
    found = split(brief.select(columns()), bridges, units, **settings)
    made = {"split": found.clips.column("split"), "split_note": found.clips.column("split_note")}
    made |= {name: brief.column(name) for name in _GROUPS[1:]}

    def batches() -> "Iterator[pa.Table]":
        begin = 0
        for rows in groups_of(path):
            rows = remaining("clips", rows, scope)
            for name, column in made.items():
                index = rows.schema.get_field_index(name)
                part = column.slice(begin, rows.num_rows).cast(rows.schema.field(index).type)
                rows = rows.set_column(index, rows.schema.field(index), part)
            begin += rows.num_rows
            yield rows

    written = {"clips": _written(scratch, "clips", "clips", batches())}
    return written | {"splits": _written(scratch, "splits", "splits", [found.units])}


def _regrouped(clips: "pa.Table", scope: Scope) -> "pa.Table":
    """Groups of duplicates that lost the clip that named them, or the one that stood for them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gone = pa.array(sorted(scope.clips), pa.string())
    lost = pc.or_(*(pc.is_in(clips.column(name), value_set=gone) for name in _GROUPS[1:]))
    groups = pc.unique(clips.column("duplicate_group").filter(lost)).drop_null()
    mask = pc.is_in(clips.column("duplicate_group"), value_set=groups)
    mask = pc.and_(mask, clips.column("duplicate_group").is_valid())
    members: dict[str, list[str]] = {}
    for row in clips.select(_GROUPS).filter(mask).sort_by("id").to_pylist():
        members.setdefault(row["duplicate_group"], []).append(row["id"])
    named = {group: ids[0] if len(ids) > 1 else None for group, ids in members.items()}
    if not named:
        return clips
    group = [named.get(value, value) for value in clips.column("duplicate_group").to_pylist()]
    of = [None if value in scope.clips else value for value in clips.column("duplicate_of").to_pylist()]
    for name, values in (("duplicate_group", group), ("duplicate_of", of)):
        index = clips.schema.get_field_index(name)
        clips = clips.set_column(index, clips.schema.field(index), pa.chunked_array([pa.array(values, pa.string())]))
    return clips


def rewrite_ledger(root: Path, scope: Scope) -> None:
    """What persons, duplicates and splits were remembered as: `manifests.whole.Ledger` without what goes."""
    from manifests.files import read_json
    from manifests.whole import LEDGER

    folder = root / LEDGER
    try:
        entries = read_json(folder / "ledger.json")["tables"]
    except FileNotFoundError:
        return
    with plain_errors(root):
        for name, entry in entries.items():
            rows = remaining(name, read_table(name, folder / entry["file"], entry["sha256"]), scope)
            aside, made = write_aside(folder, name, partial(write_table, name, [rows]))
            entry["file"], entry["sha256"] = f"{name}-{made.sha256[:16]}.parquet", made.sha256
            aside.replace(folder / entry["file"])
        write_json(folder / "ledger.json", {"tables": entries})
        named = {entry["file"] for entry in entries.values()} | {"ledger.json"}
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()

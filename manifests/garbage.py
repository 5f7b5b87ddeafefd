"""What nothing names any more: old parts, unfinished files and clips that no kept row names."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from manifests.files import ASIDE, plain_errors
from manifests.parquet import read_table
from manifests.schema import FRAME_TABLES
from manifests.store import COMMIT

if TYPE_CHECKING:
    from manifests.store import Store

# A clip of ours, finished or being written; nothing else in clips/ is ever touched.
_CLIP: Final = re.compile(r"^\.?c_[0-9a-f]{16}\.[A-Za-z0-9._-]+$")


def collect(store: "Store") -> int:
    """Remove what no head names; see `Store.collect_garbage`."""
    named: dict[Path, set[str]] = {}
    for head in store.heads().values():
        for part in store.current(head):
            named[part.folder] = {COMMIT, *(entry.file for entry in part.tables.values())}
    clips = kept_files(store.root)
    with plain_errors(store.root):
        removed = _collect_parts(store.root / "parts", named)
        removed += sum(_remove(path) for path in _unfinished(store.root))
        for path in _children(store.root / "clips"):
            if _CLIP.fullmatch(path.name) and f"clips/{path.name}" not in clips:
                removed += _remove(path)
    return removed


def kept_files(root: Path) -> set[str]:
    """What the snapshot names: a duplicate that a stage over the whole manifest dropped keeps no file."""
    table = read_table("clips", root / "clips.parquet", columns=["file", "status"])
    return set(table.filter(pc.equal(table["status"], "kept"))["file"].to_pylist())


def _collect_parts(folder: Path, named: dict[Path, set[str]]) -> int:
    """Walk parts/<stage>/<2 digits>/<source>/<key>/, remove what is not named, then folders left empty."""
    removed = 0
    for stage in _folders(folder):
        for digits in _folders(stage):
            for source in _folders(digits):
                for key in _folders(source):
                    keep = named.get(key, set())
                    # commit.json first: a part whose tables are gone must not count
                    stale = sorted((p for p in _children(key) if p.name not in keep), key=lambda p: p.name != COMMIT)
                    removed += sum(_remove(path) for path in stale)
                    _remove_if_empty(key)
                _remove_if_empty(source)
            _remove_if_empty(digits)
        _remove_if_empty(stage)
    return removed


def _unfinished(root: Path) -> Iterator[Path]:
    folders = [
        root,
        root / "clips",
        *(root / table for table in FRAME_TABLES),
        root / "heads",
        *_folders(root / "heads"),
    ]
    for folder in folders:
        yield from (path for path in _children(folder) if ASIDE.match(path.name))


def _children(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries)


def _folders(folder: Path) -> list[Path]:
    return [path for path in _children(folder) if path.is_dir() and not path.is_symlink()]


def _remove(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        count = sum(1 for child in path.rglob("*") if not child.is_dir())
        shutil.rmtree(path)
        return count
    path.unlink(missing_ok=True)
    return 1


def _remove_if_empty(folder: Path) -> None:
    if not _children(folder):
        folder.rmdir()

"""The files of a manifest's folder that a takedown deletes: clips, results of stages, heads, downloads and pages."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from curation.fetched import FOLDER
from curation.takedown.scope import Scope
from manifests.files import ASIDE, file_hash
from manifests.schema import FRAME_TABLES
from manifests.store import COMMIT, Store

REPORT: Final = "report.html"
PAGES: Final = "pages"


@dataclass(frozen=True)
class Gone:
    """A file that is deleted. path: relative to its folder; what: its kind, as `files_of` names it."""

    path: str
    what: str
    bytes: int
    sha256: str


def files_of(root: Path, scope: Scope, hashed: bool) -> list[Gone]:
    """All files below a manifest's folder that go, sorted by path.

    Args:
        root: the folder.
        scope: what goes.
        hashed: whether to read them; otherwise `sha256` is empty.
    """
    found = {
        path: what
        for what, paths in (
            ("clip", _clips(root, scope)),
            ("frames", (root / table / f"{source}.parquet" for table in FRAME_TABLES for source in scope.sources)),
            ("result", _results(root, scope)),
            ("head", (root / "heads" / source[2:4] / f"{source}.json" for source in scope.sources)),
            ("download", _downloads(root, scope)),
            ("page", _pages(root)),
            ("rebuilt", _rebuilt(root, scope)),
        )
        for path in paths
        if path.is_file()
    }
    rows = []
    for path, what in found.items():
        sha256 = file_hash(path).sha256 if hashed else ""
        rows.append(Gone(path.relative_to(root).as_posix(), what, path.stat().st_size, sha256))
    return sorted(rows, key=lambda row: row.path)


def delete(root: Path, files: Iterable[Gone]) -> None:
    """Delete files, those that are gone already too, and folders that become empty."""
    folders: set[Path] = set()
    for gone in files:
        path = root / gone.path
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in sorted(folders, key=lambda path: -len(path.parts)):
        while folder != root and folder.is_dir() and folder.name != "clips" and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def sweep(root: Path) -> None:
    """Delete what runs left unfinished: it may hold what goes."""
    for name in _names(root):
        if ASIDE.match(name) and (root / name).is_dir():
            shutil.rmtree(root / name)
    for folder in (root, *(root / name for name in ("clips", "ledger", FOLDER, *FRAME_TABLES))):
        for name in _names(folder):
            if ASIDE.match(name) and (folder / name).is_file():
                (folder / name).unlink()


def _clips(root: Path, scope: Scope) -> Iterator[Path]:
    for name in _names(root / "clips"):
        if name.lstrip(".").split(".")[0] in scope.clips:
            yield root / "clips" / name


def _results(root: Path, scope: Scope) -> Iterator[Path]:
    """Results of sources that go; of shared ones those that are not current, and what a current one does not name."""
    store = Store(root)
    stages = [root / "parts" / name for name in _names(root / "parts") if (root / "parts" / name).is_dir()]
    for source in scope.touched:
        named: set[Path] = set()
        head = store.head(source) if source in scope.spans else None
        for part in store.current(head) if head is not None else ():
            named |= {part.folder / COMMIT, *(part.path(table) for table in part.tables)}
        for stage in stages:
            for path in sorted((stage / source[2:4] / source).rglob("*")):
                if path.is_file() and path not in named:
                    yield path


def _downloads(root: Path, scope: Scope) -> Iterator[Path]:
    from curation.download.ledger import UNFINISHED
    from curation.download.model import Remote

    keys = {Remote(url).key for url in scope.values.get("url", ())}
    for name in _names(root / FOLDER):
        if name.split(".")[0] in keys and (root / FOLDER / name).is_file():
            yield root / FOLDER / name
    for key in sorted(keys):
        yield from sorted((root / FOLDER / UNFINISHED / key).rglob("*"))


def _pages(root: Path) -> Iterator[Path]:
    """Reports show pictures of everybody: all go, and are made again by one command."""
    yield root / REPORT
    yield from sorted((root / PAGES).glob("*.html"))


def _rebuilt(root: Path, scope: Scope) -> Iterator[Path]:
    """What `moee rebuild` noted of sources of which something goes, and its summary, which the next one writes anew."""
    from curation.rebuild.folder import SUMMARY
    from curation.rebuild.gone import DONE

    yield root / SUMMARY
    yield from (root / DONE / f"{source}.json" for source in sorted(scope.touched))


def _names(folder: Path) -> list[str]:
    """The names in a folder, of which there may be a million: a path for each would take half a minute."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]

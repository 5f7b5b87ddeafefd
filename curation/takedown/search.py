"""After a takedown: what can still be found, by rows, by names of files, by the bytes of files and by clips."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from curation.takedown.caches import speaks_of, tokens_of, walk
from curation.takedown.counts import rows_of
from curation.takedown.scope import Scope
from curation.takedown.wanted import Known, Wanted, is_copy
from manifests.parquet import read_table
from manifests.whole import LEDGER

RECEIPTS: Final = "takedowns"
_TEXT: Final = (".json", ".jsonl", ".html", ".md", ".txt", ".yaml", ".csv")


def left(
    root: Path,
    content: dict[str, Any],
    scope: Scope,
    sizes: dict[int, set[str]],
    caches: list[Path],
    places: list[Path],
) -> dict[str, int]:
    """Every search that was made and how much it found; all are 0 when nothing is left.

    Args:
        root: the manifest's folder.
        content: of the new manifest.json.
        scope: what went.
        sizes: size in bytes -> sha256 of removed clips.
        caches: folders outside. places: folders where it was published.
    """
    wanted = Known(words_of(scope), sizes)
    stays = set(read_table("sources", root / "sources.parquet", columns=["origin"]).column("origin").to_pylist())
    texts = [url.encode("utf-8", "replace") for url in scope.values.get("url", ()) if url not in stays]
    found = {"rows": sum(rows_of(root, content, scope).values()), "file_names": 0, "text_files": 0, "media": 0}
    found["results"] = sum(1 for _ in _results(root, scope))
    found["results"] += sum(speaks_of(path, wanted) for path in _shared(root, scope))
    found["ledger"] = speaking([root / LEDGER], wanted)
    for entry in _looked_at(root):
        found["file_names"] += wanted.names(tokens_of(os.fsencode(entry.name)))
        if Path(entry.name).suffix in _TEXT:
            raw = Path(entry.path).read_bytes()
            found["text_files"] += wanted.names(tokens_of(raw)) or any(text in raw for text in texts)
        else:
            found["media"] += is_copy(Path(entry.path), entry.stat().st_size, wanted)
    found["caches"], found["published"] = speaking(caches, wanted), speaking(places, wanted)
    return found


def speaking(folders: Iterable[Path], wanted: Wanted) -> int:
    """How many files below some folders still speak of what went."""
    return sum(speaks_of(path, wanted) for folder in folders for path in walk(folder))


def words_of(scope: Scope) -> frozenset[str]:
    """The ids, and the hashes of files, of what went whole."""
    contents = scope.values.get("content", ())
    return frozenset((*scope.sources, *scope.tracks, *scope.clips, *scope.identities, *contents, *scope.files.values()))


def _looked_at(root: Path) -> "Iterator[os.DirEntry[str]]":
    """All files of the folder but results of stages, which lie by source, and receipts, which hold digests."""
    folders = [root]
    while folders:
        place = folders.pop()
        skipped = ("parts", RECEIPTS, ".lock", ".takedown.json") if place == root else ()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name in skipped:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    yield entry


def _shared(root: Path, scope: Scope) -> Iterator[Path]:
    """Results of sources that stay without the person, which are read whole."""
    for source in scope.spans:
        for stage in _stages(root):
            yield from walk(stage / source[2:4] / source)


def _stages(root: Path) -> list[Path]:
    parts = root / "parts"
    return sorted(parts.iterdir()) if parts.is_dir() else []


def _results(root: Path, scope: Scope) -> Iterator[Path]:
    """Results that are left of sources that went."""
    for stage in _stages(root):
        for source in scope.sources:
            if (stage / source[2:4] / source).exists():
                yield stage / source[2:4] / source

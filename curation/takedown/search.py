"""After a takedown: what can still be found, by rows, by names of files, by the bytes of files and by clips."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from curation.takedown.caches import speaks_of, tokens_of, walk
from curation.takedown.counts import rows_of
from curation.takedown.scope import Scope
from manifests.files import file_hash
from manifests.parquet import read_table
from manifests.whole import LEDGER

RECEIPTS: Final = "takedowns"
_TEXT: Final = (".json", ".jsonl", ".html", ".md", ".txt", ".yaml", ".csv")


def left(root: Path, content: dict[str, Any], scope: Scope, caches: list[Path], sizes: dict[int, set[str]]) -> Any:
    """Every search that was made and how much it found; all are 0 when nothing is left.

    Args:
        root: the manifest's folder.
        content: of the new manifest.json.
        scope: what went.
        caches: folders outside.
        sizes: size in bytes -> sha256 of removed clips.
    """
    words = words_of(scope)
    stays = set(read_table("sources", root / "sources.parquet", columns=["origin"]).column("origin").to_pylist())
    texts = [url.encode("utf-8", "replace") for url in scope.values.get("url", ()) if url not in stays]
    found = {"rows": sum(rows_of(root, content, scope).values()), "file_names": 0, "text_files": 0, "media": 0}
    found["results"] = sum(1 for _ in _results(root, scope))
    found["results"] += sum(speaks_of(path, words, sizes) for path in _shared(root, scope))
    found["ledger"] = sum(speaks_of(path, words, sizes) for path in walk(root / LEDGER))
    for path in _looked_at(root):
        found["file_names"] += not words.isdisjoint(tokens_of(os.fsencode(path.name)))
        if path.suffix in _TEXT:
            raw = path.read_bytes()
            found["text_files"] += not words.isdisjoint(tokens_of(raw)) or any(text in raw for text in texts)
        elif (hashes := sizes.get(path.stat().st_size)) is not None:
            found["media"] += file_hash(path).sha256 in hashes
    found["caches"] = sum(speaks_of(path, words, sizes) for cache in caches for path in walk(cache))
    return found


def words_of(scope: Scope) -> frozenset[str]:
    """The ids, and the hashes of files, of what went whole."""
    contents = scope.values.get("content", ())
    return frozenset((*scope.sources, *scope.tracks, *scope.clips, *scope.identities, *contents, *scope.files.values()))


def _looked_at(root: Path) -> Iterator[Path]:
    """All files of the folder but results of stages, which lie by source, and receipts, which hold digests."""
    for place, folders, names in os.walk(root):
        if Path(place) == root:
            folders[:] = [name for name in folders if name not in ("parts", RECEIPTS)]
            names = [name for name in names if name not in (".lock", ".takedown.json")]
        yield from (Path(place) / name for name in names)


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

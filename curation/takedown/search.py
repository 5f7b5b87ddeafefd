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
from manifests.schema import FRAME_TABLES, SNAPSHOT_TABLES
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
) -> tuple[dict[str, int], list[str]]:
    """Every search that was made and how much it found, all 0 when nothing is left; and the files where it was.

    Args:
        root: the manifest's folder.
        content: of the new manifest.json.
        scope: what went.
        sizes: size in bytes -> sha256 of removed clips.
        caches: folders outside. places: folders where it was published.
    """
    wanted = Known(words_of(scope), sizes)
    hits: dict[str, list[Path]] = {name: [] for name in ("file_names", "text_files", "media")}
    hits["tables"] = list(_tables(root, wanted))
    hits["results"] = [*_results(root, scope), *(path for path in _shared(root, scope) if speaks_of(path, wanted))]
    hits["ledger"] = speaking([root / LEDGER], wanted)
    stays = set(read_table("sources", root / "sources.parquet", columns=["origin"]).column("origin").to_pylist())
    texts = [url.encode("utf-8", "replace") for url in scope.values.get("url", ()) if url not in stays]
    for entry in _looked_at(root):
        path = Path(entry.path)
        if wanted.names(tokens_of(os.fsencode(entry.name))):
            hits["file_names"].append(path)
        if path.suffix in _TEXT:
            raw = path.read_bytes()
            if wanted.names(tokens_of(raw)) or any(text in raw for text in texts):
                hits["text_files"].append(path)
        elif is_copy(path, entry.stat().st_size, wanted):
            hits["media"].append(path)
        elif path.suffix == ".parquet" and path.parent != root and path.parent.name not in FRAME_TABLES:
            hits["tables"] += [path] * speaks_of(path, wanted)
    hits["caches"], hits["published"] = speaking(caches, wanted), speaking(places, wanted)
    rows = sum(rows_of(root, content, scope).values())
    files = sorted({str(path) for found in hits.values() for path in found})
    return {"rows": rows, **{name: len(found) for name, found in hits.items()}}, files


def speaking(folders: Iterable[Path], wanted: Wanted) -> list[Path]:
    """The files below some folders that still speak of what went."""
    return [path for folder in folders for path in walk(folder) if speaks_of(path, wanted)]


def _tables(root: Path, wanted: Known) -> Iterator[Path]:
    """Tables of the folder with a cell of text that is a word of what went; unknown ones are looked into whole."""
    for path in sorted(root.glob("*.parquet")):
        if _cells(path, wanted.words) if path.stem in SNAPSHOT_TABLES else speaks_of(path, wanted):
            yield path


def _cells(path: Path, words: frozenset[str]) -> bool:
    """Whether any text, or text in a list, is one of the words, in whatever column."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    value_set = pa.array(sorted(words), pa.string())
    with pq.ParquetFile(path, pre_buffer=False) as file:
        kinds = {field.name: field.type for field in file.schema_arrow}
        lists = {name for name, kind in kinds.items() if pa.types.is_list(kind) and kind.value_type == pa.string()}
        texts = {name for name, kind in kinds.items() if kind == pa.string()}
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=sorted(lists | texts), use_threads=False)
            columns = [pc.list_flatten(rows[name]) if name in lists else rows[name] for name in rows.column_names]
            if any(pc.any(pc.is_in(column, value_set=value_set)).as_py() for column in columns):
                return True
    return False


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

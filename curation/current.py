"""What a finished source holds: as the last snapshot says, or, where a run was killed before one, as its results do."""

from dataclasses import dataclass, field
from typing import Any

from curation.before import Before
from manifests.errors import ManifestError
from manifests.store import Head, Part, Store


@dataclass(frozen=True)
class Current:
    """Facts of one source.

    Attributes:
        files: exported files with their sizes in bytes.
        failed: clips that could not be exported.
        flags: what is odd about the file.
    """

    files: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    flags: tuple[str, ...] = ()


def current(head: Head, before: Before, store: Store) -> Current | None:
    """Return what a source holds; None where a result that its head names is not whole.

    Args:
        head: of the source. before: the last snapshot. store: of the folder.
    """
    said = before.keys.get(head.source)
    if said and said <= set(head.keys.values()):
        if not all(store.exists(head.source, stage, key) for stage, key in head.keys.items()):
            return None
        return Current(
            before.files.get(head.source, {}), before.failed.get(head.source, 0), before.flags.get(head.source, ())
        )
    if not all(store.committed(head.source, stage, key) for stage, key in head.keys.items()):
        return None
    try:
        return _of_parts(list(store.current(head)), store)
    except ManifestError:  # damaged: a worker makes it anew
        return None


def _of_parts(parts: list[Part], store: Store) -> Current:
    files, failed = {}, 0
    for row in _rows(parts, store, "clips", ["source", "status", "file", "file_bytes"]):
        failed += row["status"] == "failed"
        if row["status"] == "kept" and row["file"]:
            files[row["file"]] = row["file_bytes"]
    flags = [tuple(row["flags"]) for row in _rows(parts, store, "sources", ["id", "flags"])]
    return Current(files, failed, flags[0] if flags else ())


def _rows(parts: list[Part], store: Store, table: str, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of the last part that holds a table."""
    last = next((part for part in reversed(parts) if table in part.tables), None)
    return [] if last is None else store.read(last.source, last.stage, last.key, table, columns).to_pylist()

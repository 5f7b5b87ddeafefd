"""What a takedown removes, counted: rows of each table, files of each kind, and faces of others that are near."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from curation.takedown.disk import Gone
from curation.takedown.scope import Scope, gone_rows
from curation.takedown.snapshot import groups_of
from manifests.parquet import read_table
from manifests.schema import FRAME_TABLES, SNAPSHOT_TABLES, schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_BLOCK: Final = 1 << 22  # distances held at once
_LOOKED_AT: Final = ("id", "source", "track", "item", "other", "dataset", "identity")


def rows_of(root: Path, content: dict[str, Any], scope: Scope) -> dict[str, int]:
    """Rows that go, table -> count; of tables of frames too."""
    import pyarrow.compute as pc

    counts = {}
    for name in SNAPSHOT_TABLES:
        columns = [column for column in schema(name).names if column in _LOOKED_AT]
        table = read_table(name, root / f"{name}.parquet", columns=columns)
        counts[name] = pc.sum(gone_rows(name, table, scope)).as_py() or 0
    for name in FRAME_TABLES:
        entries = content[name]
        counts[name] = sum(entries[source]["rows"] for source in scope.sources if source in entries)
        for source in scope.spans.keys() & entries.keys():
            for rows in groups_of(root / name / f"{source}.parquet"):
                counts[name] += pc.sum(gone_rows(name, rows, scope)).as_py() or 0
    return counts


def files_by_kind(files: list[Gone]) -> dict[str, dict[str, int]]:
    """Kind -> files and bytes."""
    kinds = sorted({gone.what for gone in files})
    return {
        kind: {
            "files": sum(gone.what == kind for gone in files),
            "bytes": sum(gone.bytes for gone in files if gone.what == kind),
        }
        for kind in kinds
    }


def near(manifest: "Manifest", scope: Scope) -> list[str]:
    """Persons who stay and have a face as near to a removed one as one person's tracks are: look-alikes, or missed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from perception.embedding import SAME_PERSON

    table = manifest.table("embeddings", ["id", "source", "model", "vector"])
    gone = np.asarray(gone_rows("embeddings", table, scope))
    if not gone.any():
        return []
    models = np.asarray(table.column("model").to_pylist(), str)
    close: list[str] = []
    for model in np.unique(models[gone]):
        limit = SAME_PERSON.get(model.split("@")[0].split("/")[0])
        if limit is not None:
            close += _close(table, gone & (models == model), ~gone & (models == model), limit)
    identities = manifest.table("identities", ["id", "identity"])
    found = identities.filter(pc.is_in(identities.column("id"), value_set=pa.array(close, pa.string())))
    return sorted(set(found.column("identity").to_pylist()))


def _close(table: Any, gone: np.ndarray, stays: np.ndarray, limit: float) -> list[str]:
    import pyarrow as pa

    def points(mask: np.ndarray) -> np.ndarray:
        vectors = table.column("vector").filter(pa.array(mask)).combine_chunks()
        return np.asarray(vectors.flatten()).reshape(int(mask.sum()), -1).astype(np.float32)

    if not stays.any():
        return []
    first, second = points(gone), points(stays)
    found, step = np.zeros(len(second), bool), max(1, _BLOCK // len(first))
    squares = np.einsum("ij,ij->i", first, first)
    for begin in range(0, len(second), step):
        block = second[begin : begin + step]
        away = np.einsum("ij,ij->i", block, block)[:, None] + squares - 2 * (block @ first.T)
        found[begin : begin + step] = away.min(axis=1) <= limit**2
    return table.column("id").filter(pa.array(stays)).filter(pa.array(found)).to_pylist()

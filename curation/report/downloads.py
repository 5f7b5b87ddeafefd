"""How the downloads of a manifest ended, and where their files lie."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.words import shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

PLACES: Final = ("fetched", ".")  # folders inside the manifest's that may hold the table
TABLE: Final = "downloads.parquet"
_ENDS: Final = 40
_EXAMPLE: Final = 200  # characters of a sentence


@dataclass(frozen=True)
class End:
    """So many URLs ended so; `permanent` of them are not asked again; `example` is the sentence of one."""

    outcome: str
    urls: int
    permanent: int
    example: str


@dataclass(frozen=True)
class Downloads:
    """All downloads: the most frequent end first; `files` says where the file of a URL lies."""

    urls: int = 0
    requests: int | None = None
    bytes: int | None = None
    ends: list[End] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)


def downloads(manifest: "Manifest", sources: pa.Table) -> Downloads:
    """Return how downloads ended: by their table where there is one, else by the outcomes of sources with a URL.

    Args:
        manifest: an opened one.
        sources: the columns `id` and `origin`.

    Raises:
        ManifestError: the table of downloads is damaged.
    """
    for place in PLACES:
        path = manifest.root / place / TABLE
        if path.is_file():
            return _of_table(path)
    return _of_outcomes(manifest, sources)


def _of_table(path: Path) -> Downloads:
    import pyarrow.parquet as pq

    from manifests.errors import ManifestError
    from manifests.text import printable

    columns = ["url", "outcome", "permanent", "error", "file", "bytes", "requests"]
    try:
        table = pq.read_table(path, columns=columns, partitioning=None)
        if set(columns) - set(table.column_names):
            raise pa.ArrowInvalid("a column is missing")
    except (pa.ArrowException, OSError) as error:
        name = printable(str(path))
        raise ManifestError(f"{name} cannot be read: run the same moee curate command again.") from error
    rows = table.select(["outcome", "permanent", "error"])
    there = table.filter(table.column("file").is_valid()).select(["url", "file"]).to_pylist()
    files = {row["url"]: path.parent / row["file"] for row in there if PurePath(row["file"]).name == row["file"]}
    sizes, requests = (pc.sum(table.column(name)).as_py() for name in ("bytes", "requests"))
    return Downloads(table.num_rows, requests, sizes, _ends(rows), files)


def _of_outcomes(manifest: "Manifest", sources: pa.Table) -> Downloads:
    ids = sources.filter(pc.match_substring_regex(sources.column("origin"), "^https?://")).column("id")
    if not len(ids):
        return Downloads()
    outcomes = manifest.table("outcomes", ["item", "status", "error"])
    mine = outcomes.filter(
        pc.and_(pc.is_in(outcomes.column("item"), value_set=ids), pc.equal(outcomes.column("status"), "failed"))
    )
    ok = len(ids) - mine.num_rows
    ended = pa.table(
        {
            "outcome": pa.array(["ok"] * ok + ["failed"] * mine.num_rows, pa.string()),
            "permanent": pa.array([False] * len(ids)),
            "error": pa.array([None] * ok + mine.column("error").to_pylist(), pa.string()),
        }
    )
    return Downloads(len(ids), ends=_ends(ended))


def _ends(rows: pa.Table) -> list[End]:
    numbers = rows.set_column(1, "permanent", pc.cast(rows.column("permanent"), pa.int64()))
    sums = [("permanent", "sum"), ("permanent", "count"), ("error", "min")]
    found = numbers.group_by("outcome").aggregate(sums).to_pylist()
    found.sort(key=lambda row: (-row["permanent_count"], row["outcome"]))
    return [
        End(
            shown(row["outcome"], 60),
            row["permanent_count"],
            row["permanent_sum"] or 0,
            shown(row["error_min"] or "", _EXAMPLE),
        )
        for row in found[:_ENDS]
    ]

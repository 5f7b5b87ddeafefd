"""Asks a list again without fetching: which of its videos are still there, kept over time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from curation.download.ledger import Ledger
from curation.download.model import Downloaded, Remote, Settings
from curation.download.run import Downloads, merged, only_one, prepare
from curation.download.table import write_parquet

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "link_rot.parquet"


def refresh(
    remotes: Sequence[Remote], folder: Path, settings: Settings, on_done: Callable[[Downloaded], None]
) -> dict[str, Downloaded]:
    """See `probe_all`."""
    wanted = merged(remotes)
    prepare(folder)
    with only_one(folder):
        ledger = Ledger(folder)
        results: dict[str, Downloaded] = {}
        asked: list[Downloaded] = []

        def answered(found: Downloaded) -> None:
            asked.append(found)
            on_done(found)

        waiting = []
        for remote in wanted:
            before = ledger.records.get(remote.url)
            if before is not None and before.permanent and not settings.retry_permanent:
                results[remote.url] = replace(before, path=None)
                on_done(results[remote.url])
            else:
                waiting.append(remote)
        try:
            if waiting:
                probes = Downloads(waiting, folder, settings, ledger, results, answered, probe=True)
                probes.work([remote.url for remote in wanted])
        finally:
            for found in asked:
                if found.permanent and not _has_file(ledger, found.url):
                    ledger.write(found)
            ledger.close()
            if asked:
                _append(folder / NAME, asked)
    return {remote.url: results[remote.url] for remote in wanted}


def _has_file(ledger: Ledger, url: str) -> bool:
    record = ledger.records.get(url)
    return record is not None and record.ok


def schema() -> "pa.Schema":
    """Columns of `link_rot.parquet`: one row for each URL and each time it was asked."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("url", pa.string(), nullable=False),
            pa.field("asked_at", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("outcome", pa.string(), nullable=False),
            ("http_status", pa.int32()),
            ("error", pa.string()),
            pa.field("schema_version", pa.int16(), nullable=False),
        ]
    )


def _append(path: Path, asked: Sequence[Downloaded]) -> None:
    """Add rows; the file is replaced whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "url": found.url.encode("utf-8", "backslashreplace").decode(),
            "asked_at": found.retrieved_at or datetime.now(UTC),
            "outcome": found.outcome,
            "http_status": found.http_status,
            "error": found.error,
            "schema_version": 1,
        }
        for found in asked
    ]
    tables = [pa.Table.from_pylist(rows, schema=schema())]
    if path.exists():
        tables.insert(0, pq.read_table(path).cast(schema()))
    order = [("url", "ascending"), ("asked_at", "ascending")]
    write_parquet(pa.concat_tables(tables).sort_by(order), path)

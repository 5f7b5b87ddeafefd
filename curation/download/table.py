"""The table of downloads: one row for each URL, sorted by URL."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from curation.download.model import Downloaded
from manifests.files import replace, write_aside

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_VERSION = 1


def schema() -> "pa.Schema":
    """Columns of `downloads.parquet`; `retrieved_at`, `attempts` and `requests` differ between runs."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            pa.field("url", text, nullable=False),
            pa.field("outcome", text, nullable=False),
            pa.field("permanent", pa.bool_(), nullable=False),
            ("error", text),
            ("file", text),
            ("bytes", number),
            ("sha256", text),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("duration", pa.float64()),
            ("title", text),
            ("uploader", text),
            ("licence", text),
            ("upload_date", text),
            ("language", text),
            ("format_id", text),
            ("fetched_spans", pa.list_(pa.list_(text))),
            ("note", text),
            ("http_status", pa.int32()),
            ("retrieved_at", pa.timestamp("us", "UTC")),
            ("attempts", pa.int32()),
            ("requests", pa.int32()),
            pa.field("schema_version", pa.int16(), nullable=False),
        ]
    )


def as_table(records: Iterable[Downloaded]) -> "pa.Table":
    """The records as a table, sorted by URL."""
    import pyarrow as pa

    rows = [_row(record) for record in sorted(records, key=lambda record: record.url)]
    return pa.Table.from_pylist(rows, schema=schema())


def write_table(records: Iterable[Downloaded], path: Path) -> None:
    """Write the table whole or not at all."""
    write_parquet(as_table(records), path)


def write_parquet(table: "pa.Table", path: Path) -> None:
    """Write any table whole or not at all."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    aside, _ = write_aside(path.parent, path.name, lambda file: file.write(buffer.getvalue()))
    replace(aside, path)


def _row(record: Downloaded) -> dict[str, object]:
    facts = record.facts
    return {
        "url": record.url.encode("utf-8", "backslashreplace").decode(),
        "outcome": record.outcome,
        "permanent": record.permanent,
        "error": record.error,
        "file": record.path.name if record.path else None,
        "bytes": record.bytes,
        "sha256": record.sha256,
        "width": record.width,
        "height": record.height,
        "duration": record.duration,
        "title": facts.title,
        "uploader": facts.uploader,
        "licence": facts.licence,
        "upload_date": facts.upload_date,
        "language": facts.language,
        "format_id": record.format_id,
        "fetched_spans": [[str(start), str(end)] for start, end in record.fetched_spans],
        "note": record.note,
        "http_status": record.http_status,
        "retrieved_at": record.retrieved_at,
        "attempts": record.attempts,
        "requests": record.requests,
        "schema_version": TABLE_VERSION,
    }

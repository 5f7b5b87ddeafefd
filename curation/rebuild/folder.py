"""What a rebuild leaves in its folder: a row per clip, what the web answered over time, and a manifest of what is here.

The manifest holds the tables `sources`, `shots`, `clips`, `fingerprints` and `outcomes` (one stage, `rebuild`). What
was never published is empty in it: tracks, frames, expressions, speech, embeddings, identities. A clip that is not here
again has the status failed and the sentence why. Spans and sources are those that were published; the row of
`rebuild.parquet` says what the file was made of.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.download.table import write_parquet
from curation.errors import CurationError
from curation.rebuild import one_source
from curation.rebuild.published import Published
from curation.rebuild.result import MISSING, ClipResult, Report, SourceFound
from manifests.text import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from manifests.tombstones import Tombstones

TABLE, SUMMARY, LINK_ROT = "rebuild.parquet", "rebuild.json", "link_rot.parquet"
STAGE: Final = "rebuild"
NOT_PUBLISHED: Final = (
    "frames", "expressions", "tracks", "speech", "speaking", "embeddings", "identities", "labels", "duplicates",
    "splits", "certificate",
)  # fmt: skip


def check_out(out: Path, published: Published) -> None:
    """Refuse a folder that a rebuild would spoil.

    Raises:
        CurationError: it is the published folder itself, or holds a manifest that no rebuild made.
    """
    from manifests.files import read_json

    name = printable(str(out))
    if out.resolve() == published.folder.resolve():
        raise CurationError(f"{name} is what is to be rebuilt: give another folder, or add --verify-only")
    path = out / "manifest.json"
    if path.is_file() and STAGE not in read_json(path).get("stages", []):
        raise CurationError(f"{name} holds a manifest that was not rebuilt: give another folder")


def schema() -> "pa.Schema":
    """Columns of `rebuild.parquet`, a row per clip, sorted by id."""
    import pyarrow as pa

    kinds = {"picture": pa.float64(), "sound": pa.float64(), "shift": pa.float64()}
    kinds |= {"file_bytes": pa.int64(), "audio_priming": pa.int32()}
    columns = [pa.field(one.name, kinds.get(one.name, pa.string())) for one in fields(ClipResult)]
    return pa.schema([*columns, pa.field("schema_version", pa.int16(), nullable=False)])


def write_report(out: Path, report: Report) -> None:
    """Write `rebuild.parquet` and `rebuild.json`, each whole or not at all."""
    import pyarrow as pa

    from manifests.files import replace, write_aside

    rows = [{**asdict(clip), "schema_version": 1} for clip in report.clips]
    write_parquet(pa.Table.from_pylist(rows, schema=schema()), out / TABLE)
    text = json.dumps(report.as_dict(), indent=2, ensure_ascii=True) + "\n"
    aside, _ = write_aside(out, SUMMARY, lambda file: file.write(text.encode()))
    replace(aside, out / SUMMARY)


def add_to_link_rot(out: Path, sources: Sequence[SourceFound], origins: dict[str, str], stones: "Tombstones") -> None:
    """Add a row for each source whose site was asked in this run; earlier rows stay, but of what was taken down.

    Args:
        out: the rebuilt folder.
        sources: of this run.
        origins: source -> its address.
        stones: what was taken down in the folder.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    now = datetime.now(UTC)
    rows = [
        {"source": one.source, "url": origins[one.source], "asked_at": now, "outcome": one.outcome, "same": one.same,
         "format_id": one.format_id, "format_id_now": one.format_id_now, "error": one.error, "schema_version": 1}
        for one in sources
        if one.asked
    ]  # fmt: skip
    if not rows and not len(stones):
        return
    text = pa.string()
    kinds = pa.schema(
        [
            pa.field("source", text, nullable=False),
            pa.field("url", text, nullable=False),
            pa.field("asked_at", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("outcome", text, nullable=False),
            ("same", pa.bool_()),
            ("format_id", text),
            ("format_id_now", text),
            ("error", text),
            pa.field("schema_version", pa.int16(), nullable=False),
        ]
    )
    tables = [pa.Table.from_pylist(rows, schema=kinds)]
    if (out / LINK_ROT).exists():
        before = pq.read_table(out / LINK_ROT).cast(kinds)
        stays = [not stones.has("url", url) for url in before.column("url").to_pylist()]
        tables.insert(0, before.filter(pa.array(stays, pa.bool_())))
    order = [("source", "ascending"), ("asked_at", "ascending")]
    write_parquet(pa.concat_tables(tables).sort_by(order), out / LINK_ROT)


def write_manifest(out: Path, published: Published, clips: Sequence[ClipResult]) -> None:
    """Write the tables of a manifest that `manifests.open` reads; manifest.json comes last."""
    from manifests.files import replace, write_aside, write_json
    from manifests.parquet import write_table
    from manifests.schema import SCHEMA_VERSION, SNAPSHOT_TABLES, empty

    tables = {
        "sources": published.tables["sources"],
        "shots": published.tables["shots"],
        "clips": _clips(published.tables["clips"], clips),
        "fingerprints": _fingerprints(published),
        "outcomes": _outcomes(clips),
    }
    entries = {}
    for name in SNAPSHOT_TABLES:
        rows = tables.get(name, empty(name))
        aside, written = write_aside(out, f"{name}.parquet", partial(write_table, name, [rows]))
        replace(aside, out / f"{name}.parquet")
        entries[name] = {"sha256": written.sha256, "bytes": written.bytes, "rows": rows.num_rows}
    content = {
        "schema_version": SCHEMA_VERSION,
        "state": published.content.get("state"),
        "stages": [STAGE],
        "recipe": published.content["recipe"],
        "tables": entries,
        "frames": {},
        "expressions": {},
        "not_published": list(NOT_PUBLISHED),
    }
    write_json(out / "manifest.json", content)


def _clips(rows: "pa.Table", ended: Sequence[ClipResult]) -> "pa.Table":
    """The published rows with the files that are here now; without a reference to what was not published."""
    import pyarrow as pa

    from manifests.schema import schema as fields_of

    of = {clip.clip: clip for clip in ended}
    ids = rows.column("id").to_pylist()
    here = [of[name].here for name in ids]
    kept = {name for name, there in zip(ids, here, strict=True) if there}
    columns: dict[str, list[Any]] = {
        "track": [None] * len(ids),
        "status": ["kept" if there else "failed" for there in here],
        "split": _only_where(here, rows.column("split").to_pylist()),
        "duplicate_of": [other if other in kept else None for other in rows.column("duplicate_of").to_pylist()],
        "duplicate_group": [other if other in kept else None for other in rows.column("duplicate_group").to_pylist()],
        "file": [f"clips/{name}.mp4" if there else None for name, there in zip(ids, here, strict=True)],
    }
    for column in ("file_sha256", "file_bytes", "audio_priming"):
        columns[column] = _only_where(here, [getattr(of[name], column) for name in ids])
    for name, values in columns.items():
        field = fields_of("clips").field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows


def _only_where(here: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    return [value if there else None for there, value in zip(here, values, strict=True)]


def _fingerprints(published: Published) -> "pa.Table":
    import pyarrow as pa

    from manifests.schema import conform, empty

    wanted = set(published.tables["sources"].column("id").to_pylist())
    rows = [conform("fingerprints", row) for _, row in published.fingerprints(wanted)]
    return pa.concat_tables([empty("fingerprints"), *rows]).sort_by("id").combine_chunks()


def _outcomes(clips: Sequence[ClipResult]) -> "pa.Table":
    """One stage, `rebuild`: kept, or failed with the sentence why."""
    from manifests.schema import table_from_rows

    base = {"kind": "clip", "stage": STAGE, "version": one_source.VERSION, "config": "", "models": [], "key": "",
            "reasons": [], "attempts": 1, "seconds": 0.0, "frames_decoded": 0}  # fmt: skip
    rows = [
        {**base, "item": clip.clip, "source": clip.source, "status": "kept" if clip.here else "failed",
         "error": None if clip.here else sentence(clip)}
        for clip in clips
    ]  # fmt: skip
    return table_from_rows("outcomes", sorted(rows, key=lambda row: (row["source"], row["item"])))


def sentence(clip: ClipResult) -> str:
    """Why a clip is not here."""
    what = f"missing ({clip.reason})" if clip.status == MISSING else clip.status
    return f"{what}: {clip.note}" if clip.note else what

"""What is found over the whole manifest: persons, duplicates, splits, joined into the clips, and remembered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.files import make_folder, plain_errors, read_json, write_aside, write_json
from manifests.parquet import read_table, write_table
from manifests.schema import WHOLE_COLUMNS, WHOLE_TABLES, conform, empty, schema

Read = Callable[[str, "Sequence[str] | None"], pa.Table]
LEDGER: Final = "ledger"


@dataclass
class Found:
    """What the stages over the whole manifest found.

    Attributes:
        tables: the tables of `WHOLE_TABLES` that they made.
        clips: `id`, columns of `WHOLE_COLUMNS`, and `reasons` for the kept clips that are dropped.
        outcomes: one row per clip that such a stage judged.
        keys: stage -> hash of its settings, what its table is remembered under.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    clips: pa.Table = field(default_factory=lambda: empty("clips").select(["id"]))
    outcomes: pa.Table = field(default_factory=lambda: empty("outcomes"))
    keys: dict[str, str] = field(default_factory=dict)


class WholeStep(Protocol):
    """Works on a snapshot in the making, before anything in the folder is replaced."""

    @property
    def key(self) -> str:
        """Changes when the result may: settings and versions of its stages."""

    @property
    def judging(self) -> tuple[str, ...]:
        """Its stages that may drop a clip, in order."""

    def run(self, read: Read) -> Found:
        """Find; `read(name, columns)` gives the tables that were made per source, sorted by id."""


def joined(clips: pa.Table, found: Found) -> pa.Table:
    """Clips with what was found of them: columns set, and kept clips with reasons dropped, their file with them.

    Args:
        clips: rows of `clips`, with all columns or some; `status` and `reasons` come together.
        found: about these and other clips.
    """
    where = pc.index_in(clips.column("id"), value_set=found.clips.column("id").combine_chunks())
    rows = found.clips.take(where.combine_chunks() if isinstance(where, pa.ChunkedArray) else where)
    for name in WHOLE_COLUMNS:
        if name in rows.column_names and name in clips.column_names:
            clips = _replaced(clips, name, rows.column(name))
    if "reasons" not in rows.column_names or "reasons" not in clips.column_names:
        return clips
    kept = pc.equal(clips.column("status"), "kept")
    out = pc.and_(kept, pc.greater(pc.fill_null(pc.list_value_length(rows.column("reasons")), 0), 0))
    clips = _replaced(clips, "reasons", pc.if_else(out, rows.column("reasons"), clips.column("reasons")))
    clips = _replaced(clips, "status", pc.if_else(out, "dropped", clips.column("status")))
    for name in {"file", "file_sha256", "file_bytes", "audio_priming"} & set(clips.column_names):
        nothing = pa.scalar(None, schema("clips").field(name).type)
        clips = _replaced(clips, name, pc.if_else(out, nothing, clips.column(name)))
    return clips


def _replaced(table: pa.Table, name: str, column: Any) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), pc.cast(column, table.schema.field(index).type))


class OutcomesBySource:
    """Outcomes of the whole manifest, handed out source by source: sorted once, found by bisection."""

    def __init__(self, found: Found) -> None:
        order = [("source", "ascending"), ("stage", "ascending"), ("item", "ascending")]
        self._rows = found.outcomes.take(pc.sort_indices(found.outcomes, sort_keys=order))
        self._sources = np.asarray(self._rows.column("source").to_pylist(), dtype="U18")

    def of(self, source: str) -> list[dict[str, Any]]:
        """The rows of one source, by stage and item."""
        low, high = np.searchsorted(self._sources, source), np.searchsorted(self._sources, source, side="right")
        rows = self._rows.slice(int(low), int(high - low)).to_pylist()
        return [{name: value for name, value in row.items() if name != "schema_version"} for row in rows]


class Ledger:
    """Who is who and who is in which split, as last decided: it outlives snapshots, so that old ids and splits stay.

    `ledger/ledger.json` names one Parquet file per table by its content; it is replaced in one step.
    """

    def __init__(self, root: Path) -> None:
        self.folder = Path(root) / LEDGER

    def previous(self, table: str, key: str) -> pa.Table | None:
        """The remembered table, or None when there is none or other settings made it.

        Raises:
            ManifestError: it is damaged: without it, old ids would not stay.
        """
        entry = self._entries().get(table)
        if entry is None or entry["key"] != key:
            return None
        try:
            return read_table(table, self.folder / entry["file"], entry["sha256"])
        except ManifestError as error:
            raise ManifestError(
                f"ledger/{entry['file']} is missing or damaged: restore it, or delete the folder ledger (persons then "
                "get new ids, and clips may change their split)."
            ) from error

    def remember(self, tables: Mapping[str, pa.Table], keys: Mapping[str, str]) -> None:
        """Put these tables in the place of the former ones.

        Args:
            tables: table -> rows.
            keys: table -> hash of the settings that made it.
        """
        entries = {}
        with plain_errors(self.folder.parent):
            make_folder(self.folder)
            for name, rows in sorted(tables.items()):
                kept = self._with_gone(name, rows, keys[name]) if name == "identities" else rows
                path, made = write_aside(self.folder, name, partial(write_table, name, [kept]))
                file = f"{name}-{made.sha256[:16]}.parquet"
                path.replace(self.folder / file)
                entries[name] = {"key": keys[name], "file": file, "sha256": made.sha256}
            write_json(self.folder / "ledger.json", {"tables": entries})
            named = {entry["file"] for entry in entries.values()} | {"ledger.json"}
            for path in self._files():
                if path.name not in named:
                    path.unlink()

    def _with_gone(self, table: str, rows: pa.Table, key: str) -> pa.Table:
        """With what was said of items that are not there now: when they come back, they are who they were."""
        before = self.previous(table, key)
        if before is None:
            return rows
        gone = before.filter(pc.invert(pc.is_in(before.column("id"), value_set=rows.column("id").combine_chunks())))
        return pa.concat_tables([rows, gone]).sort_by("id")

    def _files(self) -> Iterator[Path]:
        yield from sorted(self.folder.iterdir())

    def _entries(self) -> dict[str, dict[str, str]]:
        try:
            entries = read_json(self.folder / "ledger.json")["tables"]
            return {name: {k: str(entry[k]) for k in ("key", "file", "sha256")} for name, entry in entries.items()}
        except FileNotFoundError:
            return {}
        except (KeyError, TypeError, AttributeError) as error:
            raise ManifestError(
                "ledger/ledger.json is damaged: restore it, or delete the folder ledger (persons then get new ids)."
            ) from error


def complete(found: Found) -> dict[str, pa.Table]:
    """Every table of `WHOLE_TABLES`, sorted by id, empty where nothing was found."""
    tables = {}
    for name in WHOLE_TABLES:
        rows = conform(name, found.tables[name]) if name in found.tables else empty(name)
        tables[name] = rows.take(pc.sort_indices(rows, sort_keys=[("id", "ascending")]))
    return tables

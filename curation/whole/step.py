"""Runs the stages over the whole manifest, one after the other, when all sources are done."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.pipeline import config_hash
from curation.stage import ManifestStage
from curation.whole.view import View

if TYPE_CHECKING:
    import pyarrow as pa

    from manifests.whole import Found, Read


class WholeManifest:
    """The step of a snapshot that finds persons, duplicates and splits (`manifests.whole.WholeStep`).

    Args:
        stages: in the order in which they run.
        out: the manifest's folder.
        note: is told what begins.
    """

    def __init__(
        self, stages: Sequence[ManifestStage], out: Path, note: Callable[[str], None] = lambda text: None
    ) -> None:
        self.stages = stages
        self.out = out
        self.note = note
        self.seconds: dict[str, float] = {}

    @property
    def key(self) -> str:
        """Changes when a setting or a version of a stage does."""
        facts = [[key, stage.judges] for stage, key in zip(self.stages, self.keys.values(), strict=True)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    @property
    def keys(self) -> dict[str, str]:
        """What each stage's tables are remembered under: its settings, and those of the stages that it rests on."""
        keys: dict[str, str] = {}
        for stage in self.stages:
            keys[stage.name] = stage_key(stage, [keys[name] for name in stage.rests_on if name in keys])
        return keys

    @property
    def judging(self) -> tuple[str, ...]:
        """The stages that may drop a clip."""
        return tuple(stage.name for stage in self.stages if stage.judges)

    def run(self, read: "Read") -> "Found":
        """Run all stages; the tables that they remember are theirs by name."""
        from threadpoolctl import threadpool_limits

        from manifests.whole import Found, Ledger

        found, ledger = Found(), Ledger(self.out)
        for stage in self.stages:
            self.note(f"{stage.name}: over the whole manifest")
            started = time.monotonic()
            entered = _kept(View(read, found, ledger, "")) if stage.judges else None
            key = self.keys[stage.name]
            with threadpool_limits(1):  # the last digits of a matrix product depend on the number of threads
                made = dict(stage.run(View(read, found, ledger, key)))
            decided = made.pop("clips", None)
            found.tables |= made
            if decided is not None:
                found.clips = merged(found.clips, decided)
            self.seconds[stage.name] = time.monotonic() - started
            if entered is not None:
                found.outcomes = _outcomes(stage, key, entered, decided, self.seconds[stage.name], found.outcomes)
            if stage.name in made:
                found.keys[stage.name] = key
        return found


def stage_key(stage: ManifestStage, others: Sequence[str] = ()) -> str:
    """Hash of what decides a stage's result beside the tables; `others` are keys that it rests on."""
    facts = [stage.name, stage.version, config_hash(stage), *others]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def merged(clips: "pa.Table", decided: "pa.Table") -> "pa.Table":
    """What all stages set, one row per clip that any of them names; a later stage adds its columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = [chunk for table in (clips, decided) for chunk in table.column("id").chunks]
    ids = pc.unique(pa.chunked_array(chunks, pa.string()))
    both = pa.table({"id": ids.take(pc.array_sort_indices(ids))})
    for table in (clips, decided):
        where = pc.index_in(both.column("id"), value_set=table.column("id").combine_chunks()).combine_chunks()
        for name in table.column_names:
            if name != "id":
                both = both.append_column(name, table.column(name).take(where))
    return both


def _kept(view: View) -> "pa.Table":
    import pyarrow.compute as pc

    clips = view.table("clips", ["id", "source", "status"])
    return clips.filter(pc.equal(clips.column("status"), "kept"))


def _outcomes(
    stage: ManifestStage, key: str, entered: "pa.Table", decided: Any, seconds: float, before: "pa.Table"
) -> "pa.Table":
    """One outcome for each clip that entered: dropped with its reasons, or kept; the stage's time on the first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from manifests.schema import table_from_columns

    rows = entered.num_rows
    reasons = pa.array([[]] * rows, pa.list_(pa.string()))
    if decided is not None and "reasons" in decided.column_names:
        where = pc.index_in(entered.column("id"), value_set=decided.column("id").combine_chunks()).combine_chunks()
        given = decided.column("reasons").take(where).combine_chunks()
        reasons = pc.if_else(pc.greater(pc.fill_null(pc.list_value_length(given), 0), 0), given, reasons)
    dropped = pc.greater(pc.list_value_length(reasons), 0)
    made = table_from_columns(
        "outcomes",
        {
            "item": entered.column("id"),
            "kind": ["clip"] * rows,
            "source": entered.column("source"),
            "stage": [stage.name] * rows,
            "version": [stage.version] * rows,
            "config": [config_hash(stage)] * rows,
            "models": [[]] * rows,
            "key": [key] * rows,
            "status": pc.if_else(dropped, "dropped", "kept"),
            "reasons": reasons,
            "attempts": [1] * rows,
            "seconds": [seconds if row == 0 else 0.0 for row in range(rows)],
            "frames_decoded": [0] * rows,
        },
    )
    return pa.concat_tables([before, made])

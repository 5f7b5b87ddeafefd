"""One source through all stages: what is committed is loaded, what is stale is made, in at most one decode."""

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from curation.engines.item import allow, report_progress
from curation.missing import say_it_once
from curation.pipeline import Pipeline, config_hash
from curation.stage import Drop, Fail, FrameConsumer, PixelStage, SourceWork, Stage
from curation.stages.export import exported
from curation.stages.labels import labels_hash
from curation.stages.probe import source_row
from curation.storage.work import at_hand
from curation.task import Done, Task
from manifests.errors import ManifestError
from manifests.outcomes import Dropped, Failed, Kept, Outcome
from manifests.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

PATIENCE = 4.0  # s that a stage without visible progress may take for each second of the source, beside the limit
_JUDGED = {  # stages that speak of clips, and the states in which a clip leaves them
    "select": ("kept", "dropped", "failed"),
    "export": ("kept", "failed"),
    "captions": ("kept",),
}


def curate_source(task: Task) -> Done:
    """Bring one source up to date and write its head; runs in a worker process, on any machine."""
    say_it_once()
    with at_hand(task) as here:
        return _Run(here).run()


class _Run:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.store = Store(task.out)
        self.work = task.work()
        self.keys = task.pipeline.keys(task.id, labels_hash(task.labels))
        task.check_models(self.keys)
        self.reached: dict[str, str] = {}
        self.done = Done(task.id)

    def run(self) -> Done:
        commit_input(self.store, self.work, self.task.pipeline, None)
        self.reached["input"] = self.keys["input"]
        ended = self._pixels() or self._tables()
        self._settle(ended)
        done = self.done
        self.store.write_head(self.task.head(self.reached, done.status, reasons=done.reasons, error=done.error))
        return done

    # -- the shared decode ------------------------------------------------------------------------

    def _pixels(self) -> Drop | Fail | None:
        stages = self.task.pipeline.pixel
        stale = [stage for stage in stages if not self._committed(stage)]
        for stage in stages:
            if stage not in stale:
                ended = self._load(stage)
                if ended:
                    return ended
        if not stale:
            return None
        started = time.monotonic()
        for stage in stale:
            report_progress(0.0)
            ended = stage.run(self.work)
            if ended:
                tables = {"sources": source_row(self.work)}  # what is known of a source that ends here
                self._commit(stage, ended, time.monotonic() - started, 0, tables)
                return ended
        return self._decode(stages, stale)

    def _decode(self, stages: tuple[PixelStage, ...], stale: list[PixelStage]) -> Drop | Fail | None:
        from media.decode import feed
        from media.errors import MediaError

        consumers: list[tuple[PixelStage, _Timed]] = []
        for stage in stages:
            consumer = stage.consumer(self.work) if stage in stale else stage.replay(self.work)
            if consumer is not None:
                consumers.append((stage, _Timed(consumer)))
        progress = _Progress(self.work)
        started = time.monotonic()
        try:
            report = feed(self.task.path, [*(consumer for _, consumer in consumers), progress])
        except MediaError as error:
            self.task.check_unchanged(error)
            return self._fail_decode(stale[0], str(error), time.monotonic() - started)
        self.done.analysed = report.frames
        if not report.frames:
            return self._fail_decode(stale[0], "no frame of the video could be decoded", time.monotonic() - started)
        self.work.report = report
        decode = time.monotonic() - started - sum(consumer.seconds for _, consumer in consumers)
        allow(PATIENCE * self._seconds())
        for stage, consumer in consumers:
            tables = consumer.finish(report)
            for name, table in tables.items():
                self.work.add(name, table)
            if stage in stale:  # the decode itself is booked once, on the first stage that asked for it
                shared, frames = (decode, report.frames) if stage is stale[0] else (0.0, 0)
                self._commit(stage, None, consumer.seconds + shared, frames, dict(tables))
        return None

    def _fail_decode(self, stage: Stage, error: str, seconds: float) -> Fail:
        tables = {"sources": source_row(self.work)} if stage.name == "probe" else {}
        self._commit(stage, Fail(error), seconds, 0, tables)
        return Fail(error)

    # -- stages that read tables ------------------------------------------------------------------

    def _tables(self) -> Drop | Fail | None:
        from media.errors import MediaError

        recut = False
        for stage in self.task.pipeline.table:
            if self._committed(stage) and not recut:  # a new export's files may differ, and some may have failed
                ended = self._load(stage)
                if stage.name != "export" or exported(self.task.out, self.work.tables["clips"]):
                    if ended:
                        return ended
                    continue
                self._unload_files()
            if stage.name == "export":
                self.work.exported = last_export(self.store, stage, self.task.id)
                recut = True
            allow(PATIENCE * self._seconds())
            started = time.monotonic()
            before = dict(self.work.tables)
            self.work.frames_decoded = 0
            try:
                ended = stage.run(self.work)
            except MediaError as error:
                self.task.check_unchanged(error)
                ended = Fail(str(error))
            new = {name: table for name, table in self.work.tables.items() if before.get(name) is not table}
            self.done.exported += self.work.frames_decoded
            self._commit(stage, ended, time.monotonic() - started, self.work.frames_decoded, new)
            if ended:
                return ended
        return None

    def _seconds(self) -> float:
        """How long the source is."""
        return float(self.work.facts.duration or 0) if self.work.facts else 0.0

    def _unload_files(self) -> None:
        """Exported files are gone: go back to the table that export reads."""
        self.work.tables["clips"] = self.store.read(self.task.id, "select", self.keys["select"], "clips")

    # -- the store --------------------------------------------------------------------------------

    def _committed(self, stage: Stage) -> bool:
        return self.store.committed(self.task.id, stage.name, self.keys[stage.name])

    def _load(self, stage: Stage) -> Drop | Fail | None:
        key = self.keys[stage.name]
        tables = read_tables(self.store, self.task.id, stage.name, key)
        if "sources" in tables and not same_place(tables["sources"], self.work):
            tables["sources"] = moved(tables["sources"], self.work)
            self.store.commit(self.task.id, stage.name, key, tables, self.store.outcomes(self.task.id, stage.name, key))
        for name, table in tables.items():
            self.work.add(name, table)
        self.reached[stage.name] = key
        for outcome in self.store.outcomes(self.task.id, stage.name, key):
            if outcome.kind == "clip" and outcome.error:
                self.work.clip_errors[outcome.item] = outcome.error
            if outcome.kind == "source" and outcome.status == "failed":
                return Fail(outcome.error or "it failed before")
            if outcome.kind == "source" and outcome.status == "dropped":
                return Drop(outcome.reasons)
        return None

    def _commit(
        self, stage: Stage, ended: Drop | Fail | None, seconds: float, frames: int, tables: dict[str, Any]
    ) -> None:
        if isinstance(ended, Fail) or self.work.clip_errors:
            self.task.check_unchanged()
        key = self.keys[stage.name]
        base = source_outcome(stage, key, self.work.id, ended, seconds, frames)
        outcomes = [base]
        if stage.name in _JUDGED and "clips" in tables:
            outcomes = list(self._clip_outcomes(base, stage.name, tables["clips"]))
        self.store.commit(self.task.id, stage.name, key, tables, outcomes)
        self.reached[stage.name] = key
        self.done.seconds[stage.name] = seconds

    def _clip_outcomes(self, base: Outcome, stage: str, clips: Any) -> Any:
        """These stages speak of clips: one outcome for each that came so far, the stage's cost on the first."""
        seconds, frames = base.seconds, base.frames_decoded
        for row in clips.select(["id", "status", "reasons"]).to_pylist():
            if row["status"] not in _JUDGED[stage]:
                continue
            yield dataclasses.replace(
                base,
                item=row["id"],
                kind="clip",
                status=row["status"],
                reasons=tuple(row["reasons"]),
                error=self.work.clip_errors.get(row["id"]),
                seconds=seconds,
                frames_decoded=frames,
            )
            seconds, frames = 0.0, 0

    def _settle(self, ended: Drop | Fail | None) -> None:
        """The source's own end, from how its last stage or its clips ended."""
        done = self.done
        if "sources" in self.work.tables:
            row = self.work.tables["sources"].select(["frames", "flags"]).to_pylist()[0]
            done.frames, done.flags = row["frames"] or 0, tuple(row["flags"])
        if isinstance(ended, Fail):
            done.status, done.error = "failed", ended.error
            return
        if isinstance(ended, Drop):
            done.status, done.reasons = "dropped", ended.reasons
            return
        rows = self.work.tables["clips"].select(["id", "status", "reasons"]).to_pylist()
        done.clips = sum(row["status"] == "kept" for row in rows)
        failed = [row for row in rows if row["status"] == "failed"]
        done.failed_clips = len(failed)
        if done.clips:
            return
        if failed:
            done.status = "failed"
            done.error = self.work.clip_errors.get(failed[0]["id"]) or "its clips could not be exported"
            return
        done.status = "dropped"
        done.reasons = tuple(sorted({reason for row in rows for reason in row["reasons"]}))


def source_outcome(
    stage: Stage, key: str, source: str, ended: Drop | Fail | None, seconds: float = 0.0, frames: int = 0
) -> Outcome:
    """What a stage says of a source: kept unless it ended there."""
    result: Kept | Dropped | Failed = Kept()
    if isinstance(ended, Drop):
        result = Dropped(ended.reasons)
    elif isinstance(ended, Fail):
        result = Failed(ended.error)
    return Outcome.of(
        result,
        item=source,
        kind="source",
        source=source,
        stage=stage.name,
        version=stage.version,
        config=config_hash(stage),
        models=stage.models(),
        key=key,
        seconds=seconds,
        frames_decoded=frames,
    )


def commit_input(store: Store, work: SourceWork, pipeline: Pipeline, ended: Drop | Fail | None) -> dict[str, str]:
    """Commit what is said of an input before its media are opened; returns the head's first key."""
    stage = pipeline.first
    key = pipeline.keys(work.id)[stage.name]
    outcome = source_outcome(stage, key, work.id, ended)
    if (
        not store.committed(work.id, stage.name, key)
        or store.outcomes(work.id, stage.name, key) != [outcome]
        or not same_place(store.read(work.id, stage.name, key, "sources"), work)
    ):
        stage.run(work)
        store.commit(work.id, stage.name, key, work.tables, [outcome])
    return {stage.name: key}


def last_export(store: Store, stage: Stage, source: str) -> dict[str, dict[str, Any]]:
    """The kept clips of a source's last export, by id, if the same settings made them; else none."""
    head = store.head(source)
    key = None if head is None else head.keys.get(stage.name)
    if key is None or not store.committed(source, stage.name, key):
        return {}
    said = store.outcomes(source, stage.name, key)
    if any((outcome.version, outcome.config) != (stage.version, config_hash(stage)) for outcome in said):
        return {}
    try:
        rows = store.read(source, stage.name, key, "clips").to_pylist() if said else []
    except ManifestError:  # of another version of the tables, or damaged: its clips are cut again
        return {}
    return {row["id"]: row for row in rows if row["status"] == "kept"}


def read_tables(store: Store, source: str, stage: str, key: str) -> "dict[str, pa.Table]":
    """All tables of a part, verified."""
    return {name: store.read(source, stage, key, name) for name in store.part(source, stage, key).tables}


def same_place(sources: "pa.Table", work: SourceWork) -> bool:
    """Whether a stored row still says where the source lies."""
    (row,) = sources.select(["name", "origin"]).to_pylist()
    return row == {"name": work.name, "origin": work.origin}


def moved(sources: "pa.Table", work: SourceWork) -> "pa.Table":
    """The row of a source that was renamed or moved: its content, and so all else, is the same."""
    from manifests.schema import table_from_rows

    (row,) = sources.drop_columns(["schema_version"]).to_pylist()
    return table_from_rows("sources", [row | {"name": work.name, "origin": work.origin}])


class _Timed:
    """A consumer whose time is measured apart from the decode's."""

    def __init__(self, consumer: FrameConsumer) -> None:
        self.consumer = consumer
        self.seconds = 0.0

    def see(self, frame: Any) -> None:
        started = time.monotonic()
        self.consumer.see(frame)
        self.seconds += time.monotonic() - started

    def finish(self, report: Any) -> Any:
        started = time.monotonic()
        tables = self.consumer.finish(report)
        self.seconds += time.monotonic() - started
        return tables


class _Progress:
    """Tells the engine how far the decode is."""

    def __init__(self, work: SourceWork) -> None:
        video = work.facts.video if work.facts else None
        self.expected = 0.0
        if video and video.frames:
            self.expected = float(video.frames)
        elif video and video.frame_rate and work.facts and work.facts.duration:
            self.expected = float(work.facts.duration * video.frame_rate)

    def see(self, frame: Any) -> None:
        if self.expected and frame.index % 25 == 0:
            report_progress(min(0.95, frame.index / self.expected))

"""The whole run: inputs, what is done already, the rest on an engine, the snapshot."""

import errno
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from curation.after import After
from curation.before import Before
from curation.certify import certify
from curation.consistency import Consistency
from curation.contents import Content, Contents, hash_object
from curation.current import Current, current
from curation.engines.item import Engine, Finished
from curation.engines.local import LocalEngine
from curation.errors import CurationError
from curation.one_source import commit_input, curate_source
from curation.pipeline import Pipeline, build
from curation.result import Result, RunReport
from curation.sources.inputs import Input, printable
from curation.stage import Drop, Fail
from curation.stages.labels import labels_hash
from curation.storage import Place, place_of
from curation.storage.bucket import StorageError
from curation.takedown.gate import TAKEN_DOWN, Gate
from curation.task import Done, SourceUnavailableError, Task
from curation.whole.step import WholeManifest
from manifests.errors import ManifestError
from manifests.recipe import Recipe
from manifests.store import Head, Store
from perception.errors import PerceptionError

if TYPE_CHECKING:
    from curation.download import Settings

FULL = (errno.ENOSPC, errno.EDQUOT)
RETRY_QUARANTINED = "--retry quarantined tries it again"


class Watcher(Protocol):
    """Whoever shows a run's progress."""

    def note(self, text: str) -> None:
        """Something that the user should know, in one sentence."""

    def fetching(self, done: int, urls: int) -> None:
        """So many URLs have been settled."""

    def reading(self, done: int, inputs: int) -> None:
        """So many inputs have been read (hashed)."""

    def begin(self, weights: Sequence[int], settled: int) -> None:
        """Work starts on sources of these sizes in bytes; `settled` inputs need none."""

    def tick(self, shares: Sequence[float]) -> None:
        """Each source's share done."""

    def ended(self, result: Result) -> None:
        """An input has ended."""


def curate(
    inputs: Sequence[Input],
    out: Path | str,
    recipe: Recipe,
    *,
    workers: int,
    watcher: Watcher,
    fetch: "Settings | None" = None,
    engine: Engine | None = None,
    scratch: Path | None = None,
    retry_quarantined: bool = False,
) -> RunReport:
    """Curate the inputs into the folder `out`; running it again resumes.

    Args:
        inputs: files, objects, and URLs, which are fetched first.
        out: the manifest's folder, made if missing, or an address in shared storage.
        recipe: settings, thresholds, form of the export.
        workers: processes; also threads that read files.
        watcher: is told of the progress.
        fetch: how to ask for URLs; None for the default way.
        engine: where the work runs; None for processes of this machine.
        scratch: folder for files in work, on every machine; None for the system's.
        retry_quarantined: sources that killed their process in an earlier run are tried again.

    Raises:
        CurationError: the folder cannot be written, the disk is full, or the folder holds what this run would spoil.
        manifests.errors.ManifestError: another run is writing the folder.
        PerceptionError: a model is missing.
    """
    started = time.monotonic()
    pipeline = build(recipe)
    place = place_of(out, scratch)
    with place.held():
        run = _Curation(place, recipe, pipeline, workers, watcher, engine or LocalEngine(workers))
        run.retry_quarantined = retry_quarantined
        report = run.run(_fetched(run.gate.closed(inputs), place.root, fetch, watcher))
    report.out = out
    report.seconds = time.monotonic() - started
    return report


def _fetched(inputs: Sequence[Input], out: Path, fetch: "Settings | None", watcher: Watcher) -> Sequence[Input]:
    if all(item.url is None for item in inputs):
        return inputs
    from curation.download import Settings
    from curation.fetched import fetch_inputs

    return fetch_inputs(inputs, out, fetch or Settings(), watcher.fetching)


class _Curation:
    def __init__(
        self, place: Place, recipe: Recipe, pipeline: Pipeline, workers: int, watcher: Watcher, engine: Engine
    ) -> None:
        self.place = place
        self.out = place.root
        self.gate = Gate(self.out)
        self.recipe = recipe
        self.pipeline = pipeline
        self.workers = workers
        self.watcher = watcher
        self.engine = engine
        self.store = Store(self.out)
        self.heads = self.store.heads()
        self.report = RunReport(self.out)
        self.before = Before.read(self.out)
        self.consistency = Consistency(self.before, recipe, pipeline, watcher.note)
        self.present = place.clips()
        self.retry_quarantined = False

    def run(self, inputs: Sequence[Input]) -> RunReport:
        self.report.missing, self.report.models = self.consistency.check_models()
        self.place.sweep()
        contents = self._allowed(self._contents(inputs))
        sources: dict[str, Content] = {}  # id -> the first input with that content
        duplicates = [item for item in contents if sources.setdefault(item.id, item) is not item]
        self._refuse_mixture(sources)
        self._forget_replaced(sources, duplicates)
        for item in duplicates:
            self._end(item, item.duplicate_id, Drop(("duplicate",)), retry=False)
        tasks = [task for item in sources.values() if (task := self._task(item)) is not None]
        tasks.sort(key=lambda task: (-task.bytes, task.id))  # the largest first, so that no worker idles at the end
        self.watcher.begin([task.bytes for task in tasks], len(self.report.results))
        self._work(tasks, self.watcher.tick)
        self._whole(sources)
        self.place.publish()
        self.place.collect()
        self.report.results.sort(key=lambda result: (result.name, result.id))
        self.report.source_frames = self._frames(sources)
        return self.report

    def _contents(self, inputs: Sequence[Input]) -> list[Content]:
        """What the inputs hold: files are hashed by threads of this process, objects by the engine's workers."""
        contents, total = Contents(self.out, self.gate.holds_content), len(inputs)
        unknown = contents.unknown(inputs)
        for end in self.engine.run(hash_object, unknown) if unknown else ():
            contents.learn(unknown[end.index], end.value, str(end.error or end.died or ""))
        return contents.of(inputs, self.workers, lambda done: self.watcher.reading(done, total))

    def _allowed(self, contents: Sequence[Content]) -> list[Content]:
        """Without what was taken down: nothing is written of it. What stays of a shared source stays as it is."""
        judged = self.gate.judge(contents, self.heads, self.pipeline, self.store)
        for head in judged.settled:
            self._settle(self._result_of(head))
        for item in judged.refused:
            self._settle(Result(item.input.name, item.id, "dropped", (TAKEN_DOWN,)))
        return judged.allowed

    def _whole(self, sources: dict[str, Content]) -> None:
        """Persons, duplicates and splits over all sources, and the snapshot that names them."""
        left = self._snapshot()
        while self._restore(sources, left):
            left = self._snapshot()  # what was cut again may have failed, and cost frames and time
        self.report.held = (left.inputs, left.kept.total())
        self.report.results = [left.result(result) for result in self.report.results]

    def _snapshot(self) -> After:
        step = WholeManifest(self.pipeline.whole, self.out, self.watcher.note)
        fresh = self.store.snapshot(self.recipe.resolved(), step)
        for note in certify(self.out, fresh=fresh):
            self.watcher.note(f"splits: {note}")
        self.report.stage_seconds |= step.seconds
        return After.read(self.out)

    def _restore(self, sources: dict[str, Content], left: After) -> bool:
        """Cut the clips again that were set aside as duplicates of a clip that is gone; whether there were any."""
        lost = left.without_file(self.place.clips())
        tasks = [self._task_of(sources[source]) for source in sorted(lost) if source in sources]
        again = {task.id for task in tasks}
        self.report.results = [result for result in self.report.results if result.id not in again]
        self._work(tasks, lambda shares: None)
        if away := len(lost) - len(tasks):
            self.watcher.note(
                f"the clips of {away} sources are no duplicates any more, and their files are gone: "
                "give these sources to the same command again"
            )
        return bool(tasks)

    def _refuse_mixture(self, sources: dict[str, Content]) -> None:
        places = {item.input.origin for item in sources.values()}
        others = [head for head in self.heads.values() if head.source not in sources and head.origin not in places]
        if self.consistency.refuse_mixture(others):
            # Exports replace files under their names: until the new snapshot the folder must not open with the old one
            self.place.close_snapshot()

    def _forget_replaced(self, sources: dict[str, Content], duplicates: Sequence[Content]) -> None:
        """What lay in the place of an input before is gone, when it is another source now."""
        now = {item.input.origin: item.id for item in sources.values()}
        now |= {item.input.origin: item.duplicate_id for item in duplicates}
        for head in list(self.heads.values()):
            if now.get(head.origin, head.source) != head.source:
                self.store.remove_head(head.source)
                del self.heads[head.source]

    # -- inputs -----------------------------------------------------------------------------------

    def _task(self, item: Content) -> Task | None:
        """The work that an input still needs, or None when it is settled at once."""
        if item.input.refused:
            self._end(item, item.id, Drop((item.input.refused,)), retry=False)
            return None
        if item.error:
            self._end(item, item.id, Fail(item.error), retry=True)
            return None
        head = self.heads.get(item.id)
        if head is not None and self._holds(head, item):
            self._settle(self._result_of(head))
            return None
        return self._task_of(item)

    def _task_of(self, item: Content) -> Task:
        return Task(
            out=self.out,
            pipeline=self.pipeline,
            id=item.id,
            name=item.input.name,
            path=item.input.path or Path(),
            origin=item.input.origin,
            sha256=item.sha256,
            bytes=item.bytes,
            mtime_ns=item.mtime_ns,
            sound=item.input.sound,
            sound_sha256=item.sound_sha256,
            labels=item.input.labels,
            facts=item.input.facts,
            object=item.input.object.url if item.input.object else None,
            keys=tuple(self.pipeline.keys(item.id, labels_hash(item.input.labels)).items()),
        )

    def _holds(self, head: Head, item: Content) -> bool:
        """Whether a source's last result is what this run would make, with all its files."""
        if head.retry or (head.quarantined and self.retry_quarantined):
            return False
        if (head.origin, head.name) != (item.input.origin, item.input.name):
            return False
        wanted = self.pipeline.keys(head.source, labels_hash(item.input.labels))
        if any(wanted.get(stage) != key for stage, key in head.keys.items()):
            return False
        if head.status == "kept" and len(head.keys) < len(wanted):
            return False
        holds = current(head, self.before, self.store)
        return holds is not None and all(self.present.get(file) == size for file, size in holds.files.items())

    def _result_of(self, head: Head) -> Result:
        holds = current(head, self.before, self.store) or Current()
        return Result(
            head.name,
            head.source,
            head.status,
            tuple(head.reasons),
            head.error,
            clips=len(holds.files),
            failed_clips=holds.failed,
            flags=holds.flags,
        )

    # -- work -------------------------------------------------------------------------------------

    def _work(self, tasks: Sequence[Task], tick: Callable[[Sequence[float]], None]) -> None:
        tasks = self.place.prepare(list(tasks))
        for end in self.engine.run(curate_source, tasks, tick=tick) if tasks else ():
            self._take(tasks[end.index], end)
        self.place.settle()

    def _take(self, task: Task, end: Finished) -> None:
        self.report.attempts += end.attempts
        if end.died:
            sentence = f"quarantined: its worker process died {end.attempts} times ({end.died}); {RETRY_QUARANTINED}"
            self._end(task, task.id, Fail(sentence), retry=False, quarantined=True)
        elif isinstance(end.error, MemoryError):
            sentence = f"quarantined: it takes more memory than --max-memory allows; {RETRY_QUARANTINED}"
            self._end(task, task.id, Fail(sentence), retry=False, quarantined=True)
        elif isinstance(end.error, (SourceUnavailableError, StorageError)):
            self._end(task, task.id, Fail(str(end.error)), retry=True)
        elif isinstance(end.error, OSError) and end.error.errno in FULL:
            raise CurationError(f"the disk of {printable(self.out)!r} is full: free some space, then run again")
        elif isinstance(end.error, (CurationError, ManifestError, PerceptionError, ImportError)):
            raise end.error  # the folder, a model or a package is at fault: no other source would fare better
        elif end.error is not None:
            sentence = f"unexpected {type(end.error).__name__}: {' '.join(str(end.error).split())}"
            self._end(task, task.id, Fail(sentence), retry=True)
        else:
            self.place.taken(task)
            self._take_done(task, end.value)

    def _take_done(self, task: Task, done: Done) -> None:
        report = self.report
        report.worked += 1
        report.analysed_frames += done.analysed
        report.analysed_of += done.frames if done.analysed else 0
        report.exported_frames += done.exported
        for stage, seconds in done.seconds.items():
            report.stage_seconds[stage] = report.stage_seconds.get(stage, 0.0) + seconds
        self._settle(
            Result(task.name, task.id, done.status, done.reasons, done.error, done.clips, done.failed_clips, done.flags)
        )

    def _settle(self, result: Result) -> None:
        self.report.results.append(result)
        self.watcher.ended(result)

    def _end(
        self, item: Content | Task, source: str, ended: Drop | Fail, *, retry: bool, quarantined: bool = False
    ) -> None:
        """End an input that no worker brought to an end."""
        if isinstance(item, Content):
            item = Task(
                out=self.out,
                pipeline=self.pipeline,
                id=source,
                name=item.input.name,
                path=item.input.path or Path(),
                origin=item.input.origin,
                sha256=item.sha256,
                bytes=item.bytes,
                mtime_ns=item.mtime_ns,
                sound_sha256=item.sound_sha256,
                facts=item.input.facts,
            )
        keys = commit_input(self.store, item.work(), self.pipeline, ended)
        head = item.head(
            keys,
            "failed" if isinstance(ended, Fail) else "dropped",
            reasons=ended.reasons if isinstance(ended, Drop) else (),
            error=ended.error if isinstance(ended, Fail) else None,
            retry=retry,
            quarantined=quarantined,
        )
        self.store.write_head(head)
        self.place.gave(source)
        self._settle(Result(item.name, source, head.status, head.reasons, head.error))

    def _frames(self, sources: Iterable[str]) -> int:
        """Frames of all sources of this run, from the snapshot."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        table = pq.read_table(self.out / "sources.parquet", columns=["id", "frames"])
        mine = pa.array(list(sources), pa.string())
        return pc.sum(table.filter(pc.is_in(table.column("id"), mine)).column("frames")).as_py() or 0

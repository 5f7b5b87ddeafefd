"""The whole run: list inputs, skip what is done, curate the rest on an engine, write the snapshot."""

import errno
import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from curation.engines.local import Finished, LocalEngine
from curation.errors import CurationError
from curation.one_source import Done, Task, commit_input, curate_source
from curation.pipeline import Pipeline, build
from curation.sources.inputs import Input, printable
from curation.stage import Drop, Fail, SourceWork
from curation.stages.labels import labels_hash
from manifests.errors import ManifestError
from manifests.files import exclusive
from manifests.recipe import Recipe
from manifests.schema import make_id
from manifests.store import Head, Store
from perception.errors import PerceptionError

READ_BYTES = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)


class Watcher(Protocol):
    """Whoever shows a run's progress."""

    def listed(self, inputs: int) -> None:
        """So many inputs were found."""

    def begin(self, weights: Sequence[int], settled: int) -> None:
        """Work starts on sources of these sizes in bytes; `settled` inputs need none."""

    def tick(self, shares: Sequence[float]) -> None:
        """Each source's share done."""

    def ended(self, result: "Result") -> None:
        """An input has ended."""


@dataclass
class Result:
    """What became of one input.

    Args:
        name: relative to the SOURCE argument, printable.
        id: of its source.
        status: kept, dropped or failed.
        reasons: codes, when dropped.
        error: one sentence, when failed.
        clips: kept clips.
        failed_clips: clips that passed selection but could not be exported.
        flags: what is odd about the file, such as truncated.
    """

    name: str
    id: str
    status: str
    reasons: tuple[str, ...] = ()
    error: str | None = None
    clips: int = 0
    failed_clips: int = 0
    flags: tuple[str, ...] = ()


@dataclass
class RunReport:
    """A finished run over its inputs, in order of name."""

    out: Path
    results: list[Result] = field(default_factory=list)
    source_frames: int = 0
    analysed_frames: int = 0
    exported_frames: int = 0
    worked: int = 0
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)

    def count(self, status: str) -> int:
        """Inputs that ended so."""
        return sum(result.status == status for result in self.results)

    @property
    def has_failures(self) -> bool:
        """Whether an input or a clip failed."""
        return any(result.status == "failed" or result.failed_clips for result in self.results)


@dataclass(frozen=True)
class _Hashed:
    """An input with its content known."""

    input: Input
    sha256: str = ""
    bytes: int = 0
    mtime_ns: int = 0
    sound_sha256: str | None = None
    error: str | None = None

    @property
    def origin(self) -> str:
        return self.input.origin

    @property
    def id(self) -> str:
        """Content names a source, so a moved or renamed file is the same source."""
        if self.sha256:
            return make_id("source", self.sha256, *([self.sound_sha256] if self.sound_sha256 else []))
        return make_id("source", "unreadable", self.input.name)


def curate(inputs: Sequence[Input], out: Path, recipe: Recipe, *, workers: int, watcher: Watcher) -> RunReport:
    """Curate the inputs into the folder `out`; running it again resumes.

    Raises:
        CurationError: the folder cannot be written, or the disk is full.
        manifests.errors.ManifestError: another run is writing the folder.
    """
    started = time.monotonic()
    pipeline = build(recipe)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "clips").mkdir(exist_ok=True)
    except OSError as error:
        raise CurationError(f"the folder {printable(out)!r} cannot be written ({error.strerror})") from None
    with exclusive(out):
        report = _Curation(out, recipe, pipeline, workers, watcher).run(inputs)
    report.seconds = time.monotonic() - started
    return report


class _Curation:
    def __init__(self, out: Path, recipe: Recipe, pipeline: Pipeline, workers: int, watcher: Watcher) -> None:
        self.out = out
        self.recipe = recipe
        self.pipeline = pipeline
        self.workers = workers
        self.watcher = watcher
        self.store = Store(out)
        self.heads = self.store.heads()
        self.report = RunReport(out)
        self.before = _Before.read(out)
        self.present = _files_present(out / "clips")

    def run(self, inputs: Sequence[Input]) -> RunReport:
        self.watcher.listed(len(inputs))
        self._sweep()
        hashed = self._hash(inputs)
        unique: dict[str, _Hashed] = {}
        for item in hashed:
            if item.id in unique:
                self._duplicate(item)
            else:
                unique[item.id] = item
        self._forget_replaced(hashed)
        tasks = [task for item in unique.values() if (task := self._task(item)) is not None]
        tasks.sort(key=lambda task: (-task.bytes, task.id))  # the largest first, so that no worker idles at the end
        self.watcher.begin([task.bytes for task in tasks], len(self.report.results))
        self._work(tasks)
        self.store.snapshot(self.recipe.resolved())
        self.store.collect_garbage()
        self.report.results.sort(key=lambda result: result.name)
        self.report.source_frames = self._frames(unique.values())
        return self.report

    def _sweep(self) -> None:
        """Remove what a killed run left unfinished; no other run is at work here (`exclusive`)."""
        from media.cut import UNFINISHED

        for file in (self.out / "clips").glob(UNFINISHED):
            file.unlink()

    # -- inputs -----------------------------------------------------------------------------------

    def _hash(self, inputs: Sequence[Input]) -> list[_Hashed]:
        known = {head.origin: head for head in self.heads.values() if head.sha256}
        with ThreadPoolExecutor(max_workers=max(1, self.workers)) as pool:
            return list(pool.map(lambda item: _hash_input(item, known), inputs))

    def _forget_replaced(self, hashed: Sequence[_Hashed]) -> None:
        """A file whose content changed is another source: the one that lay there before is gone."""
        now = {item.origin: item.id for item in hashed}
        for head in list(self.heads.values()):
            duplicate = make_id("source", "duplicate", head.sha256 or "", head.name)
            if head.origin in now and now[head.origin] != head.source and head.source != duplicate:
                self.store.remove_head(head.source)
                del self.heads[head.source]

    def _duplicate(self, item: _Hashed) -> None:
        """The same bytes twice are one source; the second file is dropped by name."""
        source = make_id("source", "duplicate", item.sha256, item.input.name)
        self._end(item, source, Drop(("duplicate",)), retry=False)

    def _task(self, item: _Hashed) -> Task | None:
        """The work that an input still needs, or None when it is settled at once."""
        if item.error:
            self._end(item, item.id, Fail(item.error), retry=True)
            return None
        head = self.heads.get(item.id)
        if head is not None and self._holds(head, item):
            moved = head.origin != item.origin or head.name != item.input.name
            if not moved:
                self._settle(self._result_of(head))
                return None
        assert item.input.path is not None
        return Task(
            out=self.out,
            pipeline=self.pipeline,
            id=item.id,
            name=item.input.name,
            path=item.input.path,
            origin=item.origin,
            sha256=item.sha256,
            bytes=item.bytes,
            mtime_ns=item.mtime_ns,
            sound=item.input.sound,
            sound_sha256=item.sound_sha256,
            labels=item.input.labels,
            facts=item.input.facts,
        )

    def _holds(self, head: Head, item: _Hashed) -> bool:
        """Whether a source's last result is what this run would make, in the snapshot and with all its files."""
        wanted = self.pipeline.keys(head.source, labels_hash(item.input.labels))
        if head.retry or any(wanted.get(stage) != key for stage, key in head.keys.items()):
            return False
        if head.status == "kept" and len(head.keys) < len(wanted):
            return False
        said = self.before.keys.get(head.source)
        if not said or not said <= set(head.keys.values()):
            return False
        files = self.before.files.get(head.source, {})
        return all(self.present.get(file) == size for file, size in files.items())

    def _result_of(self, head: Head) -> Result:
        return Result(
            head.name,
            head.source,
            head.status,
            tuple(head.reasons),
            head.error,
            clips=len(self.before.files.get(head.source, {})),
            failed_clips=self.before.failed.get(head.source, 0),
            flags=self.before.flags.get(head.source, ()),
        )

    # -- work -------------------------------------------------------------------------------------

    def _work(self, tasks: Sequence[Task]) -> None:
        engine = LocalEngine(self.workers)
        for end in engine.run(curate_source, tasks, tick=self.watcher.tick) if tasks else ():
            self._take(tasks[end.index], end)

    def _take(self, task: Task, end: Finished) -> None:
        if end.died:
            sentence = f"its worker process died {end.attempts} times ({end.died}); it is tried again next time"
            self._end(task, task.id, Fail(sentence), retry=True)
        elif isinstance(end.error, OSError) and end.error.errno in FULL:
            raise CurationError(f"the disk of {printable(self.out)!r} is full: free some space, then run again")
        elif isinstance(end.error, (ManifestError, PerceptionError, ImportError)):
            raise end.error  # the folder, a model or a package is at fault: no other source would fare better
        elif end.error is not None:
            sentence = f"unexpected {type(end.error).__name__}: {' '.join(str(end.error).split())}"
            self._end(task, task.id, Fail(sentence), retry=True)
        else:
            self._take_done(task, end.value)

    def _take_done(self, task: Task, done: Done) -> None:
        report = self.report
        report.worked += 1
        report.analysed_frames += done.analysed
        report.exported_frames += done.exported
        for stage, seconds in done.seconds.items():
            report.stage_seconds[stage] = report.stage_seconds.get(stage, 0.0) + seconds
        self._settle(
            Result(task.name, task.id, done.status, done.reasons, done.error, done.clips, done.failed_clips, done.flags)
        )

    def _settle(self, result: Result) -> None:
        self.report.results.append(result)
        self.watcher.ended(result)

    def _end(self, item: "_Hashed | Task", source: str, ended: Drop | Fail, *, retry: bool) -> None:
        """End an input that no worker brought to an end."""
        name = item.name if isinstance(item, Task) else item.input.name
        path = item.path if isinstance(item, Task) else item.input.path
        facts = item.facts if isinstance(item, Task) else item.input.facts
        work = SourceWork(
            source,
            name,
            path or Path(),
            item.origin,
            item.sha256,
            item.bytes,
            folder=self.out,
            sound_sha256=item.sound_sha256,
            source_facts=facts,
        )
        status = "failed" if isinstance(ended, Fail) else "dropped"
        reasons = ended.reasons if isinstance(ended, Drop) else ()
        error = ended.error if isinstance(ended, Fail) else None
        head = Head(
            source=source,
            name=name,
            origin=item.origin,
            sha256=item.sha256 or None,
            bytes=item.bytes,
            mtime_ns=item.mtime_ns,
            keys=commit_input(self.store, work, self.pipeline, ended),
            status=status,
            reasons=reasons,
            error=error,
            retry=retry,
        )
        self.store.write_head(head)
        self._settle(Result(name, source, status, reasons, error))

    def _frames(self, items: Iterable[_Hashed]) -> int:
        """Frames of all sources of this run, from the snapshot."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        table = pq.read_table(self.out / "sources.parquet", columns=["id", "frames"])
        mine = pa.array([item.id for item in items], pa.string())
        return pc.sum(table.filter(pc.is_in(table.column("id"), mine)).column("frames")).as_py() or 0


@dataclass
class _Before:
    """What the last snapshot says of each source: its keys, its files with their sizes, its failed clips."""

    keys: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, out: Path) -> "_Before":
        """Read it; no snapshot, or one that was cut off, says nothing, and workers look for themselves."""
        import pyarrow.parquet as pq

        before = cls()
        if not (out / "manifest.json").is_file():
            return before
        outcomes = pq.read_table(out / "outcomes.parquet", columns=["source", "key"])
        for group in outcomes.group_by("source").aggregate([("key", "distinct")]).to_pylist():
            before.keys[group["source"]] = set(group["key_distinct"])
        columns = ["source", "status", "file", "file_bytes"]
        for row in pq.read_table(out / "clips.parquet", columns=columns).to_pylist():
            if row["status"] == "kept":
                before.files.setdefault(row["source"], {})[row["file"]] = row["file_bytes"]
            elif row["status"] == "failed":
                before.failed[row["source"]] = before.failed.get(row["source"], 0) + 1
        for row in pq.read_table(out / "sources.parquet", columns=["id", "flags"]).to_pylist():
            before.flags[row["id"]] = tuple(row["flags"])
        return before


def _files_present(folder: Path) -> dict[str, int]:
    """Size of each exported file, from one listing: 18,000 clips take a fraction of a second."""
    with os.scandir(folder) as entries:
        return {f"clips/{entry.name}": entry.stat().st_size for entry in entries if entry.is_file()}


def _hash_input(item: Input, known: dict[str, Head]) -> _Hashed:
    if item.error or item.path is None:
        return _Hashed(item, error=item.error or "it was not fetched")
    try:
        facts = item.path.stat()
        sound = _sha256(item.sound) if item.sound else None
        head = known.get(item.origin)
        same = head is not None and (head.bytes, head.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
        digest = head.sha256 if same and head and head.sha256 else _sha256(item.path)
    except OSError as error:
        return _Hashed(item, error=f"the file cannot be read ({error.strerror})")
    return _Hashed(item, digest, facts.st_size, facts.st_mtime_ns, sound)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()

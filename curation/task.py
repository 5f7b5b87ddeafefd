"""What a worker is given and what it gives back: one source's task, and how it ended."""

import errno
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from curation.errors import CurationError
from curation.pipeline import Pipeline
from curation.sources.inputs import Facts, Label
from curation.stage import SourceWork
from manifests.store import Head

# A disk or a network share that answers so may answer otherwise tomorrow.
UNREADABLE = (
    errno.EIO,
    errno.ESTALE,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)


@dataclass(frozen=True)
class Task:
    """What a worker needs to curate one source; small and picklable.

    Args:
        out: the manifest's folder, or, with a bucket, the driver's copy of it.
        path: the file, where it lies on a disk that the worker sees.
        sound: the file of its sound, when that is another one.
        object: its address in shared storage, when it must be fetched from there first.
        sound_object: that of its sound.
        bucket: address of the place that takes the results, when that is no folder.
        known: stage and key of each result that the bucket holds.
        scratch: folder for files in work; None for the system's.
        keys: what the driver calls each stage's result; a worker whose models differ would call it otherwise.
    """

    out: Path
    pipeline: Pipeline
    id: str
    name: str
    path: Path
    origin: str
    sha256: str
    bytes: int
    mtime_ns: int
    sound: Path | None = None
    sound_sha256: str | None = None
    labels: tuple[Label, ...] = ()
    facts: Facts | None = None
    object: str | None = None
    sound_object: str | None = None
    bucket: str | None = None
    known: tuple[tuple[str, str], ...] = ()
    scratch: Path | None = None
    keys: tuple[tuple[str, str], ...] = ()

    def work(self) -> SourceWork:
        """The source as stages see it."""
        return SourceWork(
            self.id,
            self.name,
            self.path,
            self.origin,
            self.sha256,
            self.bytes,
            folder=self.out,
            sound=self.sound,
            sound_sha256=self.sound_sha256,
            labels=self.labels,
            source_facts=self.facts,
        )

    def head(
        self,
        keys: dict[str, str],
        status: str,
        *,
        reasons: tuple[str, ...] = (),
        error: str | None = None,
        retry: bool = False,
        quarantined: bool = False,
    ) -> Head:
        """What is current for the source."""
        return Head(
            source=self.id,
            name=self.name,
            origin=self.origin,
            sha256=self.sha256 or None,
            bytes=self.bytes,
            mtime_ns=self.mtime_ns,
            keys=keys,
            status=status,
            reasons=reasons,
            error=error,
            retry=retry,
            quarantined=quarantined,
        )

    def check_models(self, keys: dict[str, str]) -> None:
        """Refuse to work with other models than the driver has: one manifest would hold results of both.

        Args:
            keys: what this process calls each stage's result.

        Raises:
            CurationError: a stage has other models, another version or another program here.
        """
        for stage, key in self.keys:
            if keys.get(stage) != key:
                raise CurationError(
                    f"the machine {socket.gethostname()} has other models or another version for the stage {stage} "
                    "than the one that started the run: give all the same (see moee doctor and MOEE_WEIGHTS)"
                )

    def check_unchanged(self, error: Exception | None = None) -> None:
        """Tell a fault of the file's content from one of its place.

        Raises:
            SourceUnavailableError: the file is gone, cannot be read just now, or is another one than was hashed.
        """
        try:
            facts = self.path.stat()
        except OSError as reason:
            raise SourceUnavailableError(f"the file went away during the run ({reason.strerror})") from reason
        if (facts.st_size, facts.st_mtime_ns) != (self.bytes, self.mtime_ns):
            raise SourceUnavailableError("the file changed during the run")
        if error is not None and isinstance(error.__cause__, OSError) and error.__cause__.errno in UNREADABLE:
            raise SourceUnavailableError(f"the file cannot be read just now ({os.strerror(error.__cause__.errno)})")


class SourceUnavailableError(Exception):
    """Nothing is wrong with the source's content: it is tried again in the next run, and nothing is recorded of it."""


@dataclass
class Done:
    """What a worker tells of a finished source.

    Args:
        status: kept, dropped or failed.
        reasons: codes, when dropped: all that any of its candidates or the source itself met.
        error: one sentence, when failed.
        clips: kept clips.
        failed_clips: kept clips whose file could not be made.
        flags: what is odd about the file, such as truncated.
        frames: frames of the source, 0 when unknown.
        analysed: frames decoded by the shared analysis decode in this run.
        exported: frames decoded for exports in this run.
        seconds: of each stage that ran.
    """

    id: str
    status: str = "kept"
    reasons: tuple[str, ...] = ()
    error: str | None = None
    clips: int = 0
    failed_clips: int = 0
    flags: tuple[str, ...] = ()
    frames: int = 0
    analysed: int = 0
    exported: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

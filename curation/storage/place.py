"""The place of a run's results, as the driver sees it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from curation.errors import CurationError
from curation.sources.inputs import printable

if TYPE_CHECKING:
    from curation.task import Task


class Place(Protocol):
    """Where tables, results and clips lie.

    Attributes:
        root: a folder of this machine with all tables and results of sources, in which the driver works.
    """

    root: Path

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Hold it for one driver, ready to be worked in."""

    def clips(self) -> dict[str, int]:
        """Size of each exported file, by name relative to the place."""

    def sweep(self) -> None:
        """Remove what a killed run left unfinished."""

    def close_snapshot(self) -> None:
        """The snapshot is about to be spoilt: it must not open any more."""

    def prepare(self, tasks: list[Task]) -> list[Task]:
        """Make tasks that any worker can do, wherever it runs."""

    def taken(self, task: Task) -> None:
        """A worker has finished a source."""

    def gave(self, source: str) -> None:
        """The driver itself wrote a source's result under `root`."""

    def settle(self) -> None:
        """All that workers finished is under `root` when this returns."""

    def publish(self) -> None:
        """The snapshot under `root` is new."""

    def collect(self) -> None:
        """Remove what nothing names any more, after the snapshot."""


def place_of(out: Path | str, scratch: Path | None = None) -> Place:
    """The place that an --out argument names.

    Args:
        out: a folder, or an address in shared storage (`s3://bucket/folder`).
        scratch: a folder for files in work, on every machine; None for the system's.
    """
    from curation.storage.bucket import is_address

    if is_address(str(out)):
        from curation.storage.mirror import BucketPlace

        return BucketPlace(str(out), scratch)
    return FolderPlace(Path(out), scratch)


class FolderPlace:
    """A folder, which all workers see under the same path."""

    def __init__(self, root: Path, scratch: Path | None = None) -> None:
        self.root = root
        self.scratch = scratch

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        from manifests.files import exclusive

        try:
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / "clips").mkdir(exist_ok=True)
        except OSError as error:
            raise CurationError(f"the folder {printable(self.root)!r} cannot be written ({error.strerror})") from None
        with exclusive(self.root):
            yield

    def clips(self) -> dict[str, int]:
        """From one listing: 18,000 clips take a fraction of a second."""
        with os.scandir(self.root / "clips") as entries:
            return {f"clips/{entry.name}": entry.stat().st_size for entry in entries if entry.is_file()}

    def sweep(self) -> None:
        from media.cut import UNFINISHED

        for file in (self.root / "clips").glob(UNFINISHED):
            file.unlink()

    def close_snapshot(self) -> None:
        (self.root / "manifest.json").unlink(missing_ok=True)

    def prepare(self, tasks: list[Task]) -> list[Task]:
        import dataclasses

        return [dataclasses.replace(task, scratch=self.scratch) for task in tasks]

    def taken(self, task: Task) -> None:
        """It lies there already."""

    def gave(self, source: str) -> None:
        """It lies there already."""

    def settle(self) -> None:
        """It lies there already."""

    def publish(self) -> None:
        """It lies there already."""

    def collect(self) -> None:
        from manifests.store import Store

        Store(self.root).collect_garbage()

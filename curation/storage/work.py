"""What a worker does with shared storage: the source and its former results are fetched, the new ones are sent.

Everything happens in a folder of the worker's own machine, which is emptied when the source has ended. Tables go first,
then what names them, then the clips, then the source's head: until that is there nothing has happened.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from curation.storage.bucket import Bucket, each, split
from curation.storage.mirror import scratch_folder

if TYPE_CHECKING:
    from curation.task import Task


@contextmanager
def at_hand(task: Task) -> Iterator[Task]:
    """The same task with everything on this machine's disk; at the end its results are where the run wants them.

    Raises:
        SourceUnavailableError: the source changed or went away, or the disk has no room for it.
        StorageError: the storage fails.
    """
    if task.object is None and task.bucket is None:
        yield task
        return
    with _own_folder(scratch_folder(task.scratch) / "work", task.id) as folder:
        _room(folder, task)
        here = _fetched(task, folder)
        former = _results(task, folder / "out") if task.bucket else {}
        yield here
        if task.bucket:
            _send(Bucket(task.bucket), here, former)


@contextmanager
def _own_folder(parent: Path, name: str) -> Iterator[Path]:
    """A folder that is gone at the end; those that killed workers left behind go with it."""
    parent.mkdir(parents=True, exist_ok=True)
    for other in parent.iterdir():
        with contextlib.suppress(OSError), _locked(other):  # nobody holds it: its process is gone
            shutil.rmtree(other)
    folder = parent / f"{name}-{os.urandom(4).hex()}"
    folder.mkdir()
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which the system lets go of when the process ends; OSError when another holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _room(folder: Path, task: Task) -> None:
    from curation.task import SourceUnavailableError

    if shutil.disk_usage(folder).free < 2 * task.bytes:
        raise SourceUnavailableError(f"the disk of {folder.parent.parent} has no room for it: give --scratch another")


def _fetched(task: Task, folder: Path) -> Task:
    """The source's file, checked against the hash that names it."""
    from curation.task import SourceUnavailableError

    task = dataclasses.replace(task, out=folder / "out" if task.bucket else task.out)
    if task.object is not None:
        path = folder / "source"
        if _get(task.object, path) != task.sha256:
            raise SourceUnavailableError("the file changed during the run")
        task = dataclasses.replace(task, path=path, mtime_ns=path.stat().st_mtime_ns)
    if task.sound_object is not None:
        sound = folder / "sound"
        if _get(task.sound_object, sound) != task.sound_sha256:
            raise SourceUnavailableError("the file of its sound changed during the run")
        task = dataclasses.replace(task, sound=sound)
    return task


def _get(address: str, path: Path) -> str:
    bucket, name = split(address)
    return bucket.get(name, path)[1]


def _results(task: Task, out: Path) -> dict[str, int]:
    """Fetch what the bucket holds of the source; gives the files by name, with the time of the copy."""
    assert task.bucket is not None
    bucket = Bucket(task.bucket)
    (out / "clips").mkdir(parents=True)
    names: set[str] = {_head(task)} if task.known else set()
    for stage, key in task.known:
        names |= set(bucket.list(f"parts/{stage}/{task.id[2:4]}/{task.id}/{key}/"))
    each(lambda name: bucket.get(name, out / name), names)
    clips = _clips(task, out)
    each(lambda name: bucket.get(name, out / name), clips)
    return {name: (out / name).stat().st_mtime_ns for name in names | clips}


def _clips(task: Task, out: Path) -> set[str]:
    """The clips of the source's last export that the bucket still holds."""
    from manifests.errors import ManifestError
    from manifests.store import Store

    assert task.bucket is not None
    key = dict(task.known).get("export")
    if key is None:
        return set()
    try:
        rows = Store(out).read(task.id, "export", key, "clips", ["file"])
    except (ManifestError, KeyError):  # of another version, or without a clip: nothing to be used again
        return set()
    files = [name for name in rows.column("file").to_pylist() if name]
    bucket = Bucket(task.bucket)
    return {name for name in files if name in bucket.list(name)}


def _send(bucket: Bucket, task: Task, former: Mapping[str, int]) -> None:
    out, head = task.out, _head(task)
    files = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    changed = [name for name, path in files.items() if former.get(name) != path.stat().st_mtime_ns]
    named = _named(out, head)
    parts = [name for name in changed if name.rpartition("/")[0] in named]
    for group in (
        [name for name in parts if not name.endswith("/commit.json")],
        [name for name in parts if name.endswith("/commit.json")],
        [name for name in changed if name.startswith("clips/") and not Path(name).name.startswith(".")],
        [head],
    ):
        each(lambda name: bucket.put(files[name], name), group)


def _head(task: Task) -> str:
    return f"heads/{task.id[2:4]}/{task.id}.json"


def _named(out: Path, head: str) -> set[str]:
    """Folders of the results that a head names."""
    said = json.loads((out / head).read_bytes())
    source = said["source"]
    return {f"parts/{stage}/{source[2:4]}/{source}/{key}" for stage, key in said["keys"].items()}

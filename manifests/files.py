"""Files that are whole or not there: written aside, synced, renamed; hashed while they are written; one writer."""

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from manifests.errors import ManifestError
from manifests.text import printable

ASIDE: Final = re.compile(r"^\.tmp-.+")  # the name of every file that is not finished begins so
_CHUNK: Final = 1 << 20
_held: set[Path] = set()


@dataclass(frozen=True)
class Written:
    """What a file holds: SHA-256 in hexadecimal and size in bytes."""

    sha256: str
    bytes: int


class _Hashing(io.RawIOBase):
    """A file that hashes what passes through, so that nothing is read back."""

    def __init__(self, target: BinaryIO) -> None:
        super().__init__()
        self.target, self.digest, self.size = target, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.digest.update(view)
        self.target.write(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def written(self) -> Written:
        return Written(self.digest.hexdigest(), self.size)


@contextlib.contextmanager
def plain_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about writing in `folder` into one sentence."""
    try:
        yield
    except OSError as error:
        place = printable(str(folder))
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ManifestError(
                f"The disk of {place} is full: free some space and run the same command again, "
                "nothing that was finished is lost."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ManifestError(
                f"The folder {place} cannot be written: choose another or change its rights."
            ) from error
        raise ManifestError(f"Writing in {place} failed: {error.strerror or error}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder and its parents so that they outlast a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for child in reversed(missing):
        child.mkdir(exist_ok=True)
        sync_folder(child.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_aside(folder: Path, name: str, write: Callable[[BinaryIO], object]) -> tuple[Path, Written]:
    """Write a file under a temporary name in `folder` and sync it; nobody takes it for finished.

    Args:
        folder: exists, on the disk of the final file.
        name: what the file will be called, part of the temporary name.
        write: is given an open binary file.

    Returns:
        The temporary path and what it holds.
    """
    path = folder / f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{name}"
    try:
        with path.open("xb", buffering=0) as raw:
            target = _Hashing(raw)
            write(target)  # type: ignore[arg-type]
            os.fsync(raw.fileno())
            return path, target.written()
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace(aside: Path, target: Path) -> None:
    """Give a file written aside its name, in one step that outlasts a power cut."""
    aside.replace(target)
    sync_folder(target.parent)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all; its folder exists. Half characters are kept as escapes."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    aside, _ = write_aside(path.parent, path.name, lambda file: file.write(text.encode() + b"\n"))
    replace(aside, path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping in a JSON file; raises ManifestError when it is damaged, FileNotFoundError when absent."""
    return json_mapping(path.read_bytes(), path)


def json_mapping(raw: bytes, path: Path) -> dict[str, Any]:
    """Return the mapping in JSON bytes that were read from `path`; raises ManifestError when they are damaged."""
    try:
        content = json.loads(raw)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ManifestError(f"{printable(str(path))} is damaged: delete it and run the same command again.")
    return content


def file_hash(path: Path) -> Written:
    """Return SHA-256 and size of a file, in bounded memory."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
            size += len(block)
    return Written(digest.hexdigest(), size)


@contextlib.contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold a folder for one writer; the system lets go of it when the process ends in any way.

    Raises:
        ManifestError: another run is writing the folder (with its process id).
    """
    with plain_errors(root):
        make_folder(root)
        root = root.resolve()
        path = root / ".lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)  # less the umask: groups share folders
    try:
        _lock(handle, root)
        _held.add(root)
        try:
            yield
        finally:
            _held.discard(root)
    finally:
        os.close(handle)


def _lock(handle: int, root: Path) -> None:
    place = printable(str(root))
    if root in _held:  # a record lock does not stop its own process
        raise ManifestError(f"Another run (pid {os.getpid()}) is writing this folder: {place}")
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise ManifestError(f"The folder {place} cannot be locked: {error.strerror}.") from error
        pid = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise ManifestError(
            f"Another run (pid {pid}) is writing this folder: wait for it or end it: {place}"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)

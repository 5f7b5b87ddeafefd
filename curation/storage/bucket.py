"""Files in shared storage (S3 and what speaks like it), through fsspec: whole or not there, and never renamed.

An object appears under its name in one step, when its last byte has arrived; so a result is committed by writing the
object that names all others last.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from curation.engines.cluster import HOW
from curation.errors import CurationError

SCHEMES: Final = ("s3://",)
_CHUNK: Final = 4 << 20
_CONNECT, _READ, _TRIES = 10, 60, 5  # s, s, and how often one request is sent
AT_ONCE: Final = 16  # requests of one process


class StorageError(CurationError):
    """The storage does not answer, refuses, or lacks what it must hold."""


@dataclass(frozen=True)
class Stored:
    """An object.

    Args:
        bytes: its size.
        tag: changes with its content.
        mtime_ns: when it was written.
    """

    bytes: int
    tag: str
    mtime_ns: int


def is_address(text: str) -> bool:
    """Whether it names a place in shared storage, not a file."""
    return text.startswith(SCHEMES)


class Bucket:
    """What lies below an address such as `s3://bucket/folder`; small and picklable.

    Args:
        url: the address.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __reduce__(self) -> Any:
        return Bucket, (self.url,)

    @cached_property
    def _fs(self) -> Any:
        try:
            import fsspec
            import s3fs  # noqa: F401
        except ImportError as error:
            raise CurationError(f"{self.url} needs s3fs ({error}): {HOW}") from None
        config = {"connect_timeout": _CONNECT, "read_timeout": _READ, "retries": {"max_attempts": _TRIES}}
        return fsspec.filesystem("s3", config_kwargs=config, use_listings_cache=False)

    @property
    def _root(self) -> str:
        return self.url.split("://", 1)[1]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def check(self) -> None:
        """Raise StorageError when the bucket is not there or does not answer."""
        with self._plain():
            try:
                self._fs.call_s3("head_bucket", Bucket=self._root.split("/")[0])
            except FileNotFoundError:
                raise StorageError(f"there is no bucket for {self.url}: make it, or check the address") from None

    def list(self, prefix: str = "") -> dict[str, Stored]:
        """All objects below a prefix, by name relative to the address."""
        with self._plain():
            try:
                found = self._fs.find(self._path(prefix), detail=True)
            except FileNotFoundError:
                return {}
        cut = len(self._root) + 1
        return {path[cut:]: _stored(facts) for path, facts in found.items() if len(path) > cut}

    def read(self, name: str) -> bytes | None:
        """An object's bytes, or None."""
        with self._plain():
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes, *, new: bool = False) -> bool:
        """Write an object in one step.

        Args:
            name: relative to the address.
            content: all of it.
            new: only where there is none yet.

        Returns:
            False when `new` was asked and there is one already.
        """
        with self._plain():
            try:
                self._fs.pipe_file(self._path(name), content, **({"mode": "create"} if new else {}))
            except FileExistsError:
                return False
        return True

    def put(self, file: Path, name: str) -> None:
        """Send a file."""
        with self._plain():
            self._fs.put_file(str(file), self._path(name))

    def get(self, name: str, file: Path) -> tuple[int, str]:
        """Fetch an object into a file, whole or not at all; gives its size and sha256.

        Raises:
            StorageError: there is none, or the storage fails.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".tmp-{os.getpid()}-{os.urandom(4).hex()}")
        digest, size = hashlib.sha256(), 0
        try:
            with aside.open("xb") as target:
                for block in self.blocks(name):
                    target.write(block)
                    digest.update(block)
                    size += len(block)
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
        return size, digest.hexdigest()

    def blocks(self, name: str) -> Iterator[bytes]:
        """An object's bytes, a few at a time."""
        with self._plain(), self._fs.open(self._path(name), "rb", block_size=_CHUNK, cache_type="readahead") as source:
            while block := source.read(_CHUNK):
                yield block

    def copy(self, name: str, target: str) -> None:
        """Copy an object inside the storage."""
        with self._plain():
            self._fs.cp_file(self._path(name), self._path(target))

    def remove(self, names: Iterable[str]) -> int:
        """Remove objects; those that are not there are no fault."""
        paths = [self._path(name) for name in names]
        with self._plain():
            for first in range(0, len(paths), 1000):
                with contextlib.suppress(FileNotFoundError):
                    self._fs.rm(paths[first : first + 1000])
        return len(paths)

    @contextlib.contextmanager
    def _plain(self) -> Iterator[None]:
        """Turn what the storage's library says into one sentence."""
        try:
            yield
        except CurationError:
            raise
        except FileNotFoundError as error:
            raise StorageError(
                f"{self.url} does not hold {error.args[-1] if error.args else 'it'}: check it"
            ) from error
        except PermissionError as error:
            raise StorageError(
                f"{self.url} refuses access ({_first(error)}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except Exception as error:  # of botocore, aiohttp and s3fs, one class per kind of failure
            if isinstance(error, (MemoryError, KeyError, TypeError, AttributeError)):
                raise
            raise StorageError(
                f"{self.url} cannot be used just now ({_first(error)}): run the same command again"
            ) from (error)


def each(work: Any, items: Iterable[Any]) -> list[Any]:
    """Do the work for all items, some at once; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(work, item) for item in items]]


def split(url: str) -> tuple[Bucket, str]:
    """The bucket's folder and the name in it."""
    folder, _, name = url.rpartition("/")
    return Bucket(folder), name


def _stored(facts: dict[str, Any]) -> Stored:
    modified = facts.get("LastModified")
    when = int(modified.timestamp() * 1e9) if modified is not None else 0
    return Stored(int(facts["size"] or 0), str(facts.get("ETag", "")).strip('"'), when)


def _first(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

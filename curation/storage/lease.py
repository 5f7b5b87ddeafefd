"""One driver at a time: a lock that is an object, kept fresh by its holder and free for all when it goes stale.

No clocks are compared: a lock is stale when it did not change while somebody watched it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import psutil

from curation.errors import CurationError
from curation.storage.bucket import Bucket, StorageError

NAME: Final = ".lock"
RENEW_SECONDS: Final = 5.0
STALE_SECONDS: Final = 25.0


class Lease:
    """A held lock. `lost` is set when somebody else has taken it: then nothing more may be written."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.run = os.urandom(8).hex()
        self.lost = threading.Event()
        self._end = threading.Event()
        self._beat = 0

    def check(self) -> None:
        """Raise CurationError when another run has taken the place over."""
        if self.lost.is_set():
            raise CurationError(f"another run has taken over {self.bucket.url}: this one stops here and loses nothing")

    def _said(self) -> bytes:
        self._beat += 1
        said = {"host": socket.gethostname(), "pid": os.getpid(), "run": self.run, "beat": self._beat}
        return json.dumps(said).encode()

    def take(self) -> bool:
        return self.bucket.write(NAME, self._said(), new=True)

    def keep(self) -> None:
        while not self._end.wait(RENEW_SECONDS):
            with contextlib.suppress(StorageError):  # it may answer next time; staleness has room for some failures
                if _read(self.bucket).get("run") != self.run:
                    self.lost.set()
                    return
                self.bucket.write(NAME, self._said())

    def end(self, keeper: threading.Thread) -> None:
        self._end.set()
        keeper.join()
        if not self.lost.is_set():
            with contextlib.suppress(StorageError):
                self.bucket.remove([NAME])


@contextlib.contextmanager
def held(bucket: Bucket) -> Iterator[Lease]:
    """Hold a place in shared storage for one driver.

    Raises:
        CurationError: another run holds it (with its host and process id).
    """
    lease = Lease(bucket)
    if not lease.take():
        _wait_until_stale(bucket)
        bucket.remove([NAME])
        if not lease.take():
            raise _busy(bucket, _read(bucket))
        time.sleep(0.5)  # another that found it stale may have removed ours: the later one stays
        if _read(bucket).get("run") != lease.run:
            raise _busy(bucket, _read(bucket))
    keeper = threading.Thread(target=lease.keep, daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        lease.end(keeper)


def _wait_until_stale(bucket: Bucket) -> None:
    first = _read(bucket)
    if not first or (first.get("host") == socket.gethostname() and not _alive(first.get("pid"))):
        return
    until = time.monotonic() + STALE_SECONDS
    while time.monotonic() < until:
        time.sleep(1.0)
        now = _read(bucket)
        if not now:
            return
        if now != first:
            raise _busy(bucket, now)


def _alive(pid: object) -> bool:
    return isinstance(pid, int) and psutil.pid_exists(pid)


def _read(bucket: Bucket) -> dict[str, object]:
    raw = bucket.read(NAME)
    try:
        said = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _busy(bucket: Bucket, said: dict[str, object]) -> CurationError:
    return CurationError(
        f"another run (pid {said.get('pid')} on {said.get('host')}) is writing {bucket.url}: wait for it or end it"
    )

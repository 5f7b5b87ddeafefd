"""Folders that are whole or not there: made beside their place, then put there in one step."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmark.errors import BenchmarkError
from manifests.errors import ManifestError
from manifests.files import make_folder, plain_errors, sync_folder
from manifests.text import printable

_AT_CWD: Final = -100
_EXCHANGE: Final = 2  # flag of renameat2: two names change places in one step


@contextlib.contextmanager
def whole(folder: Path, what: str, own: frozenset[str] = frozenset(), mark: str = "") -> Iterator[Path]:
    """Give a new folder to fill; it takes its place when the block ends well, and goes away when it does not.

    Args:
        folder: absent or empty; or one that `mark` shows to be of the same kind, which is then replaced.
        what: the kind, for people: `bundle`.
        own: names that such a folder may hold. mark: the one that it must hold.

    Raises:
        BenchmarkError: the folder holds something else, or cannot be written: one sentence.
    """
    folder = folder.resolve()
    _refuse_other(folder, what, own, mark)
    aside = folder.parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{folder.name}"
    try:
        with plain_errors(folder):
            make_folder(folder.parent)
            aside.mkdir()
            try:
                yield aside
                sync_folder(aside)
                _put(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except ManifestError as error:
        raise BenchmarkError(str(error)) from error


def _refuse_other(folder: Path, what: str, own: frozenset[str], mark: str) -> None:
    place = printable(str(folder))
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise BenchmarkError(f"No {what} can be written to {place}: {error.strerror or error}.") from error
    other = sorted((name for name in names if name not in own), key=lambda name: (name.startswith("."), name))
    if names and (other or mark not in names):
        held = printable(other[0]) if other else f"no {what}"
        raise BenchmarkError(f"{place} holds {held}, which would be lost: name a new folder for the {what}.")


def _put(aside: Path, folder: Path) -> None:
    """Give a finished folder its place; the old one is then at `aside`, and goes with it."""
    if folder.is_dir() and any(folder.iterdir()):
        if not _exchanged(aside, folder):  # this file system cannot: for a moment neither is there
            old = aside.with_name(aside.name + "-old")
            folder.rename(old)
            aside.rename(folder)
            shutil.rmtree(old)
    else:
        aside.rename(folder)
    sync_folder(folder.parent)


def _exchanged(first: Path, second: Path) -> bool:
    """Let two folders change names in one step, where the system can."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return swap is not None and swap(_AT_CWD, os.fsencode(first), _AT_CWD, os.fsencode(second), _EXCHANGE) == 0

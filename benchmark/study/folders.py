"""Folders that are whole or not there: made beside their place, then renamed into it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmark.errors import BenchmarkError
from manifests.errors import ManifestError
from manifests.files import make_folder, plain_errors, sync_folder
from manifests.text import printable


@contextlib.contextmanager
def whole(folder: Path, own: frozenset[str] = frozenset(), mark: str = "") -> Iterator[Path]:
    """Give a new folder to fill; it takes its place when the block ends well, and goes away when it does not.

    Args:
        folder: absent or empty; or one that `mark` shows to be of the same kind, which is then replaced.
        own: names that such a folder may hold. mark: the one that it must hold.

    Raises:
        BenchmarkError: the folder holds something else, or cannot be written: one sentence.
    """
    folder = folder.resolve()
    _refuse_other(folder, own, mark)
    aside = folder.parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{folder.name}"
    try:
        with plain_errors(folder):
            make_folder(folder.parent)
            aside.mkdir(mode=0o777)
            try:
                yield aside
                _put(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except ManifestError as error:
        raise BenchmarkError(str(error)) from error


def _refuse_other(folder: Path, own: frozenset[str], mark: str) -> None:
    place = printable(str(folder))
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise BenchmarkError(f"{place} cannot be written: {error.strerror or error}.") from error
    other = sorted((name for name in names if name not in own), key=lambda name: (name.startswith("."), name))
    if names and (other or mark not in names):
        held = printable((other or names)[0])
        raise BenchmarkError(f"{place} holds {held}, which would be lost: name a new folder.")


def _put(aside: Path, folder: Path) -> None:
    sync_folder(aside)
    if folder.is_dir() and any(folder.iterdir()):
        old = aside.with_name(aside.name + "-old")
        folder.rename(old)
        aside.rename(folder)
        shutil.rmtree(old)
    else:
        aside.rename(folder)
    sync_folder(folder.parent)

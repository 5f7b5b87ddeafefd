"""The folder that is published: ours or refused, written aside inside it, put in place so that no part looks whole."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from manifests.errors import ManifestError
from manifests.files import (
    Written,
    exclusive,
    file_hash,
    make_folder,
    plain_errors,
    read_json,
    sync_folder,
    write_json,
)
from manifests.text import printable

RECORD: Final = ".published.json"  # hidden: a JSON file in sight would be loaded as a data set of its own
SCRATCH: Final = ".tmp-publish"
CARD: Final = "README.md"
FORMAT: Final = 1
_PATTERN: Final = ("*", "?", "[", "]", "::")  # `datasets` reads a path as a pattern or a chain of file systems


def place_of(to: str | Path) -> Path:
    """Return the folder to publish to.

    Raises:
        ManifestError: it is no place on this machine, or one whose path `datasets.load_dataset` cannot read.
    """
    name = printable(str(to))
    if isinstance(to, str) and to.startswith("hf:"):
        raise ManifestError(
            f"{name} is on the Hub: publish there with moee publish DIR --to {name}, or publish_to_hub in Python."
        )
    if isinstance(to, str) and "://" in to:
        raise ManifestError(f"Publishing to {name} is not in this version: publish to a folder and copy that there.")
    try:
        full = str(Path(to).resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise ManifestError(f"{name} is no folder: give a new or empty folder.") from error
    found = [mark for mark in _PATTERN if mark in full]
    if found:
        raise ManifestError(
            f"{name} has {' and '.join(found)} in its full path, which load_dataset cannot read: give another folder."
        )
    return Path(to)


@contextlib.contextmanager
def told_errors(target: Path, manifest: Path | None = None) -> Iterator[None]:
    """Turn what the operating system says while publishing into one sentence that names the right path.

    Args:
        target: as the user gave it; it is named for what concerns no file of the manifest.
        manifest: the manifest's folder, which is only read.
    """
    try:
        yield
    except OSError as error:
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        if manifest is not None and name and Path(name).is_relative_to(manifest):
            raise ManifestError(f"{printable(name)} cannot be read: {error.strerror}.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ManifestError(f"{printable(str(target))} cannot be written: {error.strerror}.") from error
        with plain_errors(target):
            raise


def record_of(target: Path) -> dict[str, Any] | None:
    """Return what .published.json says; None for a folder that is not there or empty.

    Raises:
        ManifestError: the target is something else, and nothing of it is touched.
    """
    with told_errors(target):
        return _record_of(target)


def check_form(record: Mapping[str, Any] | None, form: str, target: Path) -> None:
    """Refuse to put one form in the place of another.

    Raises:
        ManifestError: the folder holds another form.
    """
    held = None if record is None else record.get("form")
    if held is not None and held != form:
        raise ManifestError(
            f"{printable(str(target))} holds the form {printable(str(held))}: give another folder for {form}."
        )


def _record_of(target: Path) -> dict[str, Any] | None:
    name = printable(str(target))
    try:
        record = read_json(target / RECORD)
    except PermissionError:
        raise
    except NotADirectoryError as error:
        raise ManifestError(f"{name} is a file: give a new or empty folder.") from error
    except FileNotFoundError:
        record = None
    except (OSError, ManifestError) as error:
        raise ManifestError(f"{name}/{RECORD} cannot be read: give a new or empty folder.") from error
    if record is None:
        if target.is_dir() and any(child.name != SCRATCH for child in target.iterdir()):
            raise ManifestError(f"{name} holds files that moee publish did not write: give a new or empty folder.")
        return None
    if record.get("moee_publish") != FORMAT or not isinstance(record.get("names"), list):
        raise ManifestError(f"{name} was published by another version: give a new or empty folder.")
    return record


def check_place(target: Path, manifest: Path) -> None:
    """Refuse to publish into the manifest's own folder.

    Raises:
        ManifestError: the target is that folder or lies in it.
    """
    if target.resolve().is_relative_to(manifest.resolve()):
        raise ManifestError(
            f"{printable(str(target))} lies in the manifest's own folder: publish to another folder beside it."
        )


def is_current(target: Path, record: dict[str, Any] | None, key: str) -> bool:
    """Whether the folder holds exactly this already: same key, and every file there at its size."""
    if record is None or record.get("whole") is not True or record.get("key") != key:
        return False
    try:
        return all((target / name).stat().st_size == entry["bytes"] for name, entry in record["files"].items())
    except (OSError, KeyError, TypeError, AttributeError):
        return False


@contextlib.contextmanager
def aside(target: Path) -> Iterator[Path]:
    """Give a folder inside the target, hidden from readers, to write into; one writer at a time, gone in the end.

    Raises:
        ManifestError: another run is publishing there.
    """
    scratch = target / SCRATCH
    with _locked(target, scratch):
        new = scratch / "new"
        with told_errors(target):
            shutil.rmtree(new, ignore_errors=True)
            make_folder(new)
        try:
            yield new
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            with contextlib.suppress(OSError):
                target.rmdir()  # nothing came of it


@contextlib.contextmanager
def _locked(target: Path, scratch: Path) -> Iterator[None]:
    """Hold `scratch` for one writer; what goes wrong is told of the target."""
    with contextlib.ExitStack() as held:
        with told_errors(target):
            try:
                held.enter_context(exclusive(scratch))
            except ManifestError as error:
                if isinstance(error.__cause__, OSError) and error.__cause__.filename is not None:
                    raise error.__cause__ from None
                raise ManifestError(str(error).removesuffix(f"/{SCRATCH}")) from error
        yield


def put_in_place(target: Path, new: Path, record: dict[str, Any], last: str, known: Mapping[str, Written]) -> None:
    """Move what was written aside to its names, so that a reader finds all of it, or a card that names missing files.

    What makes the folder loadable (`last`) goes first and comes last; the card goes last and comes first: without it
    a reader would take any table in sight for the whole.

    Args:
        target: ours.
        new: what `aside` gave.
        record: what .published.json will say, without `whole`, `names` and `files`.
        last: name of the file or folder without which nothing can be loaded.
        known: what files below `new` hold, where that was found out already.

    Raises:
        ManifestError: a name in the target is taken by something that is not ours.
    """
    with told_errors(target):
        files = {name: vars(known.get(name) or file_hash(new / name)) for name in sorted(_names(new))}
        names = sorted((child.name for child in new.iterdir()), key=lambda name: (name == last, name != CARD, name))
        former = record_of(target)
        owned = [name for name in (former or {}).get("names", []) if isinstance(name, str)]
        _refuse_taken(target, names, owned)
        base = {"moee_publish": FORMAT, **record}
        write_json(target / RECORD, {**base, "whole": False, "names": sorted({*owned, *names}), "files": {}})
        _take_away(target, new.parent / "old", owned, last)
        for name in names:
            (new / name).rename(target / name)
        sync_folder(target)
        write_json(target / RECORD, {**base, "whole": True, "names": names, "files": files})


def _take_away(target: Path, old: Path, owned: Sequence[str], last: str) -> None:
    shutil.rmtree(old, ignore_errors=True)
    make_folder(old)
    for name in sorted(owned, key=lambda name: (name != last, name == CARD, name)):
        if Path(name).name == name and (target / name).exists():
            (target / name).rename(old / name)
    sync_folder(target)


def _refuse_taken(target: Path, names: Sequence[str], owned: Sequence[str]) -> None:
    for name in names:
        if name not in owned and (target / name).exists():
            raise ManifestError(
                f"{printable(str(target / name))} is in the way: move it, moee publish did not write it."
            )


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix()

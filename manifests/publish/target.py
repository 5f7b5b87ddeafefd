"""The folder that is published: ours or refused, written aside inside it, put in place so that no part looks whole."""

import contextlib
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


def record_of(target: Path) -> dict[str, Any] | None:
    """Return what .published.json says; None for a folder that is not there or empty.

    Raises:
        ManifestError: the target is something else, and nothing of it is touched.
    """
    name = printable(str(target))
    try:
        record = read_json(target / RECORD)
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
    with exclusive(scratch):
        new = scratch / "new"
        with plain_errors(target):
            shutil.rmtree(new, ignore_errors=True)
            make_folder(new)
        try:
            yield new
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            with contextlib.suppress(OSError):
                target.rmdir()  # nothing came of it


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
    with plain_errors(target):
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

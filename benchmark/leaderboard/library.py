"""The folder of a site: its own copy of every bundle, pages that replace each other in one step, one writer."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from benchmark.bundle.files import SEAL
from benchmark.errors import BenchmarkError
from benchmark.leaderboard.model import LEADERBOARD_VERSION, Part, Unshown
from manifests.errors import ManifestError
from manifests.files import ASIDE, exclusive, file_hash, plain_errors, replace, sync_folder, write_aside, write_json
from manifests.text import printable

MARK: Final = "site.json"
BUNDLES: Final = "bundles"
MEDIA: Final = "media"


class Kept(Part):
    """The content of site.json, which marks a folder as a site.

    clips: shown of each list. unshown: bundles that were named and not taken. pages: all files that a build wrote.
    """

    leaderboard_version: int = LEADERBOARD_VERSION
    clips: int = 12
    unshown: tuple[Unshown, ...] = ()
    pages: tuple[str, ...] = ()


@contextlib.contextmanager
def opened(site: Path, new: bool) -> Iterator[Kept | None]:
    """Hold a site for this process alone; gives what site.json says, None where the folder is new.

    Args:
        new: whether it may be absent or empty.

    Raises:
        BenchmarkError: it is no site, holds something else, cannot be written, or another process writes it.
    """
    place = printable(str(site))
    try:
        names = {path.name for path in site.iterdir()} - {".lock"} if site.is_dir() else set()
        if MARK not in names and (names or not new):
            advice = "name a new or empty folder" if new else "make one with moee bench leaderboard"
            held = "holds something else" if names else "is empty or absent"
            raise BenchmarkError(f"{place} is no leaderboard, it {held}: {advice}.")
        with exclusive(site), plain_errors(site):
            yield _kept(site) if MARK in names else None
    except (ManifestError, OSError) as error:
        said = str(error) if isinstance(error, ManifestError) else f"{place}: {error.strerror or error}."
        raise BenchmarkError(said) from error


def _kept(site: Path) -> Kept:
    try:
        kept = Kept.model_validate_json((site / MARK).read_bytes())
    except (OSError, ValidationError) as error:
        raise BenchmarkError(f"{printable(str(site / MARK))} is damaged: make the site again elsewhere.") from error
    if kept.leaderboard_version != LEADERBOARD_VERSION:
        raise BenchmarkError(f"{printable(str(site))} was made by another version of moee: make it again elsewhere.")
    return kept


def mark(site: Path, kept: Kept) -> None:
    """Write site.json."""
    write_json(site / MARK, kept.model_dump(mode="json"))


def seal_of(bundle: Path) -> str:
    """sha256 of a bundle's seal, hex: two bundles of one seal are the same."""
    return file_hash(bundle / SEAL).sha256


def take(site: Path, bundle: Path) -> Path:
    """Copy a bundle into the site, whole or not at all; one that is there already is not copied again.

    Returns:
        Its folder in the site.
    """
    folder = site / BUNDLES / seal_of(bundle)[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(exist_ok=True)
    aside = folder.parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        shutil.copytree(bundle, aside, copy_function=shutil.copyfile)
        aside.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def held(site: Path) -> list[Path]:
    """The bundles of the site, sorted by seal."""
    folder = site / BUNDLES
    return sorted(path for path in folder.iterdir() if path.is_dir() and not ASIDE.match(path.name)) if (
        folder.is_dir()
    ) else []  # fmt: skip


def keep_bundles(site: Path, wanted: Iterable[Path]) -> None:
    """Take away bundles that the site no longer shows, and what a killed process left."""
    names = {path.name for path in wanted}
    for folder in (site / BUNDLES).iterdir() if (site / BUNDLES).is_dir() else ():
        if folder.name not in names:
            shutil.rmtree(folder)


def write_pages(site: Path, pages: Mapping[str, str]) -> None:
    """Write all pages beside the old ones, give them their names, so that a page is old or new and never half.

    Args:
        pages: path inside the site, with at most one folder, -> content.
    """
    asides = []
    try:
        for name, text in pages.items():
            path = site / name
            path.parent.mkdir(exist_ok=True)
            aside, _ = write_aside(path.parent, path.name, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
            asides.append((aside, path))
        for aside, path in asides:
            replace(aside, path)
    except BaseException:
        for aside, _ in asides:
            aside.unlink(missing_ok=True)
        raise


def remove_pages(site: Path, names: Iterable[str]) -> None:
    """Take away pages that are no more, and what a killed process left beside pages; nothing else is touched."""
    names = list(names)
    folders = {site, *((site / name).parent for name in names)}
    for name in names:
        (site / name).unlink(missing_ok=True)
    for folder in folders:
        if folder.is_dir():
            for path in folder.iterdir():
                if ASIDE.match(path.name) and path.is_file():
                    path.unlink()
            if folder != site and not any(folder.iterdir()):
                folder.rmdir()

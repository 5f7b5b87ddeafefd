"""Videos that a site shows: the same few clips of a list for all systems, and only files that were scored."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.leaderboard.entries import Entry
from benchmark.leaderboard.library import MEDIA
from manifests.files import file_hash, sync_folder
from manifests.text import printable


@dataclass(frozen=True)
class Shown:
    """A clip's two videos. truth, made: sha256 of the files that were scored; None where there is none."""

    clip: str
    identity: str
    emotion: str | None
    truth: str | None
    made: str | None


@dataclass(frozen=True)
class Videos:
    """What a site shows of videos. most: clips of a list. there: sha256 of the files that it has."""

    most: int
    there: frozenset[str]

    def of(self, entries: Sequence[Entry], entry: Entry) -> list[Shown]:
        """The clips of a system, of a list of `entries`, of which there is a video."""
        found = [
            replace(
                one,
                truth=one.truth if one.truth in self.there else None,
                made=one.made if one.made in self.there else None,
            )
            for one in shown(entry, chosen(entries, self.most))
        ]
        return [one for one in found if one.truth or one.made]


def gather(site: Path, lists: Iterable[Sequence[Entry]], folders: Sequence[Path], most: int) -> Videos:
    """Copy the videos of the clips that are shown into the site; arguments as `fetch`."""
    wanted: dict[str, tuple[str, int]] = {}
    for entries in lists:
        clips = set(chosen(entries, most))
        for entry in entries:
            for file in entry.bundle.inputs:
                if file.role in ("real", "generated") and file.clip in clips:
                    wanted[file.sha256] = (file.name, file.bytes)
    return Videos(most, frozenset(fetch(site, wanted, folders)))


def address(sha256: str | None) -> str | None:
    """Of a video inside its site."""
    return None if sha256 is None else f"{MEDIA}/{sha256[:32]}.mp4"


def chosen(entries: Sequence[Entry], most: int) -> list[str]:
    """At most so many clips of a list, the same every time, spread over emotions and persons.

    One clip after the other is taken: of the emotion that was taken least often, then of such a person, then by a hash.
    """
    table = entries[0].bundle.clips
    rows = [
        (hashlib.sha256(f"0\0{row['id']}".encode()).hexdigest(), row["id"], row["emotion"] or row["compound"] or "",
         row["identity"])
        for row in table.select(["id", "emotion", "compound", "identity"]).to_pylist()
    ]  # fmt: skip
    emotions: dict[str, int] = {}
    persons: dict[str, int] = {}
    found: list[str] = []
    while rows and len(found) < most:
        best = min(rows, key=lambda row: (emotions.get(row[2], 0), persons.get(row[3], 0), row[0]))
        rows.remove(best)
        found.append(best[1])
        emotions[best[2]] = emotions.get(best[2], 0) + 1
        persons[best[3]] = persons.get(best[3], 0) + 1
    return sorted(found)


def shown(entry: Entry, clips: Iterable[str]) -> list[Shown]:
    """The videos of a system that belong to these clips."""
    files = {(file.role, file.clip): file.sha256 for file in entry.bundle.inputs}
    rows = {row["id"]: row for row in entry.bundle.clips.select(["id", "identity", "emotion", "compound"]).to_pylist()}
    return [
        Shown(
            clip, rows[clip]["identity"], rows[clip]["emotion"] or rows[clip]["compound"],
            files.get(("real", clip)), files.get(("generated", clip)),
        )
        for clip in clips
    ]  # fmt: skip


def fetch(site: Path, wanted: Mapping[str, tuple[str, int]], folders: Sequence[Path]) -> set[str]:
    """Copy videos into the site; a file is taken for its hash, never for its name.

    Args:
        wanted: sha256 -> name and bytes of the file that was scored.
        folders: searched with all that lies in them; files of the right size are hashed, of the right name first.

    Returns:
        sha256 of those that the site now has.

    Raises:
        BenchmarkError: a folder cannot be read.
    """
    there = {sha256 for sha256 in wanted if target(site, sha256).is_file()}
    missing = dict(wanted)
    for sha256 in there:
        del missing[sha256]
    for path in _candidates(folders, missing):
        if not missing:
            break
        sha256 = file_hash(path).sha256
        if sha256 in missing and _copy(path, target(site, sha256), sha256):
            del missing[sha256]
            there.add(sha256)
    return there


def target(site: Path, sha256: str) -> Path:
    """Where a site keeps a video."""
    return site / MEDIA / f"{sha256[:32]}.mp4"


def _candidates(folders: Sequence[Path], wanted: Mapping[str, tuple[str, int]]) -> list[Path]:
    sizes = {size for _, size in wanted.values()}
    pairs = set(wanted.values())
    found: list[tuple[bool, int, Path]] = []
    for folder in folders:
        if not folder.is_dir():
            raise BenchmarkError(f"There is no folder {printable(str(folder))}: --videos names where videos lie.")
        for parent, _, names in os.walk(folder):
            for name in sorted(names):
                path = Path(parent) / name
                try:
                    size = path.stat().st_size
                except OSError:
                    continue
                if size in sizes and path.is_file():
                    found.append(((name, size) not in pairs, len(found), path))
    return [path for _, _, path in sorted(found)]


def _copy(source: Path, path: Path, sha256: str) -> bool:
    """Copy a file whole; False where it changed since it was hashed."""
    path.parent.mkdir(exist_ok=True)
    aside = path.parent / f".tmp-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        shutil.copyfile(source, aside)
        if file_hash(aside).sha256 != sha256:
            return False
        aside.rename(path)
        sync_folder(path.parent)
        return True
    finally:
        aside.unlink(missing_ok=True)


def keep_media(site: Path, wanted: Iterable[str]) -> None:
    """Take away videos that no page shows."""
    names = {target(site, sha256).name for sha256 in wanted}
    for path in (site / MEDIA).iterdir() if (site / MEDIA).is_dir() else ():
        if path.name not in names:
            path.unlink()

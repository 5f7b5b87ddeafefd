"""What a study is made of: folders of videos, the clips that all systems have, labels and references of a test set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.systems import GROUND_TRUTH, System
from benchmark.testset.files import TestSet
from benchmark.testset.files import read as read_testset
from manifests.text import printable


@dataclass(frozen=True)
class Material:
    """What is shown.

    videos: system -> clip -> its file. clips: sorted ids. labels: clip -> the emotion asked for, where there is one.
    pictures: clip -> reference picture, with a test set. testset: or None.
    """

    videos: dict[str, dict[str, Path]]
    clips: tuple[str, ...]
    labels: dict[str, str]
    pictures: dict[str, Path]
    testset: TestSet | None


def gathered(systems: Sequence[str], real: Path | None, count: int | None, seed: int) -> Material:
    """Find the videos of a study.

    Args:
        systems: `NAME=FOLDER`, where a folder holds `<clip>.mp4`; or `ground-truth`, the truth of the test set.
        real: folder of a test set, or None.
        count: how many clips, drawn by the seed and spread over labels; None: all.
        seed: of the draw.

    Raises:
        BenchmarkError: a folder or video is missing, or a name does not fit: one sentence.
    """
    testset = None if real is None else read_testset(real)
    folders = _folders(systems, real)
    found = {name: _videos(folder) for name, folder in folders.items()}
    if testset is not None:
        if real is not None and GROUND_TRUTH in found and folders[GROUND_TRUTH] == real / "real":
            found[GROUND_TRUTH] = {clip.id: real / clip.real for clip in testset.clips}
        everywhere = sorted(clip.id for clip in testset.clips)
    else:
        everywhere = sorted(set.intersection(*({*videos} for videos in found.values())))
    labels = {clip.id: clip.label for clip in testset.clips if clip.label} if testset else {}
    clips = _drawn(everywhere, labels, count, seed)
    if not clips or (count is not None and len(clips) < count):
        raise BenchmarkError(
            f"{len(everywhere)} clips have a video of every system, {count or 'at least 1'} are asked for: name the "
            "videos <clip>.mp4, alike in all folders, or take fewer --clips."
        )
    for name, videos in found.items():
        missing = [clip for clip in clips if clip not in videos]
        if missing:
            raise BenchmarkError(
                f"{printable(name)} has no video of {len(missing)} of {len(clips)} clips, such as "
                f"{printable(missing[0])}.mp4 in {printable(str(folders[name]))}."
            )
    pictures = {} if testset is None or real is None else {clip.id: real / clip.reference for clip in testset.clips}
    return Material({name: {clip: videos[clip] for clip in clips} for name, videos in found.items()}, clips, labels,
                    pictures, testset)  # fmt: skip


def _folders(systems: Sequence[str], real: Path | None) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for given in systems:
        name, sign, place = given.partition("=")
        if name == GROUND_TRUTH and not sign and real is not None:
            folder = real / "real"
        elif sign and place:
            folder = Path(place)
        else:
            also = f", or {GROUND_TRUTH} with --real" if name == GROUND_TRUTH else ""
            raise BenchmarkError(f"--system {printable(given)} names no folder: give NAME=FOLDER{also}.")
        System(name)  # refuses names that tables cannot show
        if name in folders:
            raise BenchmarkError(f"The system {printable(name)} is given twice.")
        if not folder.is_dir():
            raise BenchmarkError(f"There is no folder {printable(str(folder))} with the videos of {printable(name)}.")
        folders[name] = folder
    if not folders:
        raise BenchmarkError("Name the systems: --system NAME=FOLDER, once for each.")
    return folders


def _videos(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.mp4")) if path.is_file()}


def _drawn(clips: Sequence[str], labels: dict[str, str], count: int | None, seed: int) -> tuple[str, ...]:
    """So many clips, one of each label in turn; which ones is by a hash of seed and name."""
    if count is None:
        return tuple(clips)
    by_label: dict[str, list[str]] = {}
    for clip in sorted(clips, key=lambda clip: hashlib.sha256(f"{seed}\0{clip}".encode()).digest()):
        by_label.setdefault(labels.get(clip, ""), []).append(clip)
    order = sorted(by_label.values(), key=lambda found: hashlib.sha256(f"{seed}\0{found[0]}".encode()).digest())
    turns = [clip for turn in zip_longest(*order) for clip in turn if clip is not None]
    return tuple(sorted(turns[:count]))

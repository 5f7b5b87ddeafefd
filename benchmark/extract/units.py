"""What one worker does in one go: videos that are decoded side by side, with the results that are wanted of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmark.extract.contract import VideoFacts

if TYPE_CHECKING:
    from benchmark.bundle import DeviceFacts

MOST_TOGETHER: Final = 32  # files open at a time; only a video with more partners than that is decoded again

Video = tuple[str, int]
"""A video as far as results go: sha256 of its file, and how many of its frames count."""
Both = tuple[Video, Video]
"""The ground truth and the system's video of a pair."""


@dataclass(frozen=True)
class VideoJob:
    """A video to decode.

    video: see `Video`.
    path: its file.
    stale: extractor -> key of the result to make.
    facts: key of its facts where they are not known yet.
    also: extractors that watch it because a stale pair reads them; of their own results nothing is kept.
    """

    video: Video
    path: Path
    stale: Mapping[str, str] = field(default_factory=dict)
    facts: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class PairJob:
    """A pair to watch: extractor -> key of the result to make."""

    both: Both
    stale: Mapping[str, str]


@dataclass(frozen=True)
class Unit:
    """One task: results do not depend on how jobs are put into units."""

    videos: tuple[VideoJob, ...]
    pairs: tuple[PairJob, ...]
    fps: Fraction
    size: tuple[int, int]
    cache: Path


@dataclass
class Done:
    """What became of a unit.

    videos: video -> extractor -> features.
    facts: video -> its facts, for those that could be read.
    pairs: pair -> extractor -> features.
    defects: video or pair -> why it cannot be scored.
    frames, opened, seconds, decodes: see `Extraction`.
    device: the machine that did it.
    """

    videos: dict[Video, dict[str, dict[str, np.ndarray]]] = field(default_factory=dict)
    facts: dict[Video, VideoFacts] = field(default_factory=dict)
    pairs: dict[Both, dict[str, dict[str, np.ndarray]]] = field(default_factory=dict)
    defects: dict[Video | Both, str] = field(default_factory=dict)
    frames: int = 0
    opened: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    decodes: list[str] = field(default_factory=list)
    device: DeviceFacts | None = None


def group(videos: Sequence[VideoJob], pairs: Sequence[PairJob]) -> list[tuple[list[VideoJob], list[PairJob]]]:
    """Put together what must be decoded side by side: the videos of each stale pair, and those that share one.

    Args:
        videos: every video with something stale, or in a stale pair, once.
        pairs: stale ones.

    Returns:
        Groups that share no video, unless one would hold more than `MOST_TOGETHER`: then a video stands in several
        groups, and only the first makes its own results.
    """
    jobs = {job.video: job for job in videos}
    groups: dict[Video, set[Video]] = {video: {video} for video in jobs}
    apart: list[PairJob] = []
    for pair in pairs:
        one, other = (groups[video] for video in pair.both)
        if one is other:
            continue
        if len(one) + len(other) > MOST_TOGETHER:
            apart.append(pair)
            continue
        one |= other
        for video in other:
            groups[video] = one
    return [*_whole(groups, jobs, pairs, apart), *_second(apart, jobs)]


def _whole(
    groups: Mapping[Video, set[Video]], jobs: Mapping[Video, VideoJob], pairs: Sequence[PairJob], apart: list[PairJob]
) -> Iterable[tuple[list[VideoJob], list[PairJob]]]:
    inside: dict[int, list[PairJob]] = {}
    for pair in pairs:
        if pair not in apart:
            inside.setdefault(id(groups[pair.both[0]]), []).append(pair)
    seen: set[int] = set()
    for video in jobs:
        members = groups[video]
        if id(members) not in seen:
            seen.add(id(members))
            yield [jobs[one] for one in jobs if one in members], inside.get(id(members), [])


def _second(apart: Sequence[PairJob], jobs: Mapping[Video, VideoJob]) -> Iterable[tuple[list[VideoJob], list[PairJob]]]:
    """Pairs that found no room: their videos once more, for the pairs only."""
    for pair in apart:
        bare = [VideoJob(video, jobs[video].path, also=jobs[video].also) for video in dict.fromkeys(pair.both)]
        yield bare, [pair]

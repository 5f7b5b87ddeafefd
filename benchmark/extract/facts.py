"""What a video file is: its hash, its size, how evenly its pictures come, and a digest of what they show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmark.errors import BenchmarkError
from benchmark.extract.contract import VideoFacts
from manifests.text import printable

if TYPE_CHECKING:
    import numpy as np

VERSION: Final = 1
TOLERANCE: Final = Fraction(1, 1000)  # s by which a picture may come earlier or later than its number says
_USUAL: Final = tuple(Fraction(rate) for rate in (25, 30, 24, 50, 60, 15, 20, 10, 12))
_NTSC: Final = tuple(Fraction(rate * 1000, 1001) for rate in (30, 24, 60))


def file_sha256(path: Path) -> str:
    """The sha256 of a file, hex; read once per process unless the file changes.

    Raises:
        BenchmarkError: it cannot be read.
    """
    from perception.weights import file_sha256

    try:
        return file_sha256(path)
    except OSError as error:
        raise BenchmarkError(f"{printable(str(path))} cannot be read: {error.strerror or error}.") from error


def inspect(path: Path) -> VideoFacts:
    """What a file's container declares, with its hash; only its first picture is decoded.

    Raises:
        MediaError: it is no video.
        BenchmarkError: it cannot be read.
    """
    from media.errors import MediaError
    from media.probe import probe

    sha256 = file_sha256(path)
    facts = probe(path)
    video = facts.video
    if video is None:
        raise MediaError("The file has no video: give one with moving pictures.")
    return VideoFacts(
        sha256=sha256,
        bytes=facts.bytes,
        frames=video.frames,
        width=video.width,
        height=video.height,
        fps=video.frame_rate,
        first_seconds=None if video.start_pts is None else video.start_pts * video.time_base,
        sound_seconds=sound_seconds(path) or Fraction(0),
        has_sound=facts.audio is not None,
    )


def sound_seconds(path: Path) -> Fraction | None:
    """How long a file's sound is, as its stream or else its container declares; None without sound.

    Raises:
        MediaError: the file is not media.
    """
    from media.container import main_audio, open_media
    from media.probe import stream_time_base

    with open_media(path) as container:
        stream = main_audio(container)
        if stream is None:
            return None
        if stream.duration:
            return stream.duration * stream_time_base(stream)
        return Fraction(container.duration or 0, 1_000_000)


class Digest:
    """sha256 over pictures, each with its size."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, rgb: np.ndarray) -> None:
        """Take the next picture, [H, W, 3] uint8."""
        self._hash.update(f"{rgb.shape[1]}x{rgb.shape[0]}\n".encode())
        self._hash.update(rgb.data)

    def hex(self) -> str:
        """Of all so far."""
        return self._hash.hexdigest()


def even_rate(pts: Sequence[int], time_base: Fraction, declared: Fraction | None) -> Fraction | None:
    """The rate at which pictures come.

    Args:
        pts: time stamps of all pictures, rising.
        time_base: seconds per unit.
        declared: the container's average, believed where the time stamps allow it and it is a usual one.

    Returns:
        Frames per second such that picture k lies within 1 ms of k / fps after the first; of those that do, a usual
        one, else the declared one, else the simplest. None where there is none, or fewer than two pictures.
    """
    if len(pts) < 2:
        return None
    times = [(value - pts[0]) * time_base for value in pts[1:]]
    shortest = max((time - TOLERANCE) / (k + 1) for k, time in enumerate(times))
    longest = min((time + TOLERANCE) / (k + 1) for k, time in enumerate(times))
    if longest < shortest or longest <= 0:
        return None
    low, high = 1 / longest, None if shortest <= 0 else 1 / shortest

    def fits(rate: Fraction) -> bool:
        return low <= rate and (high is None or rate <= high)

    usual = [*((declared,) if declared in (*_USUAL, *_NTSC) else ()), *_USUAL, *_NTSC]
    for rate in (*usual, declared):
        if rate is not None and fits(rate):
            return rate
    return _simplest(low, high if high is not None else low + 1)


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of the smallest denominator in [low, high], 0 < low <= high: down the continued fractions."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    floor = low.numerator // low.denominator
    return floor + 1 / _simplest(1 / (high - floor), 1 / (low - floor))


def to_json(facts: VideoFacts) -> dict[str, Any]:
    """Facts as plain JSON values; `from_json` is its inverse."""
    return {
        **vars(facts),
        "fps": None if facts.fps is None else str(facts.fps),
        "first_seconds": None if facts.first_seconds is None else str(facts.first_seconds),
        "sound_seconds": str(facts.sound_seconds),
        "flags": list(facts.flags),
    }


def from_json(content: dict[str, Any]) -> VideoFacts:
    """Facts out of what `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
    content = dict(content)
    for name in ("fps", "first_seconds", "sound_seconds"):
        content[name] = None if content[name] is None else Fraction(content[name])
    return VideoFacts(**{**content, "flags": tuple(content["flags"])})

"""What both sides are given: frames, clips, pairs, sounds and crops of real videos, or of the embedded sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from benchmark.errors import BenchmarkError

SUFFIXES: Final = frozenset({".avi", ".mkv", ".mov", ".mp4", ".mpg", ".webm"})
SIZES: Final = {"small": 256, "large": 400}
"""Sides of the frames: one is enlarged to Inception's 299 px, one made smaller."""
LENGTH: Final = 24  # frames that are read for a clip
WINDOW: Final = 16  # of I3D
WIDE, HIGH = 320, 240  # of clips: not square, so that squashing and cutting differ
CROP: Final = 224
RATE: Final = 16_000
SOUND: Final = RATE  # samples that go with a clip's crops: 40 ms for each of 24 frames, and what the last windows need
MOST_SOUND_S: Final = 10
SAMPLE_VIDEOS: Final = 4
MOST_NUMBERS: Final = 64


@dataclass(frozen=True)
class Inputs:
    """What was made.

    Attributes:
        real: whether the videos are the user's; else they were rendered.
        videos, clips, frames, pairs, sounds: how many.
    """

    real: bool
    videos: int
    clips: int
    frames: int
    pairs: int
    sounds: int

    def as_dict(self) -> dict[str, int | bool]:
        """For JSON."""
        return asdict(self)


def write_inputs(folder: Path, real: Path | None, frames: int, clips: int) -> Inputs:
    """Write what both sides read.

    `frames.npz`: small [n, 256, 256, 3] and large [m, 400, 400, 3] uint8 RGB, first [n + m] bool, whose set a frame is
    of. `clips.npz`: clips [k, 16, 240, 320, 3] uint8 RGB, first [k]. `pairs.npz`: one, other [p, 256, 256, 3]: frames
    of two videos, and neighbours of one. `sounds.npz`: every sound int16 at 16 kHz, at most 10 s. `crops.npz`: crops
    [k, 24, 224, 224, 3] uint8 RGB and sounds [k, 16000] int16; a video without sound lends another's. `given.npy`:
    [n + m, d] float64, correlated numbers from a seed, as features of any kind; d is 64, or a third of the frames.

    Args:
        folder: where they go; it is there.
        real: a folder of videos; None renders the sample.
        frames: in all, even, at least 2 for each clip.
        clips: even, at least 4.

    Raises:
        BenchmarkError: numbers that do not fit, no videos, too short ones, none with sound.
    """
    if clips < 4 or clips % 2 or frames % (2 * clips):
        raise BenchmarkError(
            "Parity takes an even number of clips, at least 4, and 2, 4, 6 ... frames of each of them."
        )
    videos = _videos(folder / "sample" if real is None else real, rendered=real is None)
    read = _read(videos, clips)
    _write_frames(folder, read, frames // clips)
    np.savez(
        folder / "clips.npz",
        clips=np.stack([[_fitted(frame, HIGH, WIDE) for frame in clip[:WINDOW]] for clip in read]),
        first=np.arange(clips) < clips // 2,
    )
    pairs = _write_pairs(folder, read)
    sounds = _write_sounds(folder, videos, read)
    return Inputs(real is not None, len(videos), clips, frames, pairs, sounds)


def _videos(folder: Path, rendered: bool) -> list[Path]:
    if rendered:
        from curation.sample import render_sample

        render_sample(folder, limit=SAMPLE_VIDEOS)
    elif not folder.is_dir():
        raise BenchmarkError(f"{folder} is no folder of videos.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise BenchmarkError(f"{folder} has no videos ({', '.join(sorted(SUFFIXES))}).")
    return found


def _read(videos: list[Path], clips: int) -> list[np.ndarray]:
    """[24, H, W, 3] uint8 RGB of each clip: of videos spread over the list, and later parts where there are too few."""
    chosen = [videos[i * len(videos) // clips] for i in range(clips)] if len(videos) > clips else videos
    found: list[np.ndarray] = []
    before = -1
    for turn in range(clips):
        for video in chosen:
            clip = list(islice(_pictures(video), turn * LENGTH, (turn + 1) * LENGTH))
            if len(clip) == LENGTH:
                found.append(np.stack(clip))
            if len(found) == clips:
                return found
        if len(found) == before:
            break
        before = len(found)
    raise BenchmarkError(
        f"The videos give {len(found)} clips of {LENGTH} frames, {clips} are wanted: give more videos or ask for fewer "
        "with --clips."
    )


def _pictures(video: Path) -> Iterator[np.ndarray]:
    from media.decode import Decoder

    with Decoder(video) as decoder:
        for frame in decoder:
            yield frame.rgb()


def _fitted(frame: np.ndarray, high: int, wide: int) -> np.ndarray:
    """The largest middle part of that shape, brought to that size: [high, wide, 3] uint8."""
    import cv2

    scale = min(frame.shape[0] / high, frame.shape[1] / wide)
    part = max(1, int(high * scale)), max(1, int(wide * scale))
    top, left = (frame.shape[0] - part[0]) // 2, (frame.shape[1] - part[1]) // 2
    inner = frame[top : top + part[0], left : left + part[1]]
    return np.asarray(cv2.resize(inner, (wide, high), interpolation=cv2.INTER_AREA))


def _write_frames(folder: Path, clips: list[np.ndarray], each: int) -> None:
    """Every second frame is small, the others large; the first half of the clips is one set."""
    places = np.linspace(0, LENGTH - 1, each).astype(int)
    found: dict[str, list[np.ndarray]] = {name: [] for name in SIZES}
    first: dict[str, list[bool]] = {name: [] for name in SIZES}
    for number, clip in enumerate(clips):
        for turn, place in enumerate(places):
            name = ("small", "large")[turn % 2]
            found[name].append(_fitted(clip[place], SIZES[name], SIZES[name]))
            first[name].append(number < len(clips) // 2)
    np.savez(
        folder / "frames.npz",
        small=np.stack(found["small"]),
        large=np.stack(found["large"]),
        first=np.array(first["small"] + first["large"]),
    )
    count = len(clips) * each
    wide = min(MOST_NUMBERS, count // 3)  # fewer than a set has rows: of others the reference knows six digits, no more
    rng = np.random.default_rng(0)
    np.save(folder / "given.npy", rng.standard_normal((count, wide)) @ rng.standard_normal((wide, wide)) / wide**0.5)


def _write_pairs(folder: Path, clips: list[np.ndarray]) -> int:
    half, side = len(clips) // 2, SIZES["small"]
    one = [_fitted(clip[0], side, side) for clip in clips]
    near = [_fitted(clip[8], side, side) for clip in clips]
    np.savez(folder / "pairs.npz", one=np.stack(one[:half] + one), other=np.stack(one[half:] + near))
    return half + len(clips)


def _write_sounds(folder: Path, videos: Sequence[Path], clips: list[np.ndarray]) -> int:
    from media.audio import source_sound, waveform
    from perception.mfcc import pcm

    heard = [video for video in videos if source_sound(video) is not None][: len(clips)]
    sounds = [pcm(waveform(video, Fraction(0), Fraction(MOST_SOUND_S), RATE)) for video in heard]
    if not sounds:
        raise BenchmarkError("None of the videos has sound: parity of MFCC and SyncNet needs one that has.")
    np.savez(folder / "sounds.npz", allow_pickle=False, **{f"sound{i:02}": sound for i, sound in enumerate(sounds)})
    np.savez(
        folder / "crops.npz",
        crops=np.stack([[_fitted(frame, CROP, CROP) for frame in clip] for clip in clips]),
        sounds=np.stack([sounds[i % len(sounds)][:SOUND] for i in range(len(clips))]),
    )
    return len(sounds)

"""Small pictures of what a step does: a frame, a slice through time, a wave of sound, or a few clips together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmark.controls import AXES

if TYPE_CHECKING:
    from benchmark.testset import TestClip, TestSet

SIDE: Final = 112  # px
SHOWS: Final = {
    "picture": "The pictures show the last frame of one clip.",
    "order": "The pictures are slices through time: the middle column of every frame of one clip, from first to last.",
    "face": "The pictures are slices through time: the middle column of every frame of one clip, from first to last.",
    "sound": "The pictures show the sound of one clip.",
    "shown": "The pictures show the first frames of up to nine clips.",
}
"""What the small pictures of an axis show, by what it changes."""
_QUALITY: Final = 80
_ACROSS: Final = 3  # clips in a row and in a column


def save_picture(axis: str, videos: Path, testset: TestSet, target: Path) -> None:
    """Write the small picture of one step, JPEG of 112 x 112 px.

    Args:
        axis: of `benchmark.controls.AXES`.
        videos: of the step.
        testset: of its clips.
        target: the file; its folder is made.
    """
    import cv2

    changes = AXES[axis].changes
    clip = shown_of(testset)
    if changes == "shown":
        picture = _beside(videos, testset)
    elif changes == "sound":
        picture = _wave(videos, clip)
    else:
        frames = _frames(videos / f"{clip.id}.mp4", clip.frames)
        picture = through_time(frames) if changes in ("order", "face") else _small(frames[-1], SIDE)
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(coded.tobytes())


def shown_of(testset: TestSet) -> TestClip:
    """The clip that pictures show: the first one with sound, or the first one."""
    return next((clip for clip in testset.clips if clip.sound), testset.clips[0])


def through_time(frames: list[np.ndarray]) -> np.ndarray:
    """The middle column of every frame, side by side from first to last: [112, 112, 3]."""
    import cv2

    columns = np.stack([frame[:, frame.shape[1] // 2] for frame in frames], axis=1)
    return np.asarray(cv2.resize(columns, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST))


def _frames(path: Path, most: int) -> list[np.ndarray]:
    from media.decode import Decoder

    found = []
    with Decoder(path) as frames:
        for frame in frames:
            found.append(frame.rgb())
            if len(found) == most:
                break
    return found


def _small(frame: np.ndarray, side: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA))


def _beside(videos: Path, testset: TestSet) -> np.ndarray:
    """The first frames of up to nine clips."""
    cell = SIDE // _ACROSS
    sheet = np.full((SIDE, SIDE, 3), 128, np.uint8)
    for place, clip in enumerate(testset.clips[: _ACROSS**2]):
        y, x = (cell * number for number in divmod(place, _ACROSS))
        sheet[y : y + cell, x : x + cell] = _small(_frames(videos / f"{clip.id}.mp4", 1)[0], cell)
    return sheet


def _wave(videos: Path, clip: TestClip) -> np.ndarray:
    """The greatest amplitude in each of 112 parts of the sound, around the middle."""
    from media.audio import samples

    sheet = np.full((SIDE, SIDE, 3), 255, np.uint8)
    last = 16_000 * clip.frames // 25
    blocks = [block for _, block in samples(videos / f"{clip.id}.mp4", 16_000, 1, 0, last)]
    sound = np.abs(np.concatenate(blocks, axis=1)[0]) if blocks else np.zeros(SIDE)
    for x, part in enumerate(np.array_split(sound, SIDE)):
        half = max(1, round(min(1.0, 2 * float(part.max())) * SIDE / 2))
        sheet[SIDE // 2 - half : SIDE // 2 + half, x] = (11, 110, 120)
    return sheet

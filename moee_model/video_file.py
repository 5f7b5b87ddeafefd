"""Writes generated frames into a video file one by one, with the sound that drove them: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.text import printable
from moee_model.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame

    from media.encode import AudioShape, VideoShape

UNFINISHED: Final = ".moee-*.mp4"  # what a killed process may leave beside its target
_BT709: Final = 1
_FULL, _LIMITED = 2, 1  # AVColorRange
_CRF: Final = 18


@dataclass(frozen=True)
class Written:
    """What a video file holds. frames: pictures. sha256, bytes: of the file."""

    frames: int
    sha256: str
    bytes: int


def write_video(
    target: Path, frames: Iterable[np.ndarray], count: int, fps: int | Fraction, side: int, sound: Path | None = None
) -> Written:
    """Encode frames as they come (H.264, AAC); memory does not depend on their number.

    Args:
        target: written aside, flushed to disk and renamed. Its folder exists.
        frames: uint8 RGB [H, W, 3] each, H = W; another size than `side` is scaled.
        count: of the frames; the sound is cut or filled with silence to their length.
        fps: frames per second. side: of the square picture, even, px.
        sound: a file whose sound is laid under the pictures, both from the zero of its clock; None: no sound.

    Returns:
        What was written; the bytes depend on the arguments only.

    Raises:
        ModelError: there are more or fewer frames than `count`, or the file cannot be written.
        media.errors.MediaError: the sound cannot be read.
    """
    from av import FFmpegError

    from manifests.files import file_hash, replace

    target = Path(target)
    shown = printable(str(target))
    if not target.parent.is_dir():
        raise ModelError(f"The video {shown} cannot be written: its folder does not exist.")
    aside = target.with_name(f"{UNFINISHED.split('*')[0]}{os.getpid()}-{os.urandom(4).hex()}.mp4")
    try:
        written = _encoded(aside, frames, count, Fraction(fps), side, sound)
        if written != count:
            raise ModelError(f"{shown} was not written: {written} frames were made where {count} were asked for.")
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        replace(aside, target)
    except (FFmpegError, OSError) as error:
        raise ModelError(f"The video {shown} cannot be written: check the space and rights of its folder.") from error
    finally:
        aside.unlink(missing_ok=True)
    whole = file_hash(target)
    return Written(written, whole.sha256, whole.bytes)


def _encoded(
    aside: Path, frames: Iterable[np.ndarray], count: int, fps: Fraction, side: int, sound: Path | None
) -> int:
    from media.audio import samples
    from media.encode import ClipWriter

    heard = _sound_shape(sound)
    writer = ClipWriter(aside, _shape(count, fps, side), heard)
    try:
        if sound is not None and heard is not None:
            last = round(count / fps * heard.rate)
            writer.add_sound(samples(sound, heard.rate, heard.channels, 0, last))
        for k, picture in enumerate(_pictures(frames, side)):
            writer.add_picture(picture, k * fps.denominator, fps.denominator)
        writer.finish()
    finally:
        writer.close()
    return writer.frames


def _shape(count: int, fps: Fraction, side: int) -> VideoShape:
    from media.encode import VideoShape
    from media.pixels import Colour

    return VideoShape(
        width=side, height=side, time_base=Fraction(1, fps.numerator), frame_rate=fps,
        colour=Colour(_BT709, _BT709, _BT709), aspect=Fraction(1), seconds=count / fps, crf=_CRF, preset="veryfast",
    )  # fmt: skip


def _sound_shape(sound: Path | None) -> AudioShape | None:
    from media.audio import source_sound
    from media.encode import AAC_RATES, AudioShape

    declared = None if sound is None else source_sound(sound)
    if declared is None:
        return None
    rate, channels = declared
    return AudioShape(rate if rate in AAC_RATES else AAC_RATES[0], 1 if channels == 1 else 2)


def _pictures(frames: Iterable[np.ndarray], side: int) -> Iterator[VideoFrame]:
    """Frames as the encoder takes them: yuv420p in limited range, BT.709."""
    import numpy as np
    from av.video.frame import VideoFrame
    from av.video.reformatter import Interpolation, VideoReformatter

    reformatter: Any = VideoReformatter()
    exact = int(Interpolation.LANCZOS | Interpolation.ACCURATE_RND | Interpolation.BITEXACT)
    for frame in frames:
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        yield reformatter.reformat(
            picture, width=side, height=side, format="yuv420p", dst_colorspace=_BT709, src_color_range=_FULL,
            dst_color_range=_LIMITED, interpolation=exact, threads=1,
        )  # fmt: skip

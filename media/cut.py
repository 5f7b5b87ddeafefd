"""Cuts a span of a source into a clip: exactly its pictures, exactly its sound, the same bytes every time."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from media.audio import samples, source_sound
from media.decode import Decoder, Frame
from media.encode import AAC_RATES, AudioShape, ClipWriter, VideoShape
from media.errors import MediaError
from media.pixels import Crop, Preparer, colour_of
from media.sound import nearest

__all__ = ["UNFINISHED", "Crop", "CutOptions", "CutReport", "cut", "frames_of"]

UNFINISHED = ".cut-*.mp4"  # what a killed process may leave beside its target


@dataclass(frozen=True)
class CutOptions:
    """How a clip is written.

    Attributes:
        fps: constant frame rate, or None for the source's own times; picture k is then the source's nearest to k / fps.
        crop: rectangle of the displayed picture, or None.
        size: (width, height) in pixels, both even, or None for the crop's own.
        crf: x264 quality, lower is better.
        preset: x264 speed.
        audio: whether the clip has sound (where the source has).
    """

    fps: Fraction | None = None
    crop: Crop | None = None
    size: tuple[int, int] | None = None
    crf: int = 18
    preset: str = "veryfast"
    audio: bool = True


@dataclass(frozen=True)
class CutReport:
    """What was written.

    Attributes:
        frames, width, height: of the pictures.
        audio_samples, audio_rate: of the sound; 0 without.
        audio_priming: samples that a reader which ignores edit lists hears first.
        frames_decoded: pictures that were decoded for it, also those before the span.
        bytes, sha256: of the file.
    """

    frames: int
    width: int
    height: int
    audio_samples: int
    audio_rate: int
    audio_priming: int
    frames_decoded: int
    bytes: int
    sha256: str


class _UnsureError(Exception):
    """Decoding from inside the file gave time stamps that had to be repaired: decode from its start instead."""


def cut(
    source: Path,
    target: Path,
    start_pts: int,
    end_pts: int,
    options: CutOptions | None = None,
    sound: Path | None = None,
) -> CutReport:
    """Write the span [start_pts, end_pts) of a source as an MP4 clip (H.264, AAC).

    The clip has exactly the source's pictures with start_pts <= pts < end_pts, each at (pts - start_pts), and the sound
    from start_pts on, sample by sample, as long as the span; silence where the source has none. No packet lies outside
    the span, except the encoder's priming, which the edit list hides.

    Args:
        source: a regular file.
        target: written aside, flushed to disk and renamed: whole or not at all.
        start_pts, end_pts: in the time base of the source's video stream.
        options: how to write it.
        sound: the file that holds the sound when that is another one; both begin at the zero of their clocks.

    Returns:
        What was written; the bytes depend on the arguments only.

    Raises:
        MediaError: the source cannot be read, the span has no picture, or the clip cannot be written.
    """
    options = options or CutOptions()
    if end_pts <= start_pts:
        raise MediaError("The span is empty: its end must come after its start.")
    target = Path(target)
    try:
        handle, name = tempfile.mkstemp(prefix=UNFINISHED.split("*")[0], suffix=".mp4", dir=target.parent)
    except OSError as error:
        raise MediaError("The clip cannot be written: check that its folder exists and may be written.") from error
    os.close(handle)
    aside = Path(name)
    try:
        report = _written(source, sound or source, aside, start_pts, end_pts, options)
        _publish(aside, target)
        return report
    finally:
        aside.unlink(missing_ok=True)


def frames_of(decoder: Decoder, start_pts: int, end_pts: int) -> Iterator[Frame]:
    """The frames of a span, as `cut` selects them: every one with start_pts <= pts < end_pts, in order."""
    for frame in decoder:
        if frame.pts >= end_pts:
            return
        if frame.pts >= start_pts:
            yield frame


def nearest_frames(frames: Iterator[Frame], start_pts: int, end_pts: int, fps: Fraction) -> Iterator[Frame]:
    """For each k of round(duration * fps), the frame nearest to start + k / fps (of two as near, the earlier)."""
    here = next(frames, None)
    if here is None:
        return
    base = here.time_base
    count = max(1, nearest((end_pts - start_pts) * base * fps))
    following = next(frames, None)
    for k in range(count):
        wanted = start_pts + Fraction(k) / (fps * base)
        while following is not None and abs(following.pts - wanted) < abs(here.pts - wanted):
            here, following = following, next(frames, None)
        yield here


def _written(source: Path, heard: Path, aside: Path, start_pts: int, end_pts: int, options: CutOptions) -> CutReport:
    """Write the clip into `aside`; if a seek turns out unsure, once more from the start of the file."""
    from av import FFmpegError

    decoded = 0
    for seek in (True, False):
        with Decoder(source, start_pts=start_pts if seek else None) as decoder:
            try:
                return _encoded(heard, decoder, aside, start_pts, end_pts, options, decoded)
            except _UnsureError:
                decoded += decoder.decoded
            except (FFmpegError, OSError) as error:
                raise MediaError(
                    "The clip could not be encoded: check the options and the space of its folder."
                ) from error
    raise MediaError("The time stamps of the source cannot be trusted: convert it first.")


def _encoded(
    sounding: Path, decoder: Decoder, aside: Path, start_pts: int, end_pts: int, options: CutOptions, decoded: int
) -> CutReport:
    frames = _sure(decoder, frames_of(decoder, start_pts, end_pts))
    first = next(frames, None)
    if first is None:
        raise MediaError("The span holds no picture of the source: check its start and end.")
    base = decoder.time_base
    seconds = (end_pts - start_pts) * base
    sound = _audio_shape(sounding) if options.audio else None
    preparer = Preparer(options.crop, options.size)
    picture = preparer.prepare(first)
    shape = _video_shape(decoder, first, picture.width, picture.height, seconds, options)
    writer = ClipWriter(aside, shape, sound)
    heard = 0
    try:
        if sound is not None:
            begin = nearest(start_pts * base * sound.rate)
            count = nearest(seconds * sound.rate)
            heard = writer.add_sound(samples(sounding, sound.rate, sound.channels, begin, begin + count))
        _add_pictures(writer, preparer, _again(first, frames), start_pts, end_pts, base, options)
        writer.finish()
    finally:
        writer.close()
    return CutReport(
        frames=writer.frames,
        width=shape.width,
        height=shape.height,
        audio_samples=heard,
        audio_rate=0 if sound is None else sound.rate,
        audio_priming=writer.priming,
        frames_decoded=decoded + decoder.decoded,
        bytes=aside.stat().st_size,
        sha256=_sha256(aside),
    )


def _sure(decoder: Decoder, frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        if decoder.sought and decoder.report.repaired_pts:
            raise _UnsureError
        yield frame


def _again(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _add_pictures(
    writer: ClipWriter,
    preparer: Preparer,
    frames: Iterator[Frame],
    start_pts: int,
    end_pts: int,
    base: Fraction,
    options: CutOptions,
) -> None:
    """Every picture at its own time, cut at the span's end; or at a constant rate."""
    if options.fps is None:
        for frame in frames:
            until = min(frame.pts + frame.duration, end_pts)
            at = (frame.pts - start_pts) * base.numerator
            writer.add_picture(preparer.prepare(frame), at, (until - frame.pts) * base.numerator)
        return
    step = options.fps.denominator
    for k, frame in enumerate(nearest_frames(frames, start_pts, end_pts, options.fps)):
        writer.add_picture(preparer.prepare(frame), k * step, step)


def _video_shape(
    decoder: Decoder, first: Frame, width: int, height: int, seconds: Fraction, options: CutOptions
) -> VideoShape:
    base = decoder.time_base
    rate = decoder.reader.stream.average_rate
    aspect = decoder.reader.stream.sample_aspect_ratio or Fraction(1)
    if options.size is not None or aspect <= 0:
        aspect = Fraction(1)
    return VideoShape(
        width=width,
        height=height,
        time_base=Fraction(1, options.fps.numerator if options.fps else base.denominator),
        frame_rate=options.fps or (Fraction(rate) if rate else Fraction(25)),
        colour=colour_of(first.picture),
        aspect=1 / aspect if first.turn in (90, 270) else aspect,
        seconds=seconds,
        crf=options.crf,
        preset=options.preset,
    )


def _audio_shape(source: Path) -> AudioShape | None:
    sound = source_sound(source)
    if sound is None:
        return None
    rate, channels = sound
    return AudioShape(rate if rate in AAC_RATES else AAC_RATES[0], 1 if channels == 1 else 2)


def _publish(aside: Path, target: Path) -> None:
    """Flush the finished file to disk and give it its name."""
    try:
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.chmod(0o666 & ~_umask())
        aside.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise MediaError("The clip cannot be written: check the space and rights of its folder.") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

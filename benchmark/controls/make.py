"""Writes a control's videos: the pictures of a ground truth, changed in one way, under a clip's own sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmark.controls.kinds import CONTROLS, Control, shown_clip
from benchmark.errors import BenchmarkError
from manifests.text import nearest

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from benchmark.protocol import Protocol
    from benchmark.testset import TestClip, TestSet

_CRF: Final = 18  # as curation exports clips: a visible but small loss, so that the ground truth is no copy of itself


@dataclass(frozen=True)
class _Task:
    pictures: Path
    sound: Path | None
    target: Path
    frames: int
    fps: Fraction
    control: Control


def make_control(kind: str, testset: TestSet, folder: Path, protocol: Protocol, out: Path, workers: int = 1) -> Path:
    """Write the videos of a control system, one per clip of the list.

    Args:
        kind: one of `CONTROLS`.
        folder: of the test set.
        out: made if missing; a video that is there is made again.
        workers: processes.

    Returns:
        The folder of the videos, `out`.

    Raises:
        BenchmarkError: there is no such control, or a video cannot be written.
    """
    from curation.engines.local import LocalEngine
    from manifests.files import make_folder, plain_errors

    if kind not in CONTROLS:
        raise BenchmarkError(f"There is no control {kind!r}: {nearest(kind, CONTROLS)}")
    with plain_errors(out):
        make_folder(out)
    tasks = [_task(kind, clip, testset, folder, protocol, out) for clip in testset.clips]
    for done in LocalEngine(workers).run(_write, tasks):
        if done.died is not None or done.error is not None:
            name = tasks[done.index].target.name
            raise BenchmarkError(f"The control video {name} cannot be written: {done.error or done.died}")
    return out


def _task(kind: str, clip: TestClip, testset: TestSet, folder: Path, protocol: Protocol, out: Path) -> _Task:
    shown = shown_clip(kind, clip, testset.clips)
    return _Task(
        pictures=folder / shown.real,
        sound=folder / clip.real if clip.sound else None,
        target=out / f"{clip.id}.mp4",
        frames=clip.frames,
        fps=protocol.clip.fps,
        control=CONTROLS[kind],
    )


def _write(task: _Task) -> None:
    from manifests.files import replace
    from media.audio import samples
    from media.encode import ClipWriter
    from media.pixels import picture_of, planes_of

    pictures, colour = _pictures(task)
    aside = task.target.with_name(f".tmp-{task.target.name}")
    shape, sound = _shapes(task, pictures[0], colour)
    writer = ClipWriter(aside, shape, sound)
    try:
        if task.sound is not None and sound is not None:
            first = -round(task.control.sound_late * sound.rate)
            last = first + round(task.frames / task.fps * sound.rate)
            writer.add_sound(samples(task.sound, sound.rate, sound.channels, first, last))
        step = task.fps.denominator
        for k in range(task.frames):  # a copy each: the encoder may still hold a picture that was given before
            writer.add_picture(picture_of(planes_of(pictures[_bounce(k, len(pictures))])), k * step, step)
        writer.finish()
    finally:
        writer.close()
    replace(aside, task.target)


def _pictures(task: _Task) -> tuple[list[VideoFrame], Any]:
    """The changed pictures, and the colour tags of the file that they are from."""
    from media.decode import Decoder
    from media.pixels import Preparer, colour_of

    pictures, colour = [], None
    preparer = Preparer(None, None)
    with Decoder(task.pictures) as frames:
        for frame in frames:
            colour = colour or colour_of(frame.picture)
            pictures.append(_blurred(preparer.prepare(frame), task.control.blur))
            if task.control.frozen or len(pictures) == task.frames:
                break
    return pictures, colour


def _blurred(picture: VideoFrame, share: float) -> VideoFrame:
    if not share:
        return picture
    import cv2

    from media.pixels import picture_of, planes_of

    planes = [
        cv2.GaussianBlur(plane, (0, 0), max(share * picture.width * scale, 0.1), borderType=cv2.BORDER_REPLICATE)
        for plane, scale in zip(planes_of(picture), (1.0, 0.5, 0.5), strict=True)
    ]
    return picture_of(planes)


def _bounce(k: int, count: int) -> int:
    """Forwards and backwards through a video that is too short."""
    if count == 1:
        return 0
    place = k % (2 * count - 2)
    return place if place < count else 2 * count - 2 - place


def _shapes(task: _Task, picture: VideoFrame, colour: Any) -> tuple[Any, Any]:
    from media.audio import source_sound
    from media.encode import AAC_RATES, AudioShape, VideoShape

    shape = VideoShape(
        width=picture.width, height=picture.height, time_base=Fraction(1, task.fps.numerator), frame_rate=task.fps,
        colour=colour, aspect=Fraction(1), seconds=task.frames / task.fps, crf=_CRF, preset="veryfast",
    )  # fmt: skip
    declared = None if task.sound is None else source_sound(task.sound)
    if declared is None:
        return shape, None
    rate, channels = declared
    return shape, AudioShape(rate if rate in AAC_RATES else AAC_RATES[0], 1 if channels == 1 else 2)

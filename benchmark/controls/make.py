"""Writes a control's videos: the ground truth's pictures and sound, changed in one way, through one encoder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmark.controls.axes import AXES
from benchmark.controls.kinds import CONTROLS, shown_at
from benchmark.errors import BenchmarkError
from manifests.text import nearest, printable

if TYPE_CHECKING:
    import numpy as np

    from benchmark.cluster import Cluster
    from benchmark.controls.planes import Planes
    from benchmark.protocol import Protocol
    from benchmark.testset import TestClip, TestSet
    from curation.engines.item import Finished

_CRF: Final = 18  # as curation exports clips: a visible but small loss, so that the ground truth is no copy of itself
_POINTS_IN: Final = 256  # px: landmarks are told as if every picture were so wide and high


@dataclass(frozen=True)
class _Task:
    pictures: Path
    sound: Path | None
    target: Path
    frames: int
    fps: Fraction
    axis: str | None
    strength: float
    points: np.ndarray | None

    @property
    def seed(self) -> tuple[int, ...]:
        """Of all chance in this clip's video: the same for every step of an axis."""
        digest = hashlib.sha256(f"{self.axis}\0{self.target.stem}".encode()).digest()
        return tuple(digest[:16])


def make_control(
    kind: str,
    testset: TestSet,
    folder: Path,
    protocol: Protocol,
    out: Path,
    workers: int = 1,
    cluster: Cluster | None = None,
) -> Path:
    """Write the videos of a control system, one per clip of the list.

    Args:
        kind: one of `CONTROLS`.
        folder: of the test set.
        out: made if missing; a video that is there is made again.
        workers: processes.
        cluster: whose nodes make them instead.

    Returns:
        The folder of the videos, `out`.

    Raises:
        BenchmarkError: there is no such control, or a video cannot be written.
    """
    if kind not in CONTROLS:
        raise BenchmarkError(f"There is no control {printable(kind)}: {nearest(kind, CONTROLS)}")
    control = CONTROLS[kind]
    return _made(control.axis, control.strength, {}, testset, folder, protocol, out, workers, cluster)


def make_step(
    axis: str,
    strength: float,
    testset: TestSet,
    folder: Path,
    protocol: Protocol,
    out: Path,
    points: Mapping[str, np.ndarray] | None = None,
    workers: int = 1,
    cluster: Cluster | None = None,
) -> Path:
    """Write the videos of one step of an axis; the same call gives the same bytes.

    Args:
        axis: one of `AXES`.
        strength: in the axis' unit.
        points: clip -> landmarks of its ground truth [n, 68, 2], px of a 256 px frame, NaN without a face; asked for
            by axes that change the face.
        testset, folder, protocol, out, workers, cluster: as `make_control`.

    Raises:
        BenchmarkError: there is no such axis, landmarks are missing, or a video cannot be written.
    """
    if axis not in AXES:
        raise BenchmarkError(f"There is no axis {printable(axis)}: {nearest(axis, AXES)}")
    if AXES[axis].changes == "face":
        lacking = next((clip.id for clip in testset.clips if clip.id not in (points or {})), None)
        if lacking is not None:
            raise BenchmarkError(f"{axis} needs the landmarks of {printable(lacking)}: find its features first.")
    return _made(axis, strength, points or {}, testset, folder, protocol, out, workers, cluster)


def _made(
    axis: str | None,
    strength: float,
    points: Mapping[str, np.ndarray],
    testset: TestSet,
    folder: Path,
    protocol: Protocol,
    out: Path,
    workers: int,
    cluster: Cluster | None,
) -> Path:
    from manifests.files import make_folder, plain_errors

    with plain_errors(out):
        make_folder(out)
        for aside in out.glob(".tmp-*.mp4"):  # of a run that was killed
            aside.unlink(missing_ok=True)
    folder, target = folder.absolute(), out.absolute()
    tasks = [_task(axis, strength, points, clip, testset, folder, protocol, target) for clip in testset.clips]
    for done in _ends(tasks, workers, cluster, target):
        if done.died is not None or done.error is not None:
            name = tasks[done.index].target.name
            raise BenchmarkError(f"The control video {name} cannot be written: {done.error or done.died}")
    return out


def _ends(tasks: list[_Task], workers: int, cluster: Cluster | None, out: Path) -> Iterator[Finished]:
    from curation.engines.local import LocalEngine

    if cluster is None:
        return LocalEngine(workers).run(_write, tasks)
    from benchmark.cluster import PICTURES

    read = sorted({path.parent for task in tasks for path in (task.pictures, task.sound) if path is not None})
    return cluster.run(_write, tasks, PICTURES, shared=[out], read=read)


def _task(
    axis: str | None,
    strength: float,
    points: Mapping[str, np.ndarray],
    clip: TestClip,
    testset: TestSet,
    folder: Path,
    protocol: Protocol,
    out: Path,
) -> _Task:
    return _Task(
        pictures=folder / shown_at(axis, strength, clip, testset.clips).real,
        sound=folder / clip.real if clip.sound else None,
        target=out / f"{clip.id}.mp4",
        frames=clip.frames,
        fps=protocol.clip.fps,
        axis=axis,
        strength=strength,
        points=points.get(clip.id),
    )


def _write(task: _Task) -> None:
    from manifests.files import replace
    from media.encode import ClipWriter
    from media.pixels import picture_of

    pictures, colour = _pictures(task)
    shown = _changed(task, pictures)
    aside = task.target.with_name(f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{task.target.name}")
    height, width = shown[0][0].shape
    shape, sound = _shapes(task, (width, height), colour)
    writer = ClipWriter(aside, shape, sound)
    try:
        if sound is not None:
            writer.add_sound(_sound(task, sound.rate, sound.channels))
        step = task.fps.denominator
        for k, planes in enumerate(shown):  # a copy each: the encoder may hold a picture that was given before
            writer.add_picture(picture_of(list(planes)), k * step, step)
        writer.finish()
    finally:
        writer.close()
    replace(aside, task.target)


def _pictures(task: _Task) -> tuple[list[Planes], Any]:
    """As many pictures as the clip has frames, and the colour tags of the file that they are from."""
    from media.decode import Decoder
    from media.pixels import Preparer, colour_of, planes_of

    pictures: list[Planes] = []
    colour, preparer = None, Preparer(None, None)
    with Decoder(task.pictures) as frames:
        for frame in frames:
            colour = colour or colour_of(frame.picture)
            pictures.append([plane.copy() for plane in planes_of(preparer.prepare(frame))])
            if len(pictures) == task.frames:
                break
    return [pictures[_bounce(k, len(pictures))] for k in range(task.frames)], colour


def _changed(task: _Task, pictures: list[Planes]) -> list[Planes]:
    """What is shown at a step, frame by frame."""
    changes = AXES[task.axis].changes if task.axis else None
    if changes == "picture":
        return [_worse(task, planes, k) for k, planes in enumerate(pictures)]
    if changes == "order":
        return [pictures[place] for place in _order(task)]
    if changes == "face":
        from benchmark.controls.face import damped, mouth_frozen

        assert task.points is not None
        height, width = pictures[0][0].shape
        points = (task.points * [width / _POINTS_IN, height / _POINTS_IN])[: len(pictures)]
        change = mouth_frozen if task.axis == "mouth-freeze" else damped
        return change(pictures, points, task.strength)
    return pictures


def _worse(task: _Task, planes: Planes, frame: int) -> Planes:
    from benchmark.controls.planes import blurred, jpeg, noisy

    if task.axis == "blur":
        return blurred(planes, task.strength)
    return jpeg(planes, task.strength) if task.axis == "jpeg" else noisy(planes, task.strength, (*task.seed, frame))


def _order(task: _Task) -> list[int]:
    from benchmark.controls.times import dropped, frozen, shuffled

    if task.axis == "freeze":
        return frozen(task.frames, task.strength)
    return (dropped if task.axis == "frame-drop" else shuffled)(task.frames, task.strength, task.seed)


def _sound(task: _Task, rate: int, channels: int) -> Iterable[tuple[int, np.ndarray]]:
    from benchmark.controls.sound import noisy_sound
    from media.audio import samples

    assert task.sound is not None
    late = Fraction(round(task.strength), 1000) if task.axis == "audio-shift" else Fraction(0)
    first = -round(late * rate)
    blocks = samples(task.sound, rate, channels, first, first + round(task.frames / task.fps * rate))
    return noisy_sound(blocks, task.strength, task.seed) if task.axis == "sound-noise" else blocks


def _bounce(k: int, count: int) -> int:
    """Forwards and backwards through a video that is too short."""
    if count == 1:
        return 0
    place = k % (2 * count - 2)
    return place if place < count else 2 * count - 2 - place


def _shapes(task: _Task, size: tuple[int, int], colour: Any) -> tuple[Any, Any]:
    from media.audio import source_sound
    from media.encode import AAC_RATES, AudioShape, VideoShape

    shape = VideoShape(
        width=size[0], height=size[1], time_base=Fraction(1, task.fps.numerator), frame_rate=task.fps,
        colour=colour, aspect=Fraction(1), seconds=task.frames / task.fps, crf=_CRF, preset="veryfast",
    )  # fmt: skip
    declared = None if task.sound is None else source_sound(task.sound)
    if declared is None:
        return shape, None
    rate, channels = declared
    return shape, AudioShape(rate if rate in AAC_RATES else AAC_RATES[0], 1 if channels == 1 else 2)

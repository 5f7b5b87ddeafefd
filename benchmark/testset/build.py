"""Makes a test set from a curated manifest: ground-truth clips in the protocol's form, and what systems are given."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.errors import BenchmarkError
from benchmark.testset.candidates import Candidate, candidates
from benchmark.testset.choose import Chosen, choose
from benchmark.testset.files import CONDITIONS, FILE, VERSION, TestClip, TestSet, as_json, load
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.cluster import Cluster
    from benchmark.protocol import Protocol
    from curation.engines.item import Finished
    from media.pixels import Crop

_CRF: Final = 10  # ground truth is kept close to the curated clip: at this value x264's loss is below what metrics see
_MADE: Final = "testset/1"  # another way to make the files gets another number
Note = Callable[[str], None]


@dataclass(frozen=True)
class _Task:
    """One clip to make: where from, where to, and how."""

    source: Path
    folder: Path
    clip: Candidate
    frames: int
    fps: Fraction
    size: tuple[int, int]
    audio_rate: int
    cropped: bool


def build(
    manifest_folder: Path,
    protocol: Protocol,
    folder: Path,
    allow_fewer: bool = False,
    workers: int = 1,
    note: Note = lambda text: None,
    cluster: Cluster | None = None,
) -> TestSet:
    """Make the test set of a protocol from a curated manifest; the same call again makes only what is missing.

    The folder then holds `real/<id>.mp4` (ground truth), `reference/<id>.png` and `audio/<id>.wav` (what a system is
    given), `conditions.csv` (a line per clip: id, reference, audio, label, frames) and the list, `testset.json`.

    Args:
        manifest_folder: that `moee curate` wrote.
        protocol: which clips, in which form.
        folder: made if missing; a test set of the same list in it is kept.
        allow_fewer: go on where the manifest holds less than the protocol asks for; the list says so.
        workers: processes.
        note: takes sentences for the user.
        cluster: whose nodes make the clips instead.

    Raises:
        BenchmarkError: the manifest holds too little, a clip's file is not the one that it names, a clip cannot be
            made, or another test set lies in the folder.
    """
    import manifests

    manifest = manifests.open(manifest_folder)
    chosen = choose(candidates(manifest, protocol.choose), protocol, allow_fewer)
    for sentence in chosen.shortfalls:
        note(f"this list is not the whole of {protocol.name}: {sentence}")
    made_from = _made_from(chosen, protocol)
    already = _already(folder, protocol, made_from)
    if already is not None:
        return already
    cropped = (manifest.recipe.get("export") or {}).get("crop") == "face"
    _folders(folder)
    root, target = manifest.root.absolute(), folder.absolute()
    width, height = protocol.clip.size
    tasks = [
        _Task(root / clip.file, target, clip, protocol.frames(clip.seconds), protocol.clip.fps,
              (width, height), protocol.clip.audio_rate, cropped)
        for clip in chosen.clips
    ]  # fmt: skip
    found = TestSet(
        version=VERSION,
        protocol=protocol.name,
        protocol_version=protocol.version,
        protocol_sha256=protocol.sha256,
        made_from=made_from,
        shortfalls=list(chosen.shortfalls),
        clips=_made(tasks, workers, cluster),
    )
    _write(folder / CONDITIONS, _conditions(found).encode())
    _write(folder / FILE, as_json(found).encode())
    return found


def _made_from(chosen: Chosen, protocol: Protocol) -> str:
    lines = [
        [clip.id, clip.sha256, clip.person, clip.emotion, clip.compound, clip.intensity, clip.split, clip.box]
        for clip in chosen.clips
    ]
    text = json.dumps([_MADE, _CRF, protocol.sha256, lines], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _already(folder: Path, protocol: Protocol, made_from: str) -> TestSet | None:
    """The test set in the folder, if it is the wanted one and its files are there."""
    if not (folder / FILE).exists():
        return None
    found = load(folder, protocol)
    if found.made_from != made_from:
        raise BenchmarkError(
            f"{printable(str(folder))} holds another test set of {protocol.name} (other clips or other ground truth): "
            "choose another folder, or remove that one."
        )
    sizes = {clip.real: clip.bytes for clip in found.clips}
    whole = all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())
    given = [name for clip in found.clips for name in (clip.reference, clip.audio) if name]
    return found if whole and all((folder / name).is_file() for name in given) else None


def _folders(folder: Path) -> None:
    from manifests.files import make_folder, plain_errors

    with plain_errors(folder):
        for name in ("real", "reference", "audio"):
            make_folder(folder / name)


def _made(tasks: list[_Task], workers: int, cluster: Cluster | None) -> list[TestClip]:
    clips: list[TestClip] = []
    for done in _ends(tasks, workers, cluster):
        name = tasks[done.index].clip.id
        if done.died is not None:
            raise BenchmarkError(f"The process that made the test clip {name} ended ({done.died}): run it again.")
        if done.error is not None:
            raise BenchmarkError(f"The test clip {name} cannot be made: {done.error}") from done.error
        clips.append(done.value)
    return sorted(clips, key=lambda clip: clip.id)


def _ends(tasks: list[_Task], workers: int, cluster: Cluster | None) -> Iterator[Finished]:
    from curation.engines.local import LocalEngine

    if cluster is None:
        return LocalEngine(workers).run(_make, tasks)
    from benchmark.cluster import PICTURES

    return cluster.run(
        _make,
        tasks,
        PICTURES,
        shared=sorted({task.folder for task in tasks}),
        read=sorted({task.source.parent for task in tasks}),
    )


def _make(task: _Task) -> TestClip:
    """Cut the ground truth of one clip, and take reference frame and sound from it."""
    from manifests.files import file_hash
    from media.cut import CutOptions, cut
    from media.probe import probe

    clip = task.clip
    if not task.source.is_file() or file_hash(task.source).sha256 != clip.sha256:
        raise BenchmarkError("its file is not the one that the manifest names: run the same moee curate command again.")
    video = probe(task.source).video
    if video is None:
        raise BenchmarkError("its file holds no video: curate its source again.")
    start = video.start_pts or 0
    end = start + round(task.frames / task.fps / video.time_base)
    crop = _crop(task, (video.width, video.height))
    real = f"real/{clip.id}.mp4"
    report = cut(task.source, task.folder / real, start, end, CutOptions(task.fps, crop, task.size, crf=_CRF))
    if report.frames != task.frames:
        raise BenchmarkError(f"it has {report.frames} frames where {task.frames} were expected.")
    reference = f"reference/{clip.id}.png"
    _write(task.folder / reference, _first_frame(task.folder / real))
    sound = clip.sound and report.audio_samples > 0
    audio = f"audio/{clip.id}.wav" if sound else None
    if audio is not None:
        _write(task.folder / audio, _wave(task.folder / real, task.frames / task.fps, task.audio_rate))
    return TestClip(
        id=clip.id, identity=clip.person, emotion=clip.emotion, compound=clip.compound, intensity=clip.intensity,
        label_from=clip.label_from, split=clip.split, frames=task.frames, sound=sound, real=real, sha256=report.sha256,
        bytes=report.bytes, reference=reference, audio=audio, names=list(clip.names),
    )  # fmt: skip


def _crop(task: _Task, picture: tuple[int, int]) -> Crop:
    """The square around the face; the middle square where none was measured or the file shows it already."""
    from media.pixels import Crop

    width, height = picture
    if task.clip.box is not None and not task.cropped:
        x0, y0, x1, y1 = (min(max(side, 0.0), 1.0) for side in task.clip.box)
        return Crop(x0, y0, x1, y1, *task.clip.picture)
    across, down = min(1.0, height / width), min(1.0, width / height)
    return Crop((1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2, width, height)


def _first_frame(video: Path) -> bytes:
    import cv2

    from media.decode import Decoder

    with Decoder(video) as frames:
        rgb = next(iter(frames)).rgb()
    done, png = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise BenchmarkError("its reference frame cannot be encoded as PNG.")
    return bytes(png)


def _wave(video: Path, seconds: Fraction, rate: int) -> bytes:
    """The sound as 16-bit PCM."""
    import numpy as np

    from media.audio import waveform

    samples = np.clip(np.round(waveform(video, Fraction(0), seconds, rate) * 32767), -32768, 32767).astype("<i2")
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return held.getvalue()


def _conditions(testset: TestSet) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("id", "reference", "audio", "label", "frames"))
    lines.writerows((clip.id, clip.reference, clip.audio, clip.label, clip.frames) for clip in testset.clips)
    return text.getvalue()


def _write(path: Path, content: bytes) -> None:
    from manifests.files import plain_errors, replace, write_aside

    with plain_errors(path.parent):
        aside, _ = write_aside(path.parent, path.name, lambda file: file.write(content))
        replace(aside, path)

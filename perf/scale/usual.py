"""The usual way to prepare such a data set, step by step with the files that it makes, as published pipelines do.

Re-encode to 25 frames/s, every frame to JPEG and the sound to WAV, the detector on every JPEG, landmarks on every JPEG,
crops of the face from the JPEGs, encoded again and joined with the sound. The two models are our own, so that only the
way differs; one thread each. Steps that follow one another read what the step before wrote, as separate scripts do.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from perf.scale.clock import Spent, Timed

FPS: Final = 25
QUALITY: Final = "1"  # of the JPEGs, ffmpeg's best
SIDE: Final = 512  # px of a crop
WIDER: Final = 1.6  # side of the crop over the face's
MODELS: Final = ("detector", "landmarks")
_QUIET: Final = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")


@dataclass
class Usual:
    """What it took.

    Attributes:
        steps: processor seconds of each step, the two models apart.
        frames: JPEGs.
        source_frames: frames of the re-encoded videos.
        peak: bytes of all files while the last step of a clip runs, of all clips: none is deleted on the way.
        clip_bytes: bytes of the crops with sound.
    """

    steps: Spent = field(default_factory=Spent)
    frames: int = 0
    source_frames: int = 0
    peak: int = 0
    clip_bytes: int = 0

    @property
    def outside(self) -> float:
        """Processor seconds without the two models."""
        return sum(seconds for name, seconds in self.steps.seconds.items() if name not in MODELS)


def prepare(paths: Sequence[Path], folder: Path) -> Usual:
    """Prepare clips; models are opened before the clock runs.

    Args:
        paths: videos with sound.
        folder: an empty folder; what a clip made is weighed, then deleted, so that a long list fits.
    """
    from curation.stages.faces import _models

    found = Usual()
    detector, _, landmarker = _models()
    for number, path in enumerate(paths):
        work = folder / f"{number:04d}"
        work.mkdir(parents=True)
        _one(path, work, detector, landmarker, found)
        found.peak += sum(file.stat().st_size for file in work.rglob("*") if file.is_file())
        found.clip_bytes += (work / "clip.mp4").stat().st_size
        shutil.rmtree(work)
    return found


def _one(path: Path, work: Path, detector: Any, landmarker: Any, found: Usual) -> None:
    steps, frames = found.steps, work / "frames"
    video, sound = work / "video25.mp4", work / "sound.wav"
    with steps.on("coded again at 25 frames/s"):
        _ffmpeg("-i", path, "-r", FPS, "-c:v", "libx264", "-crf", 18, "-c:a", "aac", video)
    with steps.on("every frame to JPEG, sound to WAV"):
        frames.mkdir()
        _ffmpeg("-i", video, "-qscale:v", QUALITY, "-qmin", 1, frames / "%06d.jpg")
        _ffmpeg("-i", video, "-vn", "-ac", 1, "-ar", 16000, sound, needed=False)
    pictures = sorted(frames.iterdir())
    found.frames += len(pictures)
    found.source_frames += _count(video)
    boxes = _boxes(pictures, detector, steps)
    _landmarks(pictures, boxes, landmarker, steps)
    with steps.on("crops from JPEGs, coded again, sound joined"):
        _crops(pictures, boxes, work)
        inputs = ["-i", work / "crops.mp4", *(["-i", sound, "-c:a", "aac"] if sound.exists() else [])]
        _ffmpeg(*inputs, "-c:v", "copy", "-shortest", work / "clip.mp4")


def _count(video: Path) -> int:
    from media.decode import Decoder

    with Decoder(video) as decoder:
        return sum(1 for _ in decoder)


def _boxes(pictures: Sequence[Path], detector: Any, steps: Spent) -> list[Any]:
    """The best face of every JPEG; the last one where none is found."""
    boxes: list[Any] = []
    model: list[float] = []
    timed = Timed(detector, model.append)
    with steps.on("JPEGs read for the detector"):
        for picture in pictures:
            found = timed([_read(picture)])[0]
            boxes.append(found[0].box if found else (boxes[-1] if boxes else None))
    _apart(steps, "JPEGs read for the detector", "detector", model)
    return boxes


def _landmarks(pictures: Sequence[Path], boxes: Sequence[Any], landmarker: Any, steps: Spent) -> None:
    model: list[float] = []
    timed = Timed(landmarker, model.append)
    with steps.on("JPEGs read for landmarks"):
        points = []
        for picture, box in zip(pictures, boxes, strict=True):
            image = _read(picture)
            if box is not None:
                (mesh,) = timed([image], [box])
                points.append(np.zeros((0, 3)) if mesh is None else mesh.points)
        np.save(pictures[0].parent.parent / "landmarks.npy", np.concatenate(points) if points else np.zeros((0, 3)))
    _apart(steps, "JPEGs read for landmarks", "landmarks", model)


def _apart(steps: Spent, step: str, name: str, model: Sequence[float]) -> None:
    steps.seconds[step] -= sum(model)
    steps.seconds[name] = steps.seconds.get(name, 0.0) + sum(model)


def _read(path: Path) -> np.ndarray:
    import cv2

    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def _crops(pictures: Sequence[Path], boxes: Sequence[Any], work: Path) -> None:
    """One square around the face of the whole clip, from every JPEG, piped to x264 as it comes."""
    import cv2

    seen = [box for box in boxes if box is not None]
    command = [
        "ffmpeg",
        *_QUIET[:-2],
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "bgr24",
        "-s",
        f"{SIDE}x{SIDE}",
        "-r",
        str(FPS),
    ]
    command += ["-i", "-", "-threads", "1", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"]
    with subprocess.Popen([*command, str(work / "crops.mp4")], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        for picture in pictures:
            image = cv2.imread(str(picture))
            assert image is not None
            x0, y0, x1, y1 = _square(seen, image.shape[1], image.shape[0])
            encoder.stdin.write(cv2.resize(image[y0:y1, x0:x1], (SIDE, SIDE), interpolation=cv2.INTER_AREA).tobytes())
    if encoder.returncode:
        raise RuntimeError("ffmpeg could not encode the crops")


def _square(boxes: Sequence[Any], width: int, height: int) -> tuple[int, int, int, int]:
    if not boxes:
        return 0, 0, width, height
    x0, y0, x1, y1 = np.median(np.array(boxes), axis=0)
    half = min(max(x1 - x0, y1 - y0) * WIDER, width, height) / 2
    x = min(max((x0 + x1) / 2, half), width - half)
    y = min(max((y0 + y1) / 2, half), height - half)
    return int(x - half), int(y - half), int(x + half), int(y + half)


def _ffmpeg(*arguments: object, needed: bool = True) -> None:
    """Run ffmpeg on one thread; the thread count before and after the input binds decoder and encoder."""
    words = [str(argument) for argument in arguments]
    done = subprocess.run(["ffmpeg", *_QUIET, "-threads", "1", *words[:-1], "-threads", "1", words[-1]], check=False)
    if done.returncode and needed:
        raise RuntimeError(f"ffmpeg failed on {words[-1]}")

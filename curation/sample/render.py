"""Renders the sample: a process per core draws whole videos; finished ones are kept, a cut-off run is mended."""

import functools
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import CurationError
from curation.sample import Progress, encode, speech, truth
from curation.sample.counter import burn_counter
from curation.sample.faces import BACKDROPS, PORTRAITS, package_file, read_picture
from curation.sample.performance import Performance, Take, listening, perform, poses
from curation.sample.puppet import Puppet
from curation.sample.scenes import SCENES, Scene
from manifests.processes import end_with_parent, usable_cores

STATE = ".sample.json"


@dataclass(frozen=True)
class SampleReport:
    """What `render` did.

    Attributes:
        folder: where the videos lie.
        truth: the table of truth.
        videos: file names, in order.
        rendered: how many were drawn now; the others were there already.
        frames: frames of all videos.
        seconds: length of all videos.
    """

    folder: Path
    truth: Path
    videos: tuple[str, ...]
    rendered: int
    frames: int
    seconds: float


def render(
    folder: Path,
    *,
    counter: bool = False,
    progress: Progress | None = None,
    limit: int | None = None,
    workers: int | None = None,
    scenes: tuple[Scene, ...] = SCENES,
) -> SampleReport:
    """Render videos and `truth.parquet` into a folder (see `curation.sample.render_sample`).

    Args:
        scenes: the videos to render.

    Raises:
        CurationError: espeak-ng or a picture is missing, or the folder cannot be written.
    """
    folder = Path(folder)
    speech.program()
    wanted = scenes if limit is None else scenes[:limit]
    _prepare(folder)
    state = _State(folder, _settings(counter))
    missing = [scene for scene in wanted if not state.holds(scene.name)]
    done = len(wanted) - len(missing)
    try:
        for entry in _drawn(missing, folder, counter, workers):
            state.add(entry)
            done += 1
            if progress:
                progress(done, len(wanted), entry["row"]["file"])
        rows = state.finish([scene.name for scene in wanted])
        table = truth.write_truth(folder, rows)
    except OSError as error:
        raise CurationError(f"cannot write the sample into {folder} ({error.strerror}): make room there") from error
    seconds = sum(row["frames"] * row["fps_den"] / row["fps_num"] for row in rows)
    frames = sum(row["frames"] for row in rows)
    return SampleReport(folder, table, tuple(row["file"] for row in rows), len(missing), frames, seconds)


def _prepare(folder: Path) -> None:
    """Make the folder and check that every still is installed."""
    for package, file in {(p.package, p.file) for p in PORTRAITS.values()} | set(BACKDROPS.values()):
        package_file(package, file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stray in folder.glob(".*.part"):
            stray.unlink()
    except OSError as error:
        raise CurationError(
            f"cannot write into {folder} ({error.strerror}): name another folder, for example `moee sample ./sample`"
        ) from error


def _drawn(scenes: list[Scene], folder: Path, counter: bool, workers: int | None) -> Iterator[dict[str, Any]]:
    """Draw videos, longest first, and give each one's entry when it is done."""
    count = min(workers or usable_cores(), len(scenes))
    order = sorted(scenes, key=lambda scene: -sum(len(line.text) for shot in scene.shots for line in shot.lines))
    if count <= 1:
        for scene in order:
            yield draw_scene(folder, scene, counter)
        return
    with ProcessPoolExecutor(count, get_context("spawn"), end_with_parent) as pool:
        jobs = [pool.submit(draw_scene, folder, scene, counter) for scene in order]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BrokenProcessPool as error:
            raise CurationError(
                "a process that draws the sample was killed, perhaps for want of memory: run the command again, "
                "finished videos are kept"
            ) from error
        finally:
            for job in jobs:
                job.cancel()


def draw_scene(folder: Path, scene: Scene, counter: bool) -> dict[str, Any]:
    """Draw and encode one video, and put it in place whole.

    Returns:
        `row` of the truth, and `sha256` of the file.
    """
    import cv2

    cv2.setNumThreads(1)
    performance = perform(scene)
    aside = folder / f".{scene.name}.part"
    encode.encode(aside, scene, list(performance.ticks), pictures(performance, counter), performance.sound())
    start = encode.start_of(aside)
    if scene.keep_bytes < 1.0:
        os.truncate(aside, int(aside.stat().st_size * scene.keep_bytes))
    digest = _sha256(aside)
    aside.replace(folder / scene.name)
    return {"row": truth.row(performance, counter, start), "sha256": digest}


def pictures(performance: Performance, counter: bool) -> Iterator[np.ndarray]:
    """Draw the frames of a video, [H, W, 3] uint8 RGB each."""
    import cv2

    scene, moves = performance.scene, poses(performance)
    number = 0
    for take in performance.takes:
        for picture in _take(performance, take, moves[take.start_frame : take.end_frame]):
            if scene.blur:
                picture = cv2.GaussianBlur(picture, (0, 0), scene.blur)
            if scene.mirrored:
                picture = np.ascontiguousarray(picture[:, ::-1])
            if counter:
                burn_counter(picture, number)
            yield picture
            number += 1


def _take(performance: Performance, take: Take, moves: list[dict[str, float]]) -> Iterator[np.ndarray]:
    width, height = performance.scene.size
    shot = take.shot
    if shot.subject in BACKDROPS:
        yield from _zoom(shot.subject, width, height, len(moves))
    elif shot.listener is None:
        puppet = Puppet(shot.subject, width, height)
        yield from (puppet.frame(pose) for pose in moves)
    else:
        speaker, other = (Puppet(name, width // 2, height) for name in (shot.subject, shot.listener))
        for pose, rest in zip(moves, listening(performance, take), strict=True):
            yield np.hstack([speaker.frame(pose), other.frame(rest)])


def _zoom(backdrop: str, width: int, height: int, frames: int) -> Iterator[np.ndarray]:
    """A slow zoom into a picture without a face."""
    import cv2

    picture = read_picture(*BACKDROPS[backdrop])
    rows, columns = picture.shape[:2]
    cover = max(width / columns, height / rows)
    for frame in range(frames):
        scale = cover * (1.0 + 0.15 * frame / frames)
        matrix = np.array(
            [[scale, 0.0, (width - scale * columns) / 2], [0.0, scale, (height - scale * rows) / 2]], np.float64
        )
        yield cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)


class _State:
    """`.sample.json`: which videos are whole, under which settings, with their rows of truth."""

    def __init__(self, folder: Path, settings: str) -> None:
        self._path, self._folder, self._settings = folder / STATE, folder, settings
        self._entries: dict[str, dict[str, Any]] = {}
        self._old: set[str] = set()
        if self._path.is_file():
            self._read()

    def _read(self) -> None:
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
            self._old = {str(name) for name in state["videos"] if Path(name).name == name}
            if state["settings"] == self._settings:
                self._entries = dict(state["videos"])
        except (ValueError, KeyError, TypeError):
            self._old, self._entries = set(), {}

    def holds(self, name: str) -> bool:
        """Whether a video is there, whole and rendered under these settings."""
        path = self._folder / name
        return name in self._entries and path.is_file() and _sha256(path) == self._entries[name]["sha256"]

    def add(self, entry: dict[str, Any]) -> None:
        """Note a finished video."""
        self._entries[entry["row"]["file"]] = entry
        self._write()

    def finish(self, names: list[str]) -> list[dict[str, Any]]:
        """Forget and delete videos of an earlier sample that this one does not have; give the rows."""
        for name in self._old - set(names):
            (self._folder / name).unlink(missing_ok=True)
        self._entries = {name: self._entries[name] for name in names}
        self._write()
        return [entry["row"] for entry in self._entries.values()]

    def _write(self) -> None:
        aside = self._path.with_name(f".{STATE}.part")
        body = {"settings": self._settings, "videos": self._entries}
        aside.write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
        aside.replace(self._path)


@functools.lru_cache(maxsize=2)
def _settings(counter: bool) -> str:
    """A hash of everything that the bytes of the videos depend on."""
    import av
    import cv2
    import scipy

    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*here.glob("*.py"), *here.glob("*.json")]):
        digest.update(path.read_bytes())
    parts = (av.__version__, cv2.__version__, np.__version__, scipy.__version__, speech.version(), str(counter))
    digest.update("\n".join(parts).encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Windows of each face for Light-ASD on the shared decode: crops wait for one second, then the network sees them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from curation.stage import FrameConsumer, PixelStage, Resources, SourceWork, Tables
from curation.stages.faces import LONG_SIDE
from curation.stages.quality import TRACED, present

log = logging.getLogger(__name__)

CROPS = 25  # of a window: 1 s
LEAD = 0.5  # s of a face before its first window
FARTHEST = 0.06  # s between a frame and the moment that it stands for: 10 frames a second are enough
BOX_STEPS = 4  # of a pixel: a box that comes from the table gives the same crop as the one that was seen
SOUND = 16_240  # samples whose cepstra are 100: 1 s


@dataclass(frozen=True)
class Mouths(PixelStage):
    """Asks Light-ASD, one second of every few of each face, whether the mouth speaks.

    The network costs 5 ms a frame, half of what finding landmarks does, so it does not see every frame.

    Args:
        every_seconds: from the start of one window to the start of the next.
        max_faces: the n largest faces of a frame are seen.
    """

    name: ClassVar[str] = "mouths"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("shots", "faces")
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory=1 << 30)

    every_seconds: Annotated[float, Field(ge=1, le=3600)] = 4.0
    max_faces: Annotated[int, Field(ge=1, le=16)] = 2

    def models(self) -> tuple[str, ...]:
        """Light-ASD, where this machine has it."""
        return present("light-asd")

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A fresh consumer; it runs after the one that finds faces, or after its replay."""
        return _Windows(self, work, _network())


@cache
def _network() -> Any:
    """Light-ASD, opened once per process, or None where it is missing; the stage's key says which."""
    from perception.errors import PerceptionError
    from perception.light_asd import MODEL, LightAsd
    from perception.weights import available

    if not available(MODEL):
        return None
    try:
        return LightAsd.load()
    except PerceptionError as error:
        log.warning("Clips get no moving_mouth: %s", error)
        return None


@dataclass
class _Face:
    """A face that is followed: when its next window opens, and the frames of the window that is open."""

    opens: float
    seen: list[tuple[float, int, np.ndarray]] = field(default_factory=list)  # seconds, frame, crop


@dataclass(frozen=True)
class _Window:
    """What the network keeps of a window until the sound is read."""

    face: int
    start: float
    frames: list[int]
    kept: np.ndarray  # [25, 128]


class _Windows:
    def __init__(self, stage: Mouths, work: SourceWork, network: Any) -> None:
        self.stage = stage
        self.work = work
        self.network = network
        self.faces: dict[int, _Face] = {}
        self.found: list[_Window] = []

    def see(self, frame: Any) -> None:
        if self.network is None:
            return
        now = float(frame.pts * frame.time_base)
        # frames that were traced back are seen in a replay and not at first: neither looks at them
        faces = [seen for seen in frame.faces if seen.mesh is not None and frame.index >= seen.began + TRACED]
        for seen in faces[: self.stage.max_faces]:
            face = self.faces.get(seen.face)
            if face is None:
                face = self.faces[seen.face] = _Face(now + LEAD)
            if now >= face.opens - FARTHEST:
                self._collect(frame, seen, face, now)
        if len(self.faces) > 4 * self.stage.max_faces:  # those that left the picture
            oldest = min(self.faces, key=lambda number: self.faces[number].opens)
            del self.faces[oldest]

    def _collect(self, frame: Any, seen: Any, face: _Face, now: float) -> None:
        from perception.light_asd import FPS, crop

        last = face.seen[-1] if face.seen else None
        if last is not None and now - last[0] > 2 * FARTHEST:
            face.seen.clear()
        if not face.seen:
            face.opens = max(face.opens, now)
        box = tuple((np.rint(np.array(seen.box) * BOX_STEPS) / BOX_STEPS).tolist())
        face.seen.append((now, frame.index, crop(frame.scaled(LONG_SIDE), box)))
        if now >= face.opens + (CROPS - 1) / FPS:
            self._judge(seen.face, face)
            face.opens += self.stage.every_seconds

    def _judge(self, number: int, face: _Face) -> None:
        from perception.light_asd import FPS

        times = np.array([seconds for seconds, _, _ in face.seen])
        wanted = face.opens + np.arange(CROPS) / FPS
        nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
        if np.abs(times[nearest] - wanted).max() <= FARTHEST:
            kept = self.network.look(np.stack([face.seen[place][2] for place in nearest]))
            frames = [face.seen[place][1] for place in nearest]
            self.found.append(_Window(number, face.opens, frames, kept))
        face.seen.clear()

    def finish(self, report: Any) -> Tables:
        from manifests.schema import table_from_rows

        rows = []
        tracks = [row for row in self.work.tables["tracks"].to_pylist() if row["confirmed"]]
        self.found.sort(key=lambda window: (window.start, window.face))
        for window, sound in zip(self.found, sounds(self._sound(), [w.start for w in self.found]), strict=True):
            track = _track(tracks, window)
            if track is not None:
                scores = self.network.judge(window.kept, sound)
                rows.append(
                    {"source": self.work.id, "track": track, "frames": window.frames, "scores": scores.tolist()}
                )
        return {"mouths": table_from_rows("mouths", rows)}

    def _sound(self) -> Iterator[tuple[int, np.ndarray]]:
        from media.audio import chunks

        path: Path = self.work.sound or self.work.path
        return chunks(path) if self.found else iter(())


def _track(tracks: list[dict[str, Any]], window: _Window) -> str | None:
    """The track that the window's face is in all its frames; None where a cut was found in it later."""
    for track in tracks:
        inside = track["start_frame"] <= window.frames[0] and window.frames[-1] < track["end_frame"]
        if track["face"] == window.face and inside:
            return str(track["id"])
    return None


def sounds(pieces: Iterator[tuple[int, np.ndarray]], starts: list[float]) -> Iterator[np.ndarray]:
    """Cepstra of one second from each start on, in one pass over the sound; silence where there is none.

    Args:
        pieces: (first sample, float32 mono [n]) at 16 kHz, contiguous.
        starts: s, rising; windows may overlap.

    Yields:
        [100, 13] float32 for each start.
    """
    from perception.light_asd import cepstra

    held, first = np.zeros(0, np.float32), 0
    for start in starts:
        low = round(start * 16_000)
        while first + len(held) < low + SOUND:
            piece = next(pieces, None)
            if piece is None:
                break
            if not len(held):
                first = piece[0]
            held = np.concatenate([held, piece[1]])
            drop = min(max(0, low - first), len(held))
            held, first = held[drop:], first + drop
        window = np.zeros(SOUND, np.float32)
        begin, end = max(low, first), min(low + SOUND, first + len(held))
        if begin < end:
            window[begin - low : end - low] = held[begin - first : end - first]
        yield cepstra(window)

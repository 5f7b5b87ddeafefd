"""The contract of extractors: what one says of itself, and what it does with a video or a pair while these are decoded.

To add one: subclass `Extractor`, write the `sight` that watches one video (or pair), and name it in
`benchmark.extract.registry`. A network that sees many frames at once does so in batches of one fixed size
(`FixedBatches`), so that a frame's numbers do not depend on how many there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

Blank = Literal["never", "faceless", "anywhere"]


class Defect(Exception):  # noqa: N818 - what a clip has, not what the program did
    """A clip cannot be scored; its text says why and does not name the clip."""


@dataclass
class Shown:
    """A frame while it is shown to the extractors.

    index: 0 and up.
    pts: time stamp in the video's time base.
    rgb: [H, W, 3] uint8, read-only.
    faces: what `faces` saw in it (`perception.pieces.Observation`), for those that read it.
    """

    index: int
    pts: int
    rgb: np.ndarray
    faces: tuple[Any, ...] = ()


@dataclass
class Watch:
    """A video that is being decoded.

    path: file.
    frames: that are shown, all there are or the first so many.
    fps: of the protocol.
    width, height: px.
    time_base: seconds per unit of a PTS.
    has_sound: whether there is a sound stream.
    first_pts: of the first frame.
    seconds: [frames] float64, each frame's time after the first one's; filled as they are shown.
    left: what an extractor leaves for those that read it, by its name, once it has finished.
    """

    path: Path
    frames: int
    fps: Fraction
    width: int
    height: int
    time_base: Fraction
    has_sound: bool
    first_pts: int = 0
    seconds: list[float] = field(default_factory=list)
    left: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def sound(self) -> np.ndarray:
        """The sound from the first frame's time on, as long as the frames: float32 mono at 16 kHz; zeros without."""
        from media.audio import waveform

        start = self.first_pts * self.time_base
        return waveform(self.path, start, start + self.frames / self.fps)


class Sight(Protocol):
    """What an extractor remembers of one video."""

    def see(self, frame: Shown) -> None:
        """Take the next of the video's frames."""

    def finish(self) -> dict[str, np.ndarray]:
        """The features, once every frame was seen; those that the video cannot have (no sound) are left out."""


class PairSight(Protocol):
    """What an extractor remembers of two videos of one size and length; `finish` comes after that of both videos."""

    def see(self, real: np.ndarray, generated: np.ndarray) -> None:
        """Take the next frame of both, [H, W, 3] uint8 each."""

    def finish(self) -> dict[str, np.ndarray]:
        """The features, once every frame was seen."""


class Extractor(ABC):
    """Gives some features of a video, or of a pair.

    name: in settings and messages.
    version: 1 and up; another one makes everything again and is part of the results' names.
    of: what it watches, a `video` or a `pair`.
    reads: extractors of single videos that see each frame before this one; a pair's watch both of its videos.
    timed: whether frames per second matter to it.
    blank: which rows of its features may be NaN: none, those of frames without a face, or any.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    of: ClassVar[Literal["video", "pair"]] = "video"
    reads: ClassVar[tuple[str, ...]] = ()
    timed: ClassVar[bool] = False
    blank: ClassVar[Blank] = "never"

    @abstractmethod
    def made_by(self) -> dict[str, str]:
        """Feature -> extractor and weights, in the order in which they are told."""

    def weights(self) -> tuple[str, ...]:
        """`name@sha256` of every model that it opens, and of constants that its numbers rest on."""
        return ()

    def missing(self) -> str | None:
        """Why it cannot run on this machine and how to get it, one sentence, or None; opens nothing."""
        return None

    def sight(self, watch: Watch) -> Sight:
        """Begin with a video; models are opened through `benchmark.extract.models.shared`."""
        raise NotImplementedError(f"{self.name} watches no single videos")

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        """Begin with a pair; what others leave in the two watches is there when it finishes."""
        raise NotImplementedError(f"{self.name} watches no pairs")

    def named(self, name: str, *hashes: str) -> str:
        """How results name it: `mediapipe-mesh68@64184e22`, with `.v2` behind the name from the second version on.

        Args:
            name: of the network or method.
            hashes: sha256 of what it rests on; several become one.
        """
        import hashlib

        name = name if self.version == 1 else f"{name}.v{self.version}"
        if not hashes:
            return name
        whole = hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
        return f"{name}@{whole[:8]}"


class FixedBatches:
    """Runs a function on rows in batches of one size, the last one filled up with zeros.

    A network's numbers may depend on the size of its batch, so there is one size only.
    """

    def __init__(self, run: Callable[[np.ndarray], np.ndarray], size: int) -> None:
        """Set up.

        Args:
            run: [size, ...] -> [size, ...].
            size: > 0.
        """
        self._run, self._size = run, size
        self._waiting: list[np.ndarray] = []
        self._given: list[np.ndarray] = []

    def add(self, row: np.ndarray) -> None:
        """Take one row; it runs once enough of them wait."""
        self._waiting.append(row)
        if len(self._waiting) == self._size:
            self._flush()

    def finish(self) -> np.ndarray:
        """What the function gave for all rows, [n, ...], n > 0."""
        if self._waiting:
            self._flush()
        return np.concatenate(self._given)

    def _flush(self) -> None:
        rows = np.stack(self._waiting)
        self._waiting = []
        filled = np.zeros((self._size, *rows.shape[1:]), rows.dtype)
        filled[: len(rows)] = rows
        self._given.append(self._run(filled)[: len(rows)])


def spread(frames: int, count: int) -> np.ndarray:
    """Indices of `count` frames out of `frames`, the middles of equal parts: [count] int64, rising."""
    return ((2 * np.arange(count) + 1) * frames // (2 * count)).astype(np.int64)


def check(extractor: Extractor, features: Mapping[str, np.ndarray], frames: int, face: np.ndarray | None) -> None:
    """Refuse numbers that are none.

    Args:
        extractor: that gave the features.
        features: name -> rows.
        frames: of the video.
        face: [frames] where the main face was found, for an extractor that reads it.

    Raises:
        Defect: a number is not finite in a row that must be whole.
    """
    for name, rows in features.items():
        if rows.dtype.kind != "f" or not rows.size:
            continue
        flat = rows.reshape(len(rows), -1)
        bad = ~np.isfinite(flat).all(axis=1)
        excused = np.isnan(flat).all(axis=1)
        if extractor.blank == "faceless" and face is not None:
            excused &= ~_seen(face, len(rows), frames)
        elif extractor.blank == "never":
            excused[:] = False
        if (bad & ~excused).any():
            raise Defect(f"{name} holds a number that is not finite (row {int(np.argmax(bad & ~excused))}).")


def _seen(face: np.ndarray, rows: int, frames: int) -> np.ndarray:
    """[rows] bool: in which of a feature's rows a face was seen: one for each frame, for all, or for frames spread."""
    if rows == frames:
        return face > 0
    return np.array([bool(face.any())]) if rows == 1 else face[spread(frames, rows)] > 0


def closure(names: Sequence[str], extractors: Mapping[str, Extractor]) -> tuple[str, ...]:
    """These extractors and all that they read, in the registry's order, in which what is read comes first."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += extractors[name].reads
    return tuple(name for name in extractors if name in wanted)

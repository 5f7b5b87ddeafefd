"""One clip's video from a MoEE model: what it is made from, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from benchmark.errors import BenchmarkError
from benchmark.systems import Model

_OF_CLIP: Final = (BenchmarkError, ArithmeticError, MemoryError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Settings:
    """Which model, and how it makes videos. place: folder or hub id; the others as for `moee generate`."""

    place: str
    steps: int = 20
    guidance: float = 3.5
    seed: int = 0
    device: str = "auto"

    def open(self) -> Model:
        """Open it in this process.

        Raises:
            BenchmarkError: one sentence about what is wrong with it.
        """
        return Model(self.place, self.steps, self.guidance, self.seed, self.device)


@dataclass(frozen=True)
class ClipTask:
    """What a model is given of one clip, and the video that it makes; see `benchmark.systems.Model.make`.

    No clip's video depends on another's: the noise of each begins with the settings' seed.
    """

    reference: Path
    sound: Path
    label: str | None
    target: Path
    frames: int
    fps: Fraction
    side: int


def make_clip(model: Model, task: ClipTask) -> str | None:
    """Make a clip's video.

    Returns:
        Why there is none, or None.
    """
    try:
        model.make(task.reference, task.sound, task.label, task.target, task.frames, task.fps, task.side)
    except _OF_CLIP as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        return f"the model could not make its video: {said}"
    return None

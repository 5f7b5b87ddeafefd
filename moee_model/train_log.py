"""What a training says: scalars to TensorBoard and to a JSONL file, progress to whoever watches."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Watcher(Protocol):
    """Is told how a training goes on."""

    def begin(self, done: int, steps: int) -> None:
        """`done` of `steps` steps lie behind."""

    def stage(self, name: str, parameters: int) -> None:
        """A stage begins, or goes on, that trains so many parameters."""

    def step(self, done: int, loss: float) -> None:
        """A step is done."""

    def note(self, text: str) -> None:
        """Something to be told on a line of its own."""


class Silent:
    """Watches and says nothing."""

    def begin(self, done: int, steps: int) -> None:
        """Say nothing."""

    def stage(self, name: str, parameters: int) -> None:
        """Say nothing."""

    def step(self, done: int, loss: float) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class Scalars:
    """`OUT/scalars.jsonl`, a line per logged step, and the same for TensorBoard in `OUT/tensorboard`.

    Args:
        out: the run's folder.
        step: where the run goes on; what was logged behind it is forgotten.
        tensorboard: whether TensorBoard's files are written.
    """

    def __init__(self, out: Path, step: int = 0, tensorboard: bool = True) -> None:
        out.mkdir(parents=True, exist_ok=True)
        path = out / "scalars.jsonl"
        kept = [line for line in _whole_lines(path) if json.loads(line)["step"] <= step]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")
        self._board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1 if step else None)

    def add(self, step: int, stage: str, values: Mapping[str, float]) -> None:
        """Log the scalars of a step (counted from 1)."""
        self._file.write(json.dumps({"step": step, "stage": stage, **values}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _whole_lines(path: Path) -> list[str]:
    """The lines of a JSONL file; one that a kill cut off is left out."""
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and isinstance(said.get("step"), int | float) and math.isfinite(said["step"]):
            lines.append(line)
    return lines

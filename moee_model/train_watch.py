"""Progress of a training on stderr: a live bar with ETA and loss on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

from moee_model.train_log import Watcher

QUIET_SECONDS = 30.0  # between lines when stderr is no terminal


class Watching(Watcher, Protocol):
    """Is told how a whole job goes: its features too."""

    def features(self, what: str, done: int, total: int) -> None:
        """So many clips have their features."""


class Progress:
    """Implements `Watching`.

    Args:
        quiet: says nothing, as all processes but the first.
    """

    def __init__(self, quiet: bool = False) -> None:
        from rich.console import Console

        self._quiet = quiet
        self._console = Console(stderr=True)
        self._bar: Any = None
        self._task: Any = None
        self._steps = 0
        self._name, self._loss = "", 0.0
        self._began, self._at, self._spoke = time.monotonic(), 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def note(self, text: str) -> None:
        """Say it on a line of its own."""
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def features(self, what: str, done: int, total: int) -> None:
        """So many clips have their features."""
        if self._now_and_then() or done == total:
            self.note(f"features: {what}, {done} of {total}")

    def begin(self, done: int, steps: int) -> None:
        """Start the bar; again where the run was started again."""
        self._close()
        self._steps, self._began, self._at = steps, time.monotonic(), done
        self.note(f"training goes on after step {done} of {steps}" if done else f"training {steps} steps")
        if self._console.is_terminal and not self._quiet:
            self._bar = self._made()
            self._task = self._bar.add_task("train", total=steps, completed=done, said="")
            self._bar.start()

    def stage(self, name: str, parameters: int) -> None:
        """Say which stage begins."""
        self._name = name
        self.note(f"stage {name}: {parameters / 1e6:.1f} M parameters learn")

    def step(self, done: int, loss: float) -> None:
        """Move the bar, or say a line when it is time."""
        self._loss = loss if done == self._at + 1 or not self._loss else 0.95 * self._loss + 0.05 * loss
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=self._name, said=f"loss {self._loss:.4f}")
        elif self._now_and_then():
            each = (time.monotonic() - self._began) / max(1, done - self._at)
            left = each * (self._steps - done)
            self.note(f"{self._name}: step {done} of {self._steps}, loss {self._loss:.4f}, about {left:.0f} s left")
        if done == self._steps:
            self._close()

    def _now_and_then(self) -> bool:
        if time.monotonic() - self._spoke < QUIET_SECONDS:
            return False
        self._spoke = time.monotonic()
        return True

    def _made(self) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def say(text: str) -> None:
    """A sentence on stderr."""
    print(text, file=sys.stderr, flush=True)

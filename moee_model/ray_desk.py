"""Between the driver and the workers of a training on Ray: what is said on one side is heard on the other.

Here is no import of Ray: the actor is made of `Desk` where Ray is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """How a run ended, in a sentence each; empty: it did not. failed: an error that would come again."""

    failed: str
    stopped: str


class Desk:
    """An actor beside the driver. A worker's news wait until the driver takes them; nothing else is kept."""

    def __init__(self) -> None:
        self._news: list[tuple[str, tuple[Any, ...]]] = []
        self._signal = 0
        self._failed = self._stopped = ""

    def tell(self, name: str, *arguments: Any) -> None:
        """A method of `Watching` is to be called."""
        self._news.append((name, arguments))

    def news(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What was told since the last call."""
        news, self._news = self._news, []
        return news

    def stop(self, number: int) -> None:
        """The driver was sent a signal."""
        self._signal = number

    def signal(self) -> int:
        """The signal that the driver was sent, 0: none."""
        return self._signal

    def failed(self, sentence: str) -> None:
        """The run failed in a way that another attempt would not change; the first sentence stays."""
        self._failed = self._failed or sentence

    def stopped(self, sentence: str) -> None:
        """The run was stopped and a checkpoint written."""
        self._stopped = self._stopped or sentence

    def ended(self) -> bool:
        """Whether a worker that starts now has nothing to do."""
        return bool(self._failed or self._stopped)

    def said(self) -> Said:
        """How the run ended."""
        return Said(self._failed, self._stopped)


class Told:
    """Implements `moee_model.train_watch.Watching`: tells the desk. Only the first worker speaks and asks."""

    def __init__(self, desk: Any, first: bool) -> None:
        self._desk, self._first = desk, first

    def _tell(self, name: str, *arguments: Any) -> None:
        if self._first:
            self._desk.tell.remote(name, *arguments)

    def asked(self) -> int:
        """The signal that the driver was sent, 0: none."""
        import ray

        return int(ray.get(self._desk.signal.remote())) if self._first else 0

    def begin(self, done: int, steps: int) -> None:
        """`done` of `steps` steps lie behind."""
        self._tell("begin", done, steps)

    def stage(self, name: str, parameters: int) -> None:
        """A stage begins, or goes on, that trains so many parameters."""
        self._tell("stage", name, parameters)

    def step(self, done: int, loss: float) -> None:
        """A step is done."""
        self._tell("step", done, loss)

    def note(self, text: str) -> None:
        """Something to be told on a line of its own."""
        self._tell("note", text)

    def features(self, what: str, done: int, total: int) -> None:
        """So many clips have their features."""
        self._tell("features", what, done, total)

"""Progress on stderr: a live bar with ETA and counts on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from curation.result import Result

QUIET_SECONDS = 30.0  # between lines when stderr is no terminal


class Progress:
    """Counts what ended and estimates the rest from the share of bytes done."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self.counts = {"kept": 0, "dropped": 0, "failed": 0}
        self.weights: Sequence[int] = ()
        self.started = time.monotonic()
        self.spoke = 0.0
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def note(self, text: str) -> None:
        """Say it on a line of its own."""
        self._line(text)

    def fetching(self, done: int, urls: int) -> None:
        """Say now and then how many URLs are settled."""
        self._now_and_then(done, urls, f"{urls} URLs; fetching them", f"{done} of {urls} URLs settled")

    def reading(self, done: int, inputs: int) -> None:
        """Say now and then how many inputs were read."""
        self._now_and_then(done, inputs, f"{inputs} inputs; reading them", f"read {done} of {inputs}")

    def _now_and_then(self, done: int, total: int, first: str, later: str) -> None:
        now = time.monotonic()
        if done == 1:
            self._line(first)
        elif now - max(self.started, self.spoke) >= QUIET_SECONDS:
            self.spoke = now
            self._line(later)

    def begin(self, weights: Sequence[int], settled: int) -> None:
        """Start the bar over the sources that need work."""
        self.weights = [max(1, weight) for weight in weights]
        self.started = time.monotonic()
        if not weights:
            self._line(f"nothing to do: all {settled} inputs are up to date")
            return
        self._line(f"{len(weights)} sources to curate, {settled} up to date")
        if self.console.is_terminal:
            self.bar = self._bar()
            self.task = self.bar.add_task("curate", total=sum(self.weights), said=self._said())
            self.bar.start()

    def _bar(self) -> Any:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            console=self.console,
            transient=True,
        )

    def tick(self, shares: Sequence[float]) -> None:
        """Move the bar, or say a line when it is time."""
        done = sum(weight * share for weight, share in zip(self.weights, shares, strict=False))
        if self.bar is not None:
            self.bar.update(self.task, completed=done, said=self._said())
            return
        now = time.monotonic()
        if now - max(self.started, self.spoke) >= QUIET_SECONDS:
            self.spoke = now
            share = done / sum(self.weights)
            left = f", about {(now - self.started) * (1 - share) / share:.0f} s left" if share > 0 else ""
            self._line(f"{100 * share:.0f} % done{left}: {self._said()}")

    def ended(self, result: Result) -> None:
        """Count an input."""
        self.counts[result.status] += 1

    def _said(self) -> str:
        return ", ".join(f"{number} {status}" for status, number in self.counts.items())

    def _line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

"""One item in a worker process, whatever the engine: how it ended, how far it is, and what it may take."""

import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

STALLED = signal.SIGALRM  # what ends a process that makes no progress: the kernel sends it, whatever the process does


@dataclass(frozen=True)
class Finished:
    """What became of one item.

    Args:
        index: its place in the sequence given to `run`.
        value: what the function returned, or None.
        error: the exception that it raised, or None.
        died: how its process ended when it did not end by itself (`signal 9`), or None.
        attempts: how often it was tried.
    """

    index: int
    value: Any = None
    error: BaseException | None = None
    died: str | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Limits:
    """What an item may take of its process; beyond it the item ends, and nothing but the item.

    Args:
        stall: s without progress (`report_progress`, `allow`) after which the process is ended; 0 for ever.
        memory: bytes of private memory, beyond which an allocation fails; 0 for all that the machine has.
    """

    stall: float = 0.0
    memory: int = 0


class Engine(Protocol):
    """Runs a function over items somewhere; it knows nothing of video."""

    workers: int

    def run(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        tick: Callable[[Sequence[float]], None] | None = None,
    ) -> Iterator[Finished]:
        """Yield each item's end as it comes; `function` must be importable by name.

        Args:
            function: called with one item; it may call `report_progress(share)`.
            items: picklable.
            tick: called about four times a second with each item's share done, in [0, 1].
        """


_report: Callable[[float], None] | None = None
_patience = 0.0  # s, of the item that this process works on


def report_progress(share: float) -> None:
    """Say how much of the current item is done, in [0, 1]: it goes on."""
    _wind(_patience)
    if _report is not None:
        _report(share)


def allow(seconds: float) -> None:
    """Say that the next step may take so long in addition without any progress to be seen."""
    _wind(_patience + seconds if _patience else 0.0)


@contextmanager
def working(limits: Limits, report: Callable[[float], None]) -> Iterator[None]:
    """Inside, this process works on an item: its progress goes to `report`, its limits hold."""
    global _report, _patience
    before = resource.getrlimit(resource.RLIMIT_DATA)
    _report, _patience = report, limits.stall
    if limits.stall:
        signal.signal(STALLED, signal.SIG_DFL)
    try:
        _wind(limits.stall)
        if limits.memory:
            most = limits.memory if before[1] == resource.RLIM_INFINITY else min(limits.memory, before[1])
            resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
        _wind(0.0)
        _report, _patience = None, 0.0


def _wind(seconds: float) -> None:
    if _patience:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def how_it_ended(number: int) -> str:
    """A process's end by a signal, as a few words."""
    return "no progress" if number == STALLED else f"signal {number}"

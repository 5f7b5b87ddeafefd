"""Who looks at the files of frames and clips: threads of this process, or for a large manifest processes beside it.

The looks are begun as soon as the tables are read and are asked for their answers where a check needs them, so that
other checks are made meanwhile.
"""

import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final

from manifests.processes import end_with_parent, usable_cores

MANY: Final = 10_000  # files; processes that are started for fewer take longer than they help
MOST: Final = 8


@dataclass(frozen=True)
class Asked:
    """A look that was begun."""

    future: Future[Any]
    look: Callable[..., Any]
    arguments: tuple[Any, ...]

    def answer(self) -> Any:
        """Wait for what it found; a process that died in the middle of it costs the time of a second look."""
        try:
            return self.future.result()
        except BrokenProcessPool:
            return self.look(*self.arguments)


class Crew:
    """Makes looks; use it in `with`.

    Args:
        processes: how many may be started; 1: threads of this one, also in a program that has no guarded `__main__`.
    """

    def __init__(self, processes: int = 1) -> None:
        self.processes = max(1, min(MOST, processes))
        self._pool: Executor | None = None

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def gather(self, files: int) -> None:
        """Take on as many as so many files are worth; without it, threads are taken."""
        if self._pool is None and self.processes > 1 and files >= MANY:
            self._pool = ProcessPoolExecutor(self.processes, get_context("spawn"), _begin)

    def ask(self, look: Callable[..., Any], *arguments: Any) -> Asked:
        """Begin a look.

        Args:
            look: a function of a module. arguments: its arguments, which another process can be sent.
        """
        if self._pool is None:  # threads read while others hash: a few more than cores where a disk is far away
            self._pool = ThreadPoolExecutor(max(2, min(MOST, usable_cores())))
        try:
            return Asked(self._pool.submit(look, *arguments), look, arguments)
        except BrokenProcessPool:
            self._pool = None
            return self.ask(look, *arguments)


def _begin() -> None:
    """Ctrl-C is for the process that asks; it ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()

"""The local engine: a process per core, one item per task, a dead worker costs its own item only."""

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import resource_tracker
from typing import Any

from curation.engines.item import Finished, Limits, how_it_ended, working
from manifests.processes import end_with_parent

POLL_SECONDS = 0.25
AHEAD = 3  # items given to the pool per worker: none idles, and 18,000 futures are not polled


class LocalEngine:
    """Runs a function over items in worker processes of this machine.

    Args:
        workers: processes.
        attempts: how often an item may lose its process before it is given up.
        limits: what an item may take.
    """

    def __init__(self, workers: int, attempts: int = 2, limits: Limits | None = None) -> None:
        self.workers = workers
        self.attempts = attempts
        self.limits = limits or Limits()

    def run(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        tick: Callable[[Sequence[float]], None] | None = None,
    ) -> Iterator[Finished]:
        """Yield each item's end as it comes; see `curation.engines.item.Engine`."""
        from pebble import ProcessPool

        resource_tracker.ensure_running()  # its start would end `_interrupts_held` in the middle of a worker's start
        context = multiprocessing.get_context("spawn")
        shares = context.RawArray("d", max(1, len(items)))
        workers = max(1, min(self.workers, len(items)))
        pool = ProcessPool(max_workers=workers, initializer=_start_worker, initargs=(shares,), context=context)
        waiting = deque((index, 1) for index in range(len(items)))
        running: dict[Future[Any], tuple[int, int]] = {}
        future: Future[Any]
        try:
            while waiting or running:
                while waiting and len(running) < AHEAD * workers:
                    index, attempt = waiting.popleft()
                    with _interrupts_held():  # a worker that starts here leaves Ctrl-C to the run
                        future = pool.schedule(_call, args=(function, index, items[index], self.limits))
                    running[future] = index, attempt
                done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    index, attempt = running.pop(future)
                    end = _end_of(future, index, attempt)
                    if end.died and attempt < self.attempts:
                        waiting.append((index, attempt + 1))
                        continue
                    shares[index] = 1.0
                    yield end
                if tick:
                    tick(shares)
            pool.close()
        finally:
            with contextlib.suppress(RuntimeError):
                pool.stop()
            pool.join()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment: it reaches the run right after, and never a process that starts inside."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_of(future: "Future[Any]", index: int, attempts: int) -> Finished:
    from pebble import ProcessExpired

    error = future.exception()
    if error is None:
        return Finished(index, value=future.result(), attempts=attempts)
    if isinstance(error, ProcessExpired):
        code = error.exitcode
        how = how_it_ended(-code) if code < 0 else f"exit code {code}"
        return Finished(index, died=how, attempts=attempts)
    return Finished(index, error=error, attempts=attempts)


_shares: Any = None  # free of locks, so that a killed worker blocks nobody


def _call(function: Callable[[Any], Any], index: int, item: Any, limits: Limits) -> Any:
    def report(share: float) -> None:
        _shares[index] = share

    with working(limits, report):
        return function(item)


def _start_worker(shares: Any) -> None:
    global _shares
    _shares = shares
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    end_with_parent()

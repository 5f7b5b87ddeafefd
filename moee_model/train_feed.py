"""Batches of a stage, in order, read ahead by a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from moee_model.batch import Batch


class Feed:
    """Calls `read(position)` for one position after another, a few ahead of the one that is asked for.

    One thread reads, so the order is fixed; an error comes out where the batch that it belongs to is taken.

    Args:
        read: position in the stage -> this process's passes of that step.
        positions: (first, behind the last) of them.
        ahead: batches read ahead; 0 reads each when it is asked for.
    """

    def __init__(self, read: Callable[[int], list[Batch]], positions: tuple[int, int], ahead: int) -> None:
        self._read, self._ahead = read, ahead
        self._next, self._end = positions
        self._waiting: deque[Future[list[Batch]]] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches") if ahead else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def take(self) -> list[Batch]:
        """The next position's batches."""
        if self._pool is None:
            self._next += 1
            return self._read(self._next - 1)
        while self._next < self._end and len(self._waiting) <= self._ahead:
            self._waiting.append(self._pool.submit(self._read, self._next))
            self._next += 1
        return self._waiting.popleft().result()

"""Processor time of this process, of its children, and of the models inside it."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


def used() -> float:
    """Processor seconds of this process with all of its threads, and of the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclass
class Spent:
    """Processor seconds by name; a name measured twice adds up."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Measure a block."""
        started = used()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + used() - started

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self.seconds.values())


class Timed:
    """A model whose calls are measured; everything else is the model's own.

    Args:
        model: called as it is.
        note: told the processor seconds of each call.
    """

    def __init__(self, model: Any, note: Callable[[float], None]) -> None:
        self._model, self._note = model, note

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Call the model."""
        started = time.process_time()
        try:
            return self._model(*arguments, **more)
        finally:
            self._note(time.process_time() - started)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

"""Models that the extractors share: each is opened once per process, and a run can tell which ones it used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from benchmark.errors import BenchmarkError
from perception.errors import PerceptionError

T = TypeVar("T")
_open: dict[str, Any] = {}
_used: set[str] = set()


def shared(name: str, load: Callable[[], T]) -> T:
    """The model of this name, opened at the first call.

    Raises:
        BenchmarkError: it cannot be opened: no clip can be scored with it.
    """
    _used.add(name)
    if name not in _open:
        try:
            _open[name] = load()
        except PerceptionError as error:
            raise BenchmarkError(str(error)) from error
    found: T = _open[name]
    return found


@contextmanager
def noted() -> Iterator[set[str]]:
    """Gives a set that holds, at the end of the block, the names of the models used in it."""
    before = set(_used)
    _used.clear()
    names: set[str] = set()
    try:
        yield names
    finally:
        names |= _used
        _used.update(before)


def lacking(models: tuple[str, ...], packages: tuple[str, ...], extra: str) -> str | None:
    """One sentence on what an extractor lacks, or None.

    Args:
        models: names of `perception.weights`.
        packages: that are imported.
        extra: of this program, that installs them.
    """
    import importlib.util

    from perception import weights

    for package in packages:
        if importlib.util.find_spec(package) is None:
            return f"The package {package} is not installed: run `pip install 'moee[{extra}]'`."
    for model in models:
        try:
            weights.find(model)
        except PerceptionError as error:
            return str(error)
    return None

"""Results as results.json holds them, and what differs between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from benchmark.bundle.record import MetricLine
from benchmark.errors import BenchmarkError
from benchmark.results import MetricResult, is_comparable
from manifests.text import printable

RELATIVE: Final = 1e-9
"""By how much of its size a number may differ when it is computed again, on another processor."""
ABSOLUTE: Final = 1e-12
"""By how much a number may differ whatever its size, in its unit."""


def line(key: str, result: MetricResult) -> MetricLine:
    """A result as it is kept: infinite ends of its interval are None, and so is an infinitely bad value.

    Numbers of `details` that are not finite become None: JSON has none.

    Raises:
        BenchmarkError: the value is no number or infinitely good, or a detail is no plain JSON.
    """
    value = float(result.value)
    worst = math.inf if result.direction == "lower" else -math.inf
    if math.isnan(value) or value == -worst:
        raise BenchmarkError(f"The metric {key} gives {value}, which is no score.")
    low, high = (float(end) for end in result.interval)
    return MetricLine(
        key=key,
        name=result.name,
        value=None if value == worst else value,
        infinite=value == worst,
        interval=(low if math.isfinite(low) else None, high if math.isfinite(high) else None),
        n=int(result.n),
        direction=result.direction,
        unit=result.unit,
        method=result.method,
        comparable=is_comparable(result.name),
        details=_plain(dict(result.details), key),
    )


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(child, f"{where}.{name}") for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child, where) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise BenchmarkError(f"The detail {printable(where)} is a {type(value).__name__}, which JSON cannot hold.")


def differences(said: MetricLine, found: MetricLine) -> list[str]:
    """What a bundle says of a metric and its features do not give: one sentence each."""
    sentences = []
    for name in type(said).model_fields:
        was, now = getattr(said, name), getattr(found, name)
        where = _first_difference(was, now, name)
        if where is not None:
            path, was, now = where
            sentences.append(f"{said.key}: results.json says {_shown(was)} ({path}), the features give {_shown(now)}.")
    return sentences


def clip_differences(key: str, said: Mapping[str, float], found: Mapping[str, float]) -> str | None:
    """Where the values of single clips differ, in one sentence that names them, or None."""
    clips = [clip for clip in sorted({*said, *found}) if not same(said.get(clip), found.get(clip))]
    if not clips:
        return None
    first = clips[0]
    more = "".join(f", {printable(clip)}" for clip in clips[1:5]) + (f", {len(clips) - 5} more" if clips[5:] else "")
    also = f"; it differs too for{more[1:]}" if more else ""
    was, now = _shown(said.get(first)), _shown(found.get(first))
    return f"{key}: clips.parquet says {was} for {printable(first)}, the features give {now}{also}."


def same(said: object, found: object) -> bool:
    """Whether two plain values are one but for what another processor's arithmetic does."""
    if isinstance(said, bool) or isinstance(found, bool) or not _number(said) or not _number(found):
        return type(said) is type(found) and said == found
    try:
        return math.isclose(said, found, rel_tol=RELATIVE, abs_tol=ABSOLUTE)  # type: ignore[arg-type]
    except OverflowError:  # a whole number beyond any float
        return said == found


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _first_difference(said: Any, found: Any, path: str) -> tuple[str, Any, Any] | None:
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        pairs = [(f"{path}.{name}", said.get(name, _NOTHING), found.get(name, _NOTHING)) for name in {**said, **found}]
    elif _sequence(said) and _sequence(found) and len(said) == len(found):
        pairs = [(f"{path}[{place}]", *pair) for place, pair in enumerate(zip(said, found, strict=True))]
    else:
        return None if same(said, found) else (path, said, found)
    return next((where for pair in pairs if (where := _first_difference(pair[1], pair[2], pair[0]))), None)


def _sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING: Final = _Nothing()


def _shown(value: Any) -> str:
    text = "nothing" if value is None else printable(repr(value))
    return text if len(text) <= 80 else text[:77] + "..."

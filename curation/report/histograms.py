"""Histograms of the measured columns, counted in numpy: a million clips take a second or two."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BARS: Final = 24  # about so many; the width of a bar is a round number
_WHOLE: Final = 30  # whole numbers over at most so many values get one bar each
_FEWEST: Final = 3  # more whole numbers on an axis than this, so that one bar does not fill the picture
_FAR: Final = 1.5  # the axis leaves out the outer 1 % when they would stretch it this many times
_NOTHING: Final = 1e-6  # of the range of values: what is smaller is written as 0
_MIDDLE: Final = (0.5, 99.5)  # percentiles


@dataclass(frozen=True)
class Histogram:
    """One measured column of `clips`, or another measure.

    Args:
        column: its name.
        about: what it says.
        unit: of its values, may be empty.
        reason: the code of a clip that fails its bound.
        low: the recipe's least accepted value, None without one.
        high: the recipe's greatest accepted value, None without one.
        edges: of the bars, one more than there are bars, rising.
        kept: kept clips per bar.
        outside: clips per bar that are not kept and fail this column's bound.
        elsewhere: clips per bar that are not kept for another reason.
        below: values under the first edge, counted in the first bar.
        above: values over the last edge, counted in the last bar.
        whole: whether a bar stands for one whole number, in its middle.
        values: how many there are.
        missing: clips without a value; where the column is bounded they fail.
        failing: clips that fail the bound, also those without a value.
        least, low5, median, high5, most: minimum, 5th percentile, median, 95th percentile, maximum.
        lines: values that are marked without being a bound, with their words.
    """

    column: str
    about: str
    unit: str
    reason: str
    low: float | None
    high: float | None
    edges: tuple[float, ...]
    kept: tuple[int, ...]
    outside: tuple[int, ...]
    elsewhere: tuple[int, ...]
    below: int
    above: int
    whole: bool
    values: int
    missing: int
    failing: int
    least: float
    low5: float
    median: float
    high5: float
    most: float
    lines: tuple[tuple[float, str], ...] = ()


def histograms(clips: pa.Table, select: Mapping[str, Mapping[str, float | None]]) -> list[Histogram]:
    """Return the histogram of every measured column that has a value, in the order of the columns.

    Args:
        clips: the columns `status` and those of `manifests.schema.measured()`.
        select: the recipe's thresholds: column -> {min, max}.
    """
    from manifests.schema import measured

    kept = pc.equal(clips.column("status"), "kept").to_numpy()
    bounds = {column: dict(select.get(column) or {}) for column in measured()}
    made = (_histogram(clips, column, bound, kept) for column, bound in bounds.items())
    return [histogram for histogram in made if histogram is not None]


def values_of(column: pa.ChunkedArray) -> np.ndarray:
    """A numeric column as floats of its own precision (whole numbers as float64), NaN where there is no value."""
    kind = column.type if pa.types.is_floating(column.type) else pa.float64()
    values = pc.fill_null(pc.cast(column, kind), pa.scalar(float("nan"), kind)).to_numpy()
    return np.where(np.isfinite(values), values, values.dtype.type("nan"))


def failing(values: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """[rows] bool, True where a value fails a bound, as `manifests.select` decides it."""
    kind = values.dtype.type  # 0.95 stored as float32 is below 0.95 as float64
    if low is None and high is None:
        return np.zeros(len(values), dtype=bool)
    inside = np.isfinite(values)
    if low is not None:
        inside &= values >= kind(low)
    if high is not None:
        inside &= values <= kind(high)
    return ~inside


def _histogram(clips: pa.Table, column: str, bound: dict[str, Any], kept: np.ndarray) -> Histogram | None:
    values = values_of(clips.column(column))
    low, high = bound.get("min"), bound.get("max")
    fails = failing(values, low, high)
    field = clips.schema.field(column)
    notes = {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}
    lines = ((0.0, "lips = sound"),) if column == "av_lag" else ()
    whole = not pa.types.is_floating(field.type) or notes.get("unit") == "voice"
    kinds = np.where(kept, 0, np.where(fails, 1, 2))
    made = of_values(column, notes.get("description", ""), values, kinds, (low, high), whole, lines)
    if made is None:
        return None
    return replace(made, unit=notes.get("unit", ""), reason=notes.get("reason", ""), failing=int(fails.sum()))


def of_values(
    column: str,
    about: str,
    values: np.ndarray,
    kinds: np.ndarray | None = None,
    bound: tuple[float | None, float | None] = (None, None),
    whole: bool = False,
    lines: tuple[tuple[float, str], ...] = (),
) -> Histogram | None:
    """Return the histogram of any numbers; None when there is none.

    Args:
        column: its name.
        about: what it says.
        values: [n] floats, NaN where there is none.
        kinds: [n] 0, 1 or 2: which of `kept`, `outside` and `elsewhere` counts it; `kept` when None.
        bound: least and greatest accepted value.
        whole: the values are whole numbers.
        lines: further values to mark, with their words.
    """
    there = np.isfinite(values)
    if not there.any():
        return None
    found = values[there]
    low, high = bound
    ends = [end for end in (low, high, *(value for value, _ in lines)) if end is not None]
    edges, whole = bar_edges(found, ends, whole)
    counts = _counted(found, edges, (np.zeros(len(values), int) if kinds is None else kinds)[there])
    outer = edges.astype(found.dtype)
    five = np.percentile(found.astype(float), (0, 5, 50, 95, 100))
    five[np.abs(five) < _NOTHING * (five[4] - five[0])] = 0.0
    least, low5, median, high5, most = five.tolist()
    return Histogram(
        column=column,
        about=about,
        unit="",
        reason="",
        low=low,
        high=high,
        edges=tuple(float(edge) for edge in edges),
        kept=tuple(map(int, counts[0])),
        outside=tuple(map(int, counts[1])),
        elsewhere=tuple(map(int, counts[2])),
        below=int((found < outer[0]).sum()),
        above=int((found > outer[-1]).sum()),
        whole=whole,
        values=len(found),
        missing=len(values) - len(found),
        failing=0,
        least=least,
        low5=low5,
        median=median,
        high5=high5,
        most=most,
        lines=lines,
    )


def _counted(values: np.ndarray, edges: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """[3, bars] counts; a value on an edge belongs to the bar on its right, the last edge to the last bar."""
    bars = len(edges) - 1
    # The edges take the column's precision, so that a value at a threshold stands on its right side.
    place = np.searchsorted(edges.astype(values.dtype), values, side="right") - 1
    place = np.clip(place, 0, bars - 1)
    return np.bincount(place + kinds * bars, minlength=3 * bars).reshape(3, bars)


def bar_edges(values: np.ndarray, bounds: list[float], whole: bool) -> tuple[np.ndarray, bool]:
    """Edges of bars of a round width that hold the bounds and all values but far outliers.

    Args:
        values: [n] finite, n > 0.
        bounds: thresholds that must lie on the axis.
        whole: the values are whole numbers.

    Returns:
        Rising edges, and whether each bar stands for one whole number.
    """
    low, high = float(values.min()), float(values.max())
    near = [float(end) for end in np.percentile(values, _MIDDLE)]
    if near[1] > near[0] and high - low > _FAR * (near[1] - near[0]):
        low, high = near
    low, high = min([low, *bounds]), max([high, *bounds])
    if whole and np.ceil(high) - np.floor(low) <= _WHOLE:
        first = np.floor(low)
        return np.arange(first, max(np.ceil(high), first + _FEWEST) + 2) - 0.5, True
    if high == low:
        step = round_step(abs(low) / 10 or 1.0)
        return low + step * np.array([-1.5, -0.5, 0.5, 1.5]), False
    step = _step((high - low) / _BARS, bounds)
    first, last = np.floor(low / step), np.ceil(high / step)
    first += (first + 1) * step <= low  # a quotient may miss a whole number by a hair
    last -= (last - 1) * step >= high
    places = max(0, 2 - int(np.floor(np.log10(step))))
    return np.round(np.arange(first, max(last, first + 1) + 1) * step, places), False


def _step(least: float, bounds: list[float]) -> float:
    """A round width, at least `least` or nearly so, at whose multiples the bounds lie where there is such a one."""
    default = round_step(least)
    for candidate in (default, round_step(least / 2), round_step(default * 1.01)):
        if all(abs(bound / candidate - round(bound / candidate)) < 1e-6 for bound in bounds):
            return candidate
    return default


def round_step(least: float) -> float:
    """The first of 1, 2, 2.5 and 5 times a power of ten that is not below `least` (> 0)."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * (1 - 1e-9)))

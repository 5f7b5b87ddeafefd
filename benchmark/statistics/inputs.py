"""Checks what callers hand to the statistics, and turns it into float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.errors import BenchmarkError


def features(x: np.ndarray, name: str = "the first set", least: int = 2) -> np.ndarray:
    """Rows of features as float64.

    Args:
        x: [n, d], any real number type.
        name: how an error calls it.
        least: rows that are needed.

    Raises:
        BenchmarkError: not two dimensions, no columns, fewer rows than needed, a number that is not finite.
    """
    rows = np.asarray(x)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise BenchmarkError(f"Features are rows and columns [n, d], but {name} has the shape {rows.shape}.")
    if not np.issubdtype(rows.dtype, np.number) or np.issubdtype(rows.dtype, np.complexfloating):
        raise BenchmarkError(f"Features are real numbers, but {name} holds {rows.dtype}.")
    if len(rows) < least:
        raise BenchmarkError(f"At least {least} rows of features are needed, but {name} has {len(rows)}.")
    rows = rows.astype(np.float64, copy=False)
    if not np.isfinite(rows).all():
        raise BenchmarkError(f"Features must be finite, but {name} holds NaN or infinity: leave such rows out.")
    return rows


def both(x: np.ndarray, y: np.ndarray, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features [n, d] and [m, d] as float64; raises `BenchmarkError` when they do not fit each other."""
    x, y = features(x, "the first set", least), features(y, "the second set", least)
    if x.shape[1] != y.shape[1]:
        raise BenchmarkError(f"Both sets need the same features, but they have {x.shape[1]} and {y.shape[1]} columns.")
    return x, y


def values(numbers: Sequence[float] | np.ndarray) -> np.ndarray:
    """One finite number per clip as float64 [n], n >= 1; raises `BenchmarkError` for anything else."""
    found = np.asarray(numbers, np.float64)
    if found.ndim != 1 or len(found) == 0:
        raise BenchmarkError(f"An interval needs one number per clip, but got the shape {found.shape}.")
    if not np.isfinite(found).all():
        raise BenchmarkError("An interval needs finite numbers, but a clip's value is NaN or infinite.")
    return found


def places(numbers: Sequence[int] | np.ndarray, length: int, below: int | None, name: str) -> np.ndarray:
    """Whole numbers >= 0 as int64 [length], all below a bound; raises `BenchmarkError` for anything else."""
    found = np.asarray(numbers)
    if found.shape != (length,) or (length and not np.issubdtype(found.dtype, np.integer)):
        raise BenchmarkError(f"{name} needs {length} whole numbers, but has {found.dtype} of the shape {found.shape}.")
    if length and (found.min() < 0 or (below is not None and found.max() >= below)):
        raise BenchmarkError(f"{name} holds a number outside of 0..{'' if below is None else below - 1}.")
    return found.astype(np.int64, copy=False)

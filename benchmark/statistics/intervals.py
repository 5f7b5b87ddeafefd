"""Intervals of means over clips: the bias-corrected and accelerated bootstrap, and the paired difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics.inputs import values as checked

BOOTSTRAP_FROM = 8  # clips; below, resamples are too few and too alike, and Student's t is the honest one
CHUNK = 2**21  # counts made at once


@dataclass(frozen=True)
class Interval:
    """Where the mean of all clips like these is thought to lie.

    low, high: ends, in the unit of the values; infinite where nothing can be said.
    method: how it was made, in words.
    """

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Paired:
    """A difference of two systems on the same clips.

    difference: mean of a - b.
    interval: of that mean.
    """

    difference: float
    interval: Interval


def bca(
    values: Sequence[float] | np.ndarray, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """The BCa bootstrap interval of a mean over clips (Efron 1987), with the exact jackknife acceleration.

    Values of one length and seed share their resamples, so that metrics of the same clips do. With fewer than 8 values
    the interval is Student's t, with a single one it is everything: (-inf, inf). Values that are all equal give that
    value twice, and the method says so: they show no spread, which does not prove that there is none.

    Args:
        values: [n] finite numbers, one per clip.
        resamples: of the bootstrap, >= 100.
        seed: of the resamples.
        confidence: 0..1.

    Returns:
        The interval and its method.

    Raises:
        BenchmarkError: no values, or some that are not finite.
    """
    found = checked(values)
    if resamples < 100 or not 0 < confidence < 1:
        raise BenchmarkError("A bootstrap needs 100 resamples or more and a confidence between 0 and 1.")
    n = len(found)
    if n == 1:
        return Interval(-np.inf, np.inf, "none: one clip tells nothing about others")
    mean = float(found.mean())
    if np.ptp(found) == 0:
        return Interval(float(found[0]), float(found[0]), f"none: all {n} clips have the same value")
    if n < BOOTSTRAP_FROM:
        return _student(found, mean, confidence)
    centred = found - mean
    scale = float(np.abs(centred).max())
    shifts = np.concatenate([counts @ (centred / scale) for counts in _resampled(n, resamples, seed)]) / n
    low, high = _ends(shifts, centred / scale, confidence)
    method = f"bca over clips, {resamples} resamples, seed {seed}"
    return Interval(mean + scale * low, mean + scale * high, method)


def paired(
    values_a: Sequence[float] | np.ndarray,
    values_b: Sequence[float] | np.ndarray,
    resamples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Paired:
    """The mean difference a - b of two systems on the same clips, in the same order, with its BCa interval.

    Args:
        values_a, values_b: [n] finite numbers, one per clip.
        resamples, seed, confidence: as in `bca`.

    Raises:
        BenchmarkError: as in `bca`, or lengths that differ.
    """
    a, b = checked(values_a), checked(values_b)
    if len(a) != len(b):
        raise BenchmarkError(f"A paired difference needs the same clips, but there are {len(a)} and {len(b)} values.")
    return Paired(float((a - b).mean()), bca(a - b, resamples, seed, confidence))


def _student(found: np.ndarray, mean: float, confidence: float) -> Interval:
    from scipy.special import stdtrit

    n = len(found)
    half = float(stdtrit(n - 1, 0.5 + confidence / 2) * found.std(ddof=1) / np.sqrt(n))
    return Interval(mean - half, mean + half, f"t over {n} clips: too few for a bootstrap")


def _ends(shifts: np.ndarray, centred: np.ndarray, confidence: float) -> tuple[float, float]:
    """BCa ends of resampled means [resamples] around 0, from the values [n] around their mean."""
    from scipy.special import ndtr, ndtri

    tie = 1e-12  # sums of the same values in another order are the same mean
    below = (np.mean(shifts < -tie) + np.mean(shifts <= tie)) / 2
    least = 0.5 / len(shifts)
    bias = ndtri(np.clip(below, least, 1 - least))
    acceleration = (centred**3).sum() / (6 * (centred**2).sum() ** 1.5)
    normal = bias + ndtri(np.array([0.5 - confidence / 2, 0.5 + confidence / 2]))
    low, high = np.quantile(shifts, ndtr(bias + normal / (1 - acceleration * normal)))
    return float(low), float(high)


def _resampled(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of n values is drawn, [rows, n] float64, until all resamples are through."""
    rows = max(1, CHUNK // n)
    for start in range(0, resamples, rows):
        yield _counts(n, min(rows, resamples - start), seed, start).astype(np.float64)


@lru_cache(maxsize=32)  # of CHUNK bytes: 64 MiB at most, up to some 6,000 clips
def _counts(n: int, rows: int, seed: int, start: int) -> np.ndarray:
    """[rows, n] uint8 counts of draws with repetition; a count of 256 never happens (chance below 1e-500)."""
    drawn = np.random.default_rng([seed, start]).integers(0, n, (rows, n))
    drawn += np.arange(rows)[:, None] * n
    found = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.uint8)
    found.setflags(write=False)
    return found

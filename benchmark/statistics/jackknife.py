"""The delete-group jackknife: bias and standard error of a number that a set of clips has as a whole.

Frames of a clip, and clips of an identity, depend on each other; groups of them do not. A number of the set is computed
without each group in turn, and from how it moves follow its bias (in 1/n) and its standard error. Groups may be of
unequal sizes (Busing, Meijer & van der Leeden 1999, `Delete-m jackknife for unequal m`).

A Frechet distance is not a mean, and two things go wrong with the plain jackknife of it:

- its variance counts what two groups do *together* twice (Efron & Stein 1981), so that intervals are too wide. This
  part is measured by deleting pairs of groups and taken off once; the degrees of freedom follow Satterthwaite (1946);
- its bias has a part in 1/n^2 that matters when clips are not many times the features (Schucany, Gray & Owen 1971).
  Deleting one and two of five coarse groups shows it, averaged over two partitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics.inputs import values

SECOND_ORDER_FROM = 10  # groups
COARSE = 5
PARTITIONS = 2


@dataclass(frozen=True)
class Jackknife:
    """What deleting groups says about a number.

    plain: of all groups; its expectation depends on how many rows there are.
    corrected: without the bias; it estimates the population's value, and may lie below 0 where that is near 0.
    error: standard error of either.
    degrees: of freedom of the error, for Student's t.
    groups: how many.
    method: in words.
    """

    plain: float
    corrected: float
    error: float
    degrees: float
    groups: int
    method: str

    def interval(self, around: float, confidence: float = 0.95) -> tuple[float, float]:
        """`around` -+ t standard errors."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.degrees, 0.5 + confidence / 2)) * self.error
        return around - half, around + half


def delete_groups(plain: float, deleted: np.ndarray, sizes: np.ndarray) -> Jackknife:
    """The first-order jackknife from estimates without each group.

    Args:
        plain: the estimate of everything.
        deleted: [g] the estimate without each group, g >= 2.
        sizes: [g] rows of each group (or their shares), > 0.

    Returns:
        Bias-corrected estimate, error and g - 1 degrees of freedom. For a mean the correction is zero, and with
        equal groups the error is that of the mean of the groups' means.

    Raises:
        BenchmarkError: fewer than 2 groups, lengths that differ, numbers that are not finite.
    """
    deleted, sizes = values(deleted), values(sizes)
    g = len(deleted)
    if g < 2 or len(sizes) != g or (sizes <= 0).any() or not np.isfinite(plain):
        raise BenchmarkError("A jackknife needs 2 groups or more, the size of each, and finite estimates.")
    times = sizes.sum() / sizes
    corrected = float(g * plain - ((1 - 1 / times) * deleted).sum())
    pseudo = times * plain - (times - 1) * deleted
    error = float(np.sqrt(((pseudo - corrected) ** 2 / (times - 1)).mean()))
    return Jackknife(float(plain), corrected, error, g - 1.0, g, f"delete-group jackknife, {g} groups, t")


def jackknife(evaluate: Callable[[np.ndarray], np.ndarray], sizes: np.ndarray, seed: int = 0) -> Jackknife:
    """The jackknife of any number of a set: second order from 10 groups on, first order below.

    Args:
        evaluate: from kept groups [k, g] bool to the k estimates of the rows in them.
        sizes: [g] rows of each group (or their shares), > 0, g >= 2.
        seed: of the coarse partitions.

    Returns:
        Plain and bias-corrected estimate with their error. With 10 groups or more the interval around `corrected`
        covers the population's value as often as it says (tests/proofs/test_coverage.py); with fewer it tends to be
        wide.

    Raises:
        BenchmarkError: fewer than 2 groups, or estimates that are not finite.
    """
    sizes = values(sizes)
    g = len(sizes)
    if g < 2:
        raise BenchmarkError("An interval of a set needs clips of 2 groups or more: this test set has only one.")
    single = np.eye(g, dtype=bool)
    if g < SECOND_ORDER_FROM:
        found = evaluate(~np.vstack([np.zeros((1, g), bool), single]))
        return delete_groups(found[0], found[1:], sizes)
    neighbours = single | np.roll(single, 1, axis=1)
    partitions = [_coarse(g, seed, number) for number in range(PARTITIONS)]
    plan = np.vstack([np.zeros((1, g), bool), single, neighbours, *(part for two in partitions for part in two)])
    found = values(evaluate(~plan))
    return _second_order(found, ~plan @ sizes, sizes)


def _coarse(g: int, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Five coarse groups [5, g] bool of g groups, and all pairs of them [10, g]."""
    order = np.random.default_rng([seed, number]).permutation(g)
    one = np.zeros((COARSE, g), bool)
    one[np.arange(g) % COARSE, order] = True
    return one, np.array([one[a] | one[b] for a, b in combinations(range(COARSE), 2)])


def _second_order(found: np.ndarray, rows: np.ndarray, sizes: np.ndarray) -> Jackknife:
    """From estimates of all plans of `jackknife` [k] and the rows that each had [k]."""
    g, total = len(sizes), sizes.sum()
    first = delete_groups(found[0], found[1 : g + 1], sizes)
    single, pairs = slice(1, g + 1), slice(g + 1, 2 * g + 1)
    weighted = found * rows
    # What neighbours do together: sums of rows, linear parts and biases in 1/n cancel in it.
    together = weighted[0] - weighted[single] - np.roll(weighted[single], -1) + weighted[pairs]
    shared = float(np.var(together * g / total)) / 2
    variance = max(first.error**2 - shared, first.error**2 / 2)
    spread = first.error**4 / (g - 1) + shared**2 / g
    degrees = min(max(variance**2 / spread, 2.0), g - 1.0) if spread > 0 else g - 1.0
    pair_count = COARSE * (COARSE - 1) // 2
    step = COARSE + pair_count
    starts = range(2 * g + 1, len(found), step)
    corrected = [_without_bias(found, rows, slice(at, at + COARSE), slice(at + COARSE, at + step)) for at in starts]
    method = f"second-order delete-group jackknife, {g} groups, t with {degrees:.1f} degrees"
    return Jackknife(float(found[0]), float(np.mean(corrected)), float(np.sqrt(variance)), degrees, g, method)


def _without_bias(found: np.ndarray, rows: np.ndarray, one: slice, two: slice) -> float:
    """The estimate at 1/n = 0 of a parabola in 1/n through everything, all but one and all but two coarse groups.

    Means weighted by the rows left hold no linear part of any group, so that the parabola adds no noise of first order.
    """
    system, right = [], []
    for part in (slice(0, 1), one, two):
        weights = rows[part] / rows[part].sum()
        parts = rows[0] / rows[part]
        system.append([1.0, float(weights @ parts), float(weights @ parts**2)])
        right.append(float(weights @ found[part]))
    return float(np.linalg.solve(np.array(system), np.array(right))[0])

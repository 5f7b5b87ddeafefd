"""Ranks of systems from paired tests: Holm's correction over all pairs, and one rank for those not told apart."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmark.errors import BenchmarkError

LEVEL: Final = 0.01
"""Chance, at most, that any two equally good systems of a column get different ranks, by the tests' own account. The
tests rest on approximations (Student's t of values that are not normal, the degrees of a jackknife): with 1 % here the
chance stays below 5 % with these in it (tests/proofs/test_ranks.py)."""


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for their number (Holm 1979): to call all those <= x different errs at all with chance x.

    Args:
        p: [m] two-sided p-values, 0..1.

    Returns:
        [m] adjusted p-values, 0..1, in the order of `p`.

    Raises:
        BenchmarkError: one is no number from 0 to 1.
    """
    found = np.asarray(p, np.float64)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all():
        raise BenchmarkError("Holm's correction takes a row of p-values from 0 to 1.")
    order = np.argsort(found, kind="stable")
    times = np.arange(len(found), 0, -1)
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum(np.maximum.accumulate(found[order] * times), 1.0)
    return adjusted


def ranks(better: np.ndarray) -> np.ndarray:
    """Ranks in which systems share one unless every pair across the cut between them is told apart.

    To count the better systems of each alone is not enough: of two equal systems one may be told apart from a third
    and the other not, and their ranks would differ by chance, however careful the tests are. With cuts they differ
    only where they are told apart themselves.

    Args:
        better: [n, n] bool; cell (i, j) says that i is better than j beyond doubt.

    Returns:
        [n] int64: one more than the number of systems ahead of the last cut, all of which are better.
    """
    better = np.asarray(better, bool)
    order = np.argsort(better.sum(axis=0), kind="stable")  # across a cut, all ahead have fewer that are better
    found, rank = np.ones(len(better), np.int64), 1
    for ahead in range(1, len(order)):
        if better[np.ix_(order[:ahead], order[ahead:])].all():
            rank = ahead + 1
        found[order[ahead]] = rank
    return found


def from_pairs(values: np.ndarray, p: np.ndarray, higher: bool, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of systems from the p-values of all their pairs.

    Args:
        values: [n] numbers of the systems; infinite where infinitely bad.
        p: [n, n] symmetric two-sided p-values, 0..1; the diagonal is not read.
        higher: whether more is better.
        level: see `LEVEL`.

    Returns:
        [n] ranks, and [n, n] p-values after Holm's correction over the n (n - 1) / 2 pairs; 1 on the diagonal.
    """
    count = len(values)
    upper = np.triu_indices(count, 1)
    adjusted = np.ones((count, count))
    adjusted[upper] = holm(np.asarray(p)[upper])
    adjusted[upper[1], upper[0]] = adjusted[upper]
    signed = np.asarray(values, np.float64) * (1 if higher else -1)
    return ranks((adjusted <= level) & (signed[:, None] > signed[None, :])), adjusted

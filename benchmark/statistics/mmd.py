"""Kernel inception distance: the squared maximum mean discrepancy with a cubic kernel, unbiased and fast.

k(a, b) = (a.b / d + 1)^3  (Binkowski et al. 2018, `Demystifying MMD GANs`)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics.inputs import both, places

BLOCK = 1024  # rows of the kernel held at once
CACHED = 4096  # rows up to which subsets are cut out of one kernel


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """The full unbiased estimate: a U-statistic over all pairs of rows.

    Args:
        x: [n, d] features, n >= 2; y: [m, d] features, m >= 2; any real dtype, computed in float64.

    Returns:
        The estimate; unbiased, so that it may lie below 0 for sets that are alike.

    Raises:
        BenchmarkError: the sets do not fit each other, have fewer than 2 rows or numbers that are not finite.
    """
    x, y = both(x, y)
    sums = KernelSums.of(x, np.zeros(len(x), np.int64), y, np.zeros(len(y), np.int64), 1)
    return float(sums.kid(np.ones((1, 1), bool))[0])


def kid_subsets(
    x: np.ndarray, y: np.ndarray, subsets: int = 100, size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The legacy form: mean and standard deviation of KID over random subsets.

    Draws what torch-fidelity draws (NumPy's `RandomState`, without repetition, first set first); its default seed is
    2020. It keeps features in their dtype, here they become float64 first. The deviation tells how subsets differ; it
    is no standard error of the mean.

    Args:
        x: [n, d] features; y: [m, d] features; any real dtype.
        subsets: how many.
        size: rows of each subset, <= n and <= m.
        seed: of the draws.

    Returns:
        Mean and standard deviation (of the population, ddof 0).

    Raises:
        BenchmarkError: the sets do not fit each other or are smaller than a subset.
    """
    x, y = both(x, y)
    if size < 2 or subsets < 1 or size > min(len(x), len(y)):
        raise BenchmarkError(f"Subsets of {size} rows cannot be drawn from {len(x)} and {len(y)} rows: use fewer.")
    rng = np.random.RandomState(seed)
    whole = max(len(x), len(y)) <= CACHED
    kernels = (_kernel(x, x), _kernel(y, y), _kernel(x, y)) if whole else None
    found = np.empty(subsets)
    for i in range(subsets):
        rows_x = rng.choice(len(x), size, replace=False)
        rows_y = rng.choice(len(y), size, replace=False)
        if kernels is None:
            within_x, within_y = _kernel(x[rows_x], x[rows_x]), _kernel(y[rows_y], y[rows_y])
            across = _kernel(x[rows_x], y[rows_y])
        else:
            within_x, within_y = kernels[0][np.ix_(rows_x, rows_x)], kernels[1][np.ix_(rows_y, rows_y)]
            across = kernels[2][np.ix_(rows_x, rows_y)]
        within = within_x.sum() - within_x.trace() + within_y.sum() - within_y.trace()
        found[i] = within / (size * (size - 1)) - 2 * across.mean()
    return float(found.mean()), float(found.std())


@dataclass(frozen=True, eq=False)
class KernelSums:
    """Sums of the kernel over blocks of groups: KID of any groups costs additions only.

    xx, yy, xy: [g, g] sums over pairs of rows, a row with itself left out of xx and yy.
    rows_x, rows_y: [g] rows of each group.
    """

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray
    rows_x: np.ndarray
    rows_y: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, groups_x: np.ndarray, y: np.ndarray, groups_y: np.ndarray, count: int) -> KernelSums:
        """From features [n, d], [m, d] and the group, 0..count - 1, of each row; raises `BenchmarkError`."""
        x, y = both(x, y)
        groups_x = places(groups_x, len(x), count, "The groups of the first set")
        groups_y = places(groups_y, len(y), count, "The groups of the second set")
        xx, yy = _sums(x, groups_x, x, groups_x, count), _sums(y, groups_y, y, groups_y, count)
        d = x.shape[1]
        for sums, rows, groups in ((xx, x, groups_x), (yy, y, groups_y)):
            own = ((rows * rows).sum(1) / d + 1) ** 3
            sums[np.arange(count), np.arange(count)] -= np.bincount(groups, own, count)
        rows_x, rows_y = np.bincount(groups_x, minlength=count), np.bincount(groups_y, minlength=count)
        return cls(xx, yy, _sums(x, groups_x, y, groups_y, count), rows_x, rows_y)

    def kid(self, kept: np.ndarray) -> np.ndarray:
        """The unbiased estimates [k] of the rows in kept groups [k, g] bool; raises `BenchmarkError` below 2 rows."""
        kept = np.asarray(kept, bool).astype(np.float64)
        n, m = kept @ self.rows_x, kept @ self.rows_y
        if min(n.min(), m.min()) < 2:
            raise BenchmarkError(f"KID needs 2 rows of each set, but {int(n.min())} and {int(m.min())} are left.")
        within_x, within_y, across = (np.einsum("kg,gh,kh->k", kept, s, kept) for s in (self.xx, self.yy, self.xy))
        return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def kid_delete_groups(x: np.ndarray, groups_x: np.ndarray, y: np.ndarray, groups_y: np.ndarray) -> np.ndarray:
    """KID without each group in turn.

    Args:
        x: [n, d] features; y: [m, d] features.
        groups_x, groups_y: [n], [m] int, 0..g - 1, the group of each row.

    Returns:
        [g] estimates.

    Raises:
        BenchmarkError: the sets do not fit, or fewer than 2 rows are left.
    """
    x, y = both(x, y)
    count = int(max(np.max(groups_x), np.max(groups_y))) + 1
    return KernelSums.of(x, groups_x, y, groups_y, count).kid(~np.eye(count, dtype=bool))


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found = a @ b.T
    found /= a.shape[1]
    found += 1
    return found * found * found


def _sums(a: np.ndarray, groups_a: np.ndarray, b: np.ndarray, groups_b: np.ndarray, count: int) -> np.ndarray:
    """Sums of the kernel [count, count] over blocks of groups, a stripe of rows at a time."""
    total = np.zeros((count, count))
    for start, stop in _stripes(len(a)):
        per_row = _kernel(a[start:stop], b) @ _indicator(groups_b, count)
        total += _indicator(groups_a[start:stop], count).T @ per_row
    return total


def _indicator(groups: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros((len(groups), count))
    found[np.arange(len(groups)), groups] = 1
    return found


def _stripes(total: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, BLOCK):
        yield start, min(start + BLOCK, total)

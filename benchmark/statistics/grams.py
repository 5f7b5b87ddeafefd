"""Frechet distances of any resample of two sets, from inner products that are computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics import dense
from benchmark.statistics.frechet import distance
from benchmark.statistics.inputs import both, places


@dataclass(frozen=True, eq=False)
class Grams:
    """Inner products of all rows of two sets, float64; features are needed no more.

    A resample is a weight per row; centring is algebra on the products (double centring, as in kernel PCA), and the
    trace of the Frechet distance is the nuclear norm of the centred, weighted X Y'. It costs O(n^2) and one singular
    value decomposition of the distinct rows, whatever d is. Exact for any n, but made for n up to about d.

    xx: [n, n], yy: [m, m], xy: [n, m]: products of rows after the mean of both sets was taken off, which moves no
        distance and keeps digits.
    """

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Grams:
        """From features [n, d] and [m, d] of any real dtype; raises `BenchmarkError` where they do not fit."""
        x, y = both(x, y)
        middle = (x.mean(0) + y.mean(0)) / 2
        x, y = x - middle, y - middle
        return cls(x @ x.T, y @ y.T, x @ y.T)

    def frechet(
        self, rows_x: Sequence[int] | np.ndarray | None = None, rows_y: Sequence[int] | np.ndarray | None = None,
        ddof: int = 1,
    ) -> float:  # fmt: skip
        """The squared Frechet distance of the rows drawn.

        Args:
            rows_x: places of rows of the first set, any number >= 2, in any order, repetitions allowed; None for all.
            rows_y: the same of the second set.
            ddof: as in `frechet`.

        Returns:
            The distance, >= 0.

        Raises:
            BenchmarkError: fewer than 2 rows, or a place that does not exist.
        """
        return self._weighted(_counts(rows_x, len(self.xx)), _counts(rows_y, len(self.yy)), ddof)

    def without(self, out_x: np.ndarray, out_y: np.ndarray, ddof: int = 1) -> np.ndarray:
        """The distances that are left when rows are taken out.

        Args:
            out_x: [k, n] bool, rows of the first set that each of k deletions takes out.
            out_y: [k, m] bool, rows of the second set.
            ddof: as in `frechet`.

        Returns:
            [k] distances.
        """
        left_x, left_y = 1.0 - np.asarray(out_x, bool), 1.0 - np.asarray(out_y, bool)
        if len(left_x) != len(left_y):
            raise BenchmarkError(
                f"Each deletion takes rows of both sets, but there are {len(left_x)} and {len(left_y)}."
            )
        size = min(self.xy.shape)
        return dense.each(lambda i: self._weighted(left_x[i], left_y[i], ddof), len(left_x), size)

    def delete_groups(self, groups_x: np.ndarray, groups_y: np.ndarray, ddof: int = 1) -> np.ndarray:
        """The distance without each group in turn.

        Args:
            groups_x: [n] int, the group of each row of the first set.
            groups_y: [m] int, of the second set.
            ddof: as in `frechet`.

        Returns:
            [g] distances, in the order of the groups' numbers.
        """
        groups_x = places(groups_x, len(self.xx), None, "The groups of the first set")
        groups_y = places(groups_y, len(self.yy), None, "The groups of the second set")
        names = np.union1d(groups_x, groups_y)[:, None]
        return self.without(groups_x == names, groups_y == names, ddof)

    def _weighted(self, weights_x: np.ndarray, weights_y: np.ndarray, ddof: int) -> float:
        n, m = weights_x.sum(), weights_y.sum()
        if min(n, m) < 2:
            raise BenchmarkError(f"A Frechet distance needs 2 rows of each set, but {int(n)} and {int(m)} are left.")
        length_x = weights_x @ self.xx @ weights_x / n**2  # of the mean, squared
        length_y = weights_y @ self.yy @ weights_y / m**2
        spread_x = (weights_x @ self.xx.diagonal() - n * length_x) / (n - ddof)
        spread_y = (weights_y @ self.yy.diagonal() - m * length_y) / (m - ddof)
        used_x, used_y = np.flatnonzero(weights_x), np.flatnonzero(weights_y)
        weights_x, weights_y = weights_x[used_x], weights_y[used_y]
        cross = self.xy[np.ix_(used_x, used_y)]
        along_y, along_x = cross @ weights_y / m, weights_x @ cross / n
        both_means = weights_x @ along_y / n
        cross -= along_y[:, None]
        cross -= along_x - both_means
        cross *= np.sqrt(weights_x)[:, None]
        cross *= np.sqrt(weights_y)
        root = dense.svdvals(np, cross).sum() / np.sqrt((n - ddof) * (m - ddof))
        return float(distance(np, length_x + length_y - 2 * both_means, spread_x + spread_y, root))


def _counts(rows: Sequence[int] | np.ndarray | None, total: int) -> np.ndarray:
    if rows is None:
        return np.ones(total)
    rows = np.asarray(rows)
    return np.bincount(places(rows, len(rows), total, "A resample"), minlength=total).astype(np.float64)

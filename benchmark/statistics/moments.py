"""Means and covariances of a set without some of its groups, from sums that are made once."""

from __future__ import annotations

import numpy as np

KEPT_BYTES = 2**27  # of outer products of all groups; above it they are made again from the rows


class GroupMoments:
    """A set's rows summed by group, and taken away again.

    Args:
        x: [n, d] float64, near its own mean (then nothing is lost when sums are subtracted).
        groups: [n] int, 0..count - 1.
        count: of groups.
    """

    def __init__(self, x: np.ndarray, groups: np.ndarray, count: int) -> None:
        order = np.argsort(groups, kind="stable")
        self.x, self.groups = x[order], groups[order]
        self.rows = np.bincount(groups, minlength=count)
        stops = np.cumsum(self.rows)
        parts = [self.x[stop - rows : stop] for stop, rows in zip(stops, self.rows, strict=True)]
        self.sums = np.array([part.sum(0) for part in parts])
        small = count * x.shape[1] ** 2 * 8 <= KEPT_BYTES
        self.products = np.array([part.T @ part for part in parts]) if small else None
        self.total = self.x.T @ self.x if self.products is None else None

    def kept(self, kept: np.ndarray, ddof: int) -> tuple[np.ndarray, np.ndarray]:
        """Means [k, d] and covariances [k, d, d] of the rows in kept groups [k, g] bool."""
        weights = kept.astype(np.float64)
        n = weights @ self.rows
        means = weights @ self.sums / n[:, None]
        if self.products is None:
            squares = np.array([self._without(~one) for one in kept])
        else:
            g, d = self.sums.shape
            squares = (weights @ self.products.reshape(g, d * d)).reshape(-1, d, d)
        squares -= n[:, None, None] * means[:, :, None] * means[:, None, :]
        squares /= (n - ddof)[:, None, None]
        return means, squares

    def _without(self, gone: np.ndarray) -> np.ndarray:
        taken = self.x[gone[self.groups]]
        found: np.ndarray = self.total - taken.T @ taken
        return found

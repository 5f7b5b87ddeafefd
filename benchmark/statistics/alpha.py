"""Krippendorff's alpha: how far raters agree on the same items beyond chance, with answers missing."""

from __future__ import annotations

from typing import Literal

import numpy as np

from benchmark.errors import BenchmarkError

Level = Literal["ordinal", "interval"]


def alpha(answers: np.ndarray, level: Level) -> float | None:
    """Krippendorff's alpha, 1 - observed / expected disagreement (Krippendorff 2019, Content Analysis, ch. 12).

    1 is full agreement, 0 what chance gives, below 0 disagreement by rule. Items with one answer say nothing about
    agreement and are left out.

    Args:
        answers: [raters, items] numbers, NaN where a rater gave none.
        level: `interval` takes squared differences, `ordinal` squared differences of ranks.

    Returns:
        The coefficient; None where no item has two answers, or all answers are the same.

    Raises:
        BenchmarkError: the answers are no table of finite numbers and NaN.
    """
    found = np.asarray(answers, np.float64)
    if found.ndim != 2 or np.isinf(found).any():
        raise BenchmarkError("Agreement needs a table of raters x items, with finite answers.")
    values, counts = _counts(found)
    pairable = counts.sum(axis=1) >= 2
    counts = counts[pairable]
    if not len(counts):
        return None
    of_item = counts.sum(axis=1, keepdims=True)
    coincidences = (counts / (of_item - 1)).T @ counts - np.diag((counts / (of_item - 1)).sum(axis=0))
    totals = coincidences.sum(axis=1)
    distance = _distances(values, totals, level)
    expected = (totals[:, None] * totals[None, :] - np.diag(totals)) / (totals.sum() - 1)
    chance = float((expected * distance).sum())
    if chance <= 0:
        return None
    return 1.0 - float((coincidences * distance).sum()) / chance


def _counts(answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values that occur, ascending, [values]; how often each item has each, [items, values] float64."""
    given = ~np.isnan(answers)
    values, which = np.unique(answers[given], return_inverse=True)
    items = np.broadcast_to(np.arange(answers.shape[1]), answers.shape)[given]
    flat = np.bincount(items * len(values) + which, minlength=answers.shape[1] * len(values))
    return values, flat.reshape(answers.shape[1], len(values)).astype(np.float64)


def _distances(values: np.ndarray, totals: np.ndarray, level: Level) -> np.ndarray:
    """[values, values] squared distances."""
    if level == "interval":
        return (values[:, None] - values[None, :]) ** 2
    middles = np.cumsum(totals) - totals / 2  # of each value's ranks: answers between two values, ends counted half
    return (middles[:, None] - middles[None, :]) ** 2

"""Means whose intervals hold both raters and clips as random: two-way clustered variance and Student's t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mean:
    """A mean of answers.

    low, high: ends of its 95 % interval; NaN where one rater or one clip tells nothing about others.
    raters, clips: how many of each gave it. n: answers.
    """

    value: float
    low: float
    high: float
    raters: int
    clips: int
    n: int


def mean(answers: np.ndarray, raters: np.ndarray, clips: np.ndarray, confidence: float = 0.95) -> Mean:
    """The mean of all answers with an interval for other raters and other clips like these.

    The variance is that of Cameron, Gelbach and Miller (2011): clustered by rater plus clustered by clip less that of
    single answers, each with the factor G / (G - 1) for its G clusters; where that sum is below one of the first two,
    the larger of those stands in its place. The interval is Student's t with min(raters, clips) - 1 degrees of freedom.

    Args:
        answers: [n] numbers. raters, clips: [n] whole numbers that say whose and of what each is.
        confidence: 0..1.

    Returns:
        The mean; its ends are NaN with fewer than two raters or two clips.
    """
    from scipy.stats import t

    value = float(np.mean(answers))
    counts = len(np.unique(raters)), len(np.unique(clips))
    if min(counts) < 2:
        return Mean(value, np.nan, np.nan, *counts, len(answers))
    spread = covariance((answers - value)[:, None] / len(answers), raters, clips)
    half = float(t.ppf(0.5 + confidence / 2, min(counts) - 1) * np.sqrt(spread[0, 0]))
    return Mean(value, value - half, value + half, *counts, len(answers))


def covariance(influence: np.ndarray, raters: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Two-way clustered covariance of an estimate, [p, p] (see `mean`).

    Args:
        influence: [n, p] what each answer adds to the estimate's error.
        raters, clips: [n] whole numbers.
    """
    by_rater, by_clip = _clustered(influence, raters), _clustered(influence, clips)
    both = by_rater + by_clip - _clustered(influence, np.arange(len(influence)))
    single = np.maximum(np.diag(by_rater), np.diag(by_clip))
    low = np.diag(both) < single
    both[low, low] = single[low]
    return both


def _clustered(influence: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    _, which = np.unique(clusters, return_inverse=True)
    count = int(which.max()) + 1
    sums = np.zeros((count, influence.shape[1]))
    np.add.at(sums, which, influence)
    return count / (count - 1) * (sums.T @ sums) if count > 1 else sums.T @ sums

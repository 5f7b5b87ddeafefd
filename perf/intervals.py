"""Intervals: a share of few items, and the area under an ROC curve, with what their size allows to say."""

from collections.abc import Sequence

import numpy as np

from manifests.intervals import wilson as wilson


def auc(positive: Sequence[float] | np.ndarray, negative: Sequence[float] | np.ndarray) -> float:
    """How often a positive scores above a negative, ties counted half: the area under the ROC curve, 0..1."""
    above = np.asarray(positive, np.float64)[:, None]
    below = np.asarray(negative, np.float64)[None, :]
    return float(np.mean((above > below) + 0.5 * (above == below)))


def auc_interval(
    positive: Sequence[float], negative: Sequence[Sequence[float]], rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % bootstrap interval of `auc` when clips, not pairs, are drawn again.

    Args:
        positive: [clips] the score of each clip's own pair.
        negative: [clips] the scores of that clip's other pairs.
        rounds: of the bootstrap.
        seed: of the draws.

    Returns:
        The 2.5th and 97.5th percentile, 0..1.
    """
    rng = np.random.default_rng(seed)
    own = np.asarray(positive, np.float64)
    found = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(own), len(own))
        found.append(auc(own[drawn], np.concatenate([np.asarray(negative[i], np.float64) for i in drawn])))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)

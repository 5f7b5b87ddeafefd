"""Intervals: a share of few items, and the area under an ROC curve, with what their size allows to say."""

from collections.abc import Sequence

import numpy as np

Z = 1.959963984540054  # 97.5th percentile of the normal distribution


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of a share (E. B. Wilson, 1927), 0..1; (0, 1) for no items."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, Z * Z / of
    centre = (share + spread / 2) / (1 + spread)
    half = Z * np.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


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

"""Which raters are excluded, by rules that study.json fixed before the first answer.

1. A rater who fails more instructed steps than `Rules.instructed_failures` did not read.
2. A rater whose answers do not go along with the mean of the others' beyond chance did not watch. ITU-R BT.500 and
   ITU-T P.913 screen raters after the test too, by their deviation from and their correlation with all raters; theirs
   are fixed limits, ours is a test of no agreement at all, as a limit excludes honest raters where systems are close.
   The correlation is over all rated items and questions, each answer less the mean of its question; chance is the
   rater's items in another order (for a choice: each item's A and B exchanged at random, as the study drew them).
   "The others" are all raters that pass rule 1.

Repeated items exclude nobody: how far a rater repeats its answers is said beside the scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.study.model import Rules


@dataclass(frozen=True)
class Agreement:
    """How a rater's answers go along with the others'.

    correlation: -1..1; None where the rater gives one answer only. p: that chance gives as much or more.
    items: that others rated too.
    """

    correlation: float | None
    p: float
    items: int


def agreement(
    mine: np.ndarray, sums: np.ndarray, counts: np.ndarray, rules: Rules, signed: bool, seed: tuple[int, int]
) -> Agreement | None:
    """Hold one rater against the mean of the others.

    Args:
        mine: [items, questions] answers, NaN where there is none; an item is answered whole or not at all.
        sums, counts: [items, questions] of all raters' answers, with this one's.
        rules: of the study.
        signed: choices, coded -1, 0, 1: chance exchanges signs and not items, and nothing is centred.
        seed: of chance: the study's and the rater's number.

    Returns:
        None where too few items were rated by others too.
    """
    both = ~np.isnan(mine).any(axis=1) & (counts > 1).all(axis=1)
    if both.sum() < rules.least_items:
        return None
    mine = mine[both]
    theirs = (sums[both] - mine) / (counts[both] - 1)
    if not signed:
        mine, theirs = mine - mine.mean(axis=0), theirs - theirs.mean(axis=0)
    size = float(np.sqrt((mine**2).sum() * (theirs**2).sum()))
    if size < 1e-12:
        return Agreement(None, 1.0, int(both.sum()))
    found = float((mine * theirs).sum())
    drawn = _chance(mine, theirs, rules.resamples, signed, np.random.default_rng(seed))
    p = (1 + int((drawn >= found - 1e-9 * size).sum())) / (1 + rules.resamples)
    return Agreement(found / size, p, int(both.sum()))


def _chance(mine: np.ndarray, theirs: np.ndarray, resamples: int, signed: bool, rng: np.random.Generator) -> np.ndarray:
    """[resamples] sums of products as chance gives them."""
    if signed:
        signs = rng.integers(0, 2, (resamples, len(mine))) * 2 - 1
        return signs @ (mine * theirs).sum(axis=1)
    products = mine @ theirs.T  # [items, items]
    orders = rng.permuted(np.tile(np.arange(len(mine)), (resamples, 1)), axis=1)
    return products[np.arange(len(mine)), orders].sum(axis=1)

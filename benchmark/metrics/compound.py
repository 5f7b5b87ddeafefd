"""Compound emotions: whether both parts of a compound such as `happily-surprised` are read from the system's video.

Definition
From the panel's probabilities, of clips labelled with a compound only. A pair of basic emotions scores the smaller of
its two probabilities; there are 15 pairs. `compound-margin` is the labelled pair's score minus the best other pair's,
-0.5 to 0.5; `compound-top2` is 1 where both parts are likelier than all six other classes, else 0; `compound-balance`
is the difference of the two parts' probabilities, 0 to 1; all are means over clips. `compound-f1` is the macro-F1 over
the compounds among the labels, where the answer is the best pair and counts as `other` when that is none of the four,
or when two pairs are equally good; its interval is a delete-group jackknife over identities, or groups of clips where
there are fewer than ten. Frames that lack a face where the ground truth shows one count as -0.5, 0, 1 and as no
answer, in proportion; clips that failed do so wholly. `details.ground_truth` is the same number of the ground truth.

Weights
As `emotion-accuracy`: the members that the machine has; the hash in the result's name covers all of them.

What moves it
A system that shows one of the two emotions well loses margin and balance. Members trained on single labels tend to
answer with one emotion, so that the ground truth's own numbers are low.

Traps
Balance alone is best for a face that shows nothing: read it beside the margin. Taxonomies differ: the four compounds
here are those of MoEE, C-EXPR-DB has seven, RAF-DB eleven.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from benchmark.features import Clip, Features
from benchmark.metrics._confusion import Confusion, confusion, f1_with_interval
from benchmark.metrics._over_clips import ClipValues, name_of, over_clips
from benchmark.metrics._panel import FEATURE, NEEDS, panel, probabilities, with_lost
from benchmark.results import Metric, MetricResult
from manifests.emotions import BASIC, COMPOUNDS

PAIRS = tuple(combinations(range(len(BASIC)), 2))
OTHER = "other"
_ANSWERS = (*COMPOUNDS, OTHER)


def pair_of(compound: str) -> int:
    """The place of a compound in `PAIRS`."""
    first, second = sorted(BASIC.index(part) for part in COMPOUNDS[compound])
    return PAIRS.index((first, second))


def pair_scores(probability: np.ndarray) -> np.ndarray:
    """The smaller probability of each pair of basic emotions: from [n, 8] to [n, 15]."""
    first, second = (list(side) for side in zip(*PAIRS, strict=True))
    return np.minimum(probability[:, first], probability[:, second])


def margins(probability: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The score of the pairs [n] minus the best other pair's, [n]."""
    scores = pair_scores(probability)
    own = np.take_along_axis(scores, pairs[:, None], axis=1)[:, 0]
    np.put_along_axis(scores, pairs[:, None], -np.inf, axis=1)
    return np.asarray(own - scores.max(axis=1))


def _parts(probability: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.array(PAIRS)[pairs]
    return np.take_along_axis(probability, places, axis=1), places


def both_on_top(probability: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """[n] 1 where both parts of the pairs [n] are likelier than the six other classes, else 0."""
    own, places = _parts(probability, pairs)
    others = probability.copy()
    np.put_along_axis(others, places, -np.inf, axis=1)
    return (own.min(axis=1) > others.max(axis=1)).astype(np.float64)


def imbalances(probability: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """[n] difference of the probabilities of the two parts of the pairs [n]."""
    own, _ = _parts(probability, pairs)
    return np.asarray(np.abs(own[:, 0] - own[:, 1]))


def answers(probability: np.ndarray) -> np.ndarray:
    """[n] the compound that is the best pair, a place among the four, or 4 for another pair or two that are equal."""
    scores = pair_scores(np.nan_to_num(probability, nan=0.0))
    best = scores.argmax(axis=1)
    ranked = np.sort(scores, axis=1)
    compound = {pair_of(name): place for place, name in enumerate(COMPOUNDS)}
    found = np.array([compound.get(int(pair), len(COMPOUNDS)) for pair in best], np.int64)
    return np.where(ranked[:, -1] > ranked[:, -2], found, len(COMPOUNDS))


def _pairs(clips: tuple[Clip, ...]) -> np.ndarray:
    return np.array([pair_of(str(clip.compound)) for clip in clips], np.int64)


def _values(
    score: Callable[[np.ndarray, np.ndarray], np.ndarray], worst: float
) -> Callable[[Features], ClipValues]:  # fmt: skip
    def values(features: Features) -> ClipValues:
        seen = panel(features, "compound")
        shown = seen.share > 0
        found = np.full(len(seen.alive), worst)
        found[shown] = score(seen.generated[shown], _pairs(seen.alive)[shown])
        truth = score(probabilities(seen.clips, "real", FEATURE).values, _pairs(seen.clips))
        return ClipValues(seen.clips, with_lost(found, seen.share, worst), {"ground_truth": float(truth.mean())})

    return values


def _table(clips: tuple[Clip, ...], said: np.ndarray, share: np.ndarray) -> Confusion:
    return confusion(clips, [str(clip.compound) for clip in clips], _ANSWERS, answers(said), share)


def _compute_f1(features: Features) -> MetricResult:
    seen = panel(features, "compound")
    table = _table(seen.clips, seen.generated, seen.share)
    value, interval, method = f1_with_interval(seen.clips, table)
    details = {"confusion": table.detail(), "failed_clips": len(seen.clips) - len(seen.alive)}
    name = name_of(features, "compound-f1", FEATURE, "v1", seen.clips)
    return MetricResult(name, value, interval, len(seen.clips), "higher", "macro-F1", method, {}, details)


METRICS = (
    over_clips("compound-margin", "Compound margin", "higher", "probability", NEEDS, -0.5, _values(margins, -0.5)),
    over_clips("compound-top2", "Both parts on top", "higher", "share of clips", NEEDS, 0.0, _values(both_on_top, 0.0)),
    Metric("compound-f1", "v1", "Compound macro-F1", "higher", "macro-F1", NEEDS, True, 0.0, _compute_f1),
    over_clips(
        "compound-balance", "Balance of a compound's parts", "lower", "probability", NEEDS, 1.0,
        _values(imbalances, 1.0),
    ),
)  # fmt: skip

"""Emotion consistency: whether the panel reads the same from the system's video as from the ground truth.

Definition
The Jensen-Shannon divergence, in bits, between the panel's eight probabilities of the system's video and of the ground
truth (Lin 1991); mean over all clips whose ground truth shows a face, with label or without. Frames that lack a face
where the ground truth shows one count as 1, in proportion, and so does a clip that failed.

Weights
As `emotion-accuracy`: the members that the machine has; the hash in the result's name covers all of them.

What moves it
Any other expression than the ground truth's, weaker and stronger ones as well; other identities, as classifiers read
some faces as sad or angry at rest.

Traps
A panel that is unsure of everything finds all videos alike: hold it against what clips of other emotions get. It is a
divergence and no distance; its square root is one.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._panel import NEEDS, panel, with_lost

WORST = 1.0


def divergence(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of distributions [n, k] of sum 1, each >= 0; [n] bits, 0..1."""
    middle = (one + other) / 2
    total = np.zeros(len(one))
    for side in (one, other):
        ratio = np.divide(side, middle, out=np.ones_like(side), where=side > 0)
        total += (side * np.log2(ratio)).sum(axis=1)
    return np.clip(total / 2, 0.0, 1.0)


def _consistency(features: Features) -> ClipValues:
    seen = panel(features, "any")
    shown = seen.share > 0
    found = np.full(len(seen.share), WORST)
    found[shown] = divergence(*(_whole(side[shown]) for side in (seen.generated, seen.real)))
    details = {"mean_share_of_frames_with_face": plain(seen.share.mean()) if len(seen.share) else None}
    return ClipValues(seen.clips, with_lost(found, seen.share, WORST), details)


def _whole(probability: np.ndarray) -> np.ndarray:
    found = np.clip(probability, 0.0, None)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


METRICS = (
    over_clips("emotion-consistency", "Emotion consistency", "lower", "bits, 0 to 1", NEEDS, WORST, _consistency),
)

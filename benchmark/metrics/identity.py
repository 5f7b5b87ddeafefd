"""Identity: whether the system's video shows the person of the ground truth (CSIM).

Definition
Embeddings of the main face in 8 evenly spaced frames of each video. Of each frame of the system's video the cosine
similarity to the mean embedding of the real clip; mean over the 8 frames, then over clips. A frame in which the ground
truth shows a face and the system's video none counts as -1, and so does a clip that failed; a frame in which the ground
truth shows none is not compared. `details.ceiling` is the same number of the ground truth against itself.

Weights
dlib's face recognition network (CC0); its hash stands in the result's name.

What moves it
Another person, age, smoothing of the skin; to a lesser degree pose, expression and light, which is why the ceiling is
below 1.

Traps
Networks have scales of their own: dlib's vectors lie close together, so that two persons have cosines of 0.8 and more,
where ArcFace gives 0.2. Compare with the ceiling and with other systems, never with CSIM of a paper. A copied reference
frame keeps the identity perfectly.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._rows import living, means, rows, same_counts, starts, usable

FEATURE = "identity"
DIM = 128
WORST = -1.0


def _identity(features: Features) -> ClipValues:
    clips = usable(features, FEATURE)
    alive = living(clips)
    real, generated = rows(alive, "real", FEATURE, (DIM,)), rows(alive, "generated", FEATURE, (DIM,))
    same_counts(alive, FEATURE, real, generated)
    owners = real.owners[real.seen]
    shown = real.values[real.seen].astype(np.float64)
    # Every clip here shows a face in the ground truth, so that each has a first row.
    firsts = starts(np.bincount(owners, minlength=len(alive)))
    middle = np.add.reduceat(shown, firsts, axis=0) if len(alive) else shown
    both = real.seen & generated.seen
    found = np.full(len(both), WORST)
    found[both] = _cosine(generated.values[both].astype(np.float64), middle[real.owners[both]])
    values = means(found[real.seen], owners, len(alive))
    ceiling = _cosine(shown, middle[owners])
    details = {
        "ceiling": plain(means(ceiling, owners, len(alive)).mean()) if len(alive) else None,
        "frames_compared": int(both.sum()),
        "frames_without_face": int((real.seen & ~generated.seen).sum()),
        "frames_without_face_in_ground_truth": int((~real.seen).sum()),
    }
    return ClipValues(clips, values, details)


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosine similarity [n] of rows [n, d]; 0 where one of them has no length."""
    lengths = np.sqrt(np.square(one).sum(axis=1) * np.square(other).sum(axis=1))
    products = (one * other).sum(axis=1)
    return np.clip(np.divide(products, lengths, out=np.zeros(len(one)), where=lengths > 0), -1, 1)


METRICS = (
    over_clips("identity", "Identity similarity (CSIM)", "higher", "cosine", (FEATURE,), WORST, _identity),
)  # fmt: skip

"""Landmark distances: how far the shape of mouth (M-LMD) and face (F-LMD) are from the ground truth's, wherever it is.

Definition
As EAT computes them (Gan et al. 2023, `Efficient Emotional Adaptation`): the 20 landmarks of the mouth, or all 68, in
px of a 256 x 256 frame; each set is moved so that its own mean is 0, in each frame for itself; Euclidean distance of
corresponding points, mean over points, frames and clips. Videos of different length are paired by evenly spaced frames
of the longer one, as many as the shorter one has. A frame in which the ground truth shows a face and the system's video
none counts as 256 px, and so does a clip that failed; a frame in which the ground truth shows none is not compared.

Weights
The landmark model that the result's name gives: MediaPipe's face mesh (Apache-2.0), of which 68 vertices are picked.

What moves it
M-LMD: how the mouth opens, and its width; also the distance of the camera and the tilt of the head, as neither scale
nor rotation is taken out. F-LMD: pose and scale first.

Traps
EAT's own numbers are of face-alignment's landmarks on its own crop: not comparable. A lip that is right but 40 ms late
counts as wrong. A still face of the right person is near the ground truth in silent stretches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmark.features import Features
from benchmark.metrics._landmarks import FEATURE, WORST, Points, lengths, mean_distance, points_of
from benchmark.metrics._over_clips import ClipValues, over_clips
from benchmark.metrics._rows import Rows, starts

MOUTH = slice(48, 68)
FACE = slice(0, 68)


def _lmd(part: slice) -> Callable[[Features], ClipValues]:
    def distance(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
        apart = generated[:, part] - real[:, part]
        apart -= apart.mean(axis=1, keepdims=True)  # the same as centring each set
        return lengths(apart)

    def values(features: Features) -> ClipValues:
        return mean_distance(_of_one_length(points_of(features)), distance)

    return values


def _of_one_length(points: Points) -> Points:
    """Evenly spaced frames of the longer video of each clip, as many as the shorter one has."""
    one, other = points.real.counts, points.generated.counts
    if (one == other).all():
        return points
    least = np.minimum(one, other)
    return replace(points, real=_thinned(points.real, least), generated=_thinned(points.generated, least))


def _thinned(found: Rows, least: np.ndarray) -> Rows:
    firsts = starts(found.counts)
    kept = np.concatenate(
        [
            first + np.linspace(0, count - 1, wanted).astype(np.int64)
            for first, count, wanted in zip(firsts, found.counts, least, strict=True)
        ]
    )
    return Rows(found.values[kept], found.owners[kept], found.seen[kept], least)


METRICS = (
    over_clips("m-lmd", "Mouth landmark distance", "lower", "px of a 256 px frame", (FEATURE,), WORST, _lmd(MOUTH)),
    over_clips("f-lmd", "Face landmark distance", "lower", "px of a 256 px frame", (FEATURE,), WORST, _lmd(FACE)),
)

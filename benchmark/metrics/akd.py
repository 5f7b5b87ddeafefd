"""Average keypoint distance: how far facial landmarks are from the ground truth's, frame by frame.

Definition
68 landmarks of both videos in px of a 256 x 256 frame. Of each frame the mean absolute difference of the 136
coordinates (Siarohin et al. 2019, `First Order Motion Model`); mean over frames, then over clips. A frame in which the
ground truth shows a face and the system's video none counts as 256 px, and so does a clip that failed. A frame in which
the ground truth shows none is not compared; `details` counts both kinds. No frame counts as more than 256 px.

Weights
The landmark model that the result's name gives: MediaPipe's face mesh (Apache-2.0), of which 68 vertices are picked.

What moves it
Head pose and place most of all, as nothing is aligned; then expression and mouth; then the shape of the face.

Traps
The name in papers covers distances of other detectors (face-alignment, dlib), whose jaw lines differ by px: never
compare across them. A system that freezes the reference frame scores well on clips that hardly move: read it beside
`motion`. Frames that are not square are told as if squeezed to a square.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._landmarks import FEATURE, WORST, mean_distance, points_of
from benchmark.metrics._over_clips import ClipValues, over_clips


def _akd(features: Features) -> ClipValues:
    def distance(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(real - generated).reshape(len(real), -1).mean(axis=1))

    return mean_distance(points_of(features), distance)


METRICS = (
    over_clips("akd", "Average keypoint distance", "lower", "px of a 256 px frame", (FEATURE,), WORST, _akd),
)  # fmt: skip

"""Motion: whether the face moves as much as the ground truth's.

Definition
The speed of a face is the mean Euclidean movement of its 68 landmarks from one frame to the next, in px of a 256 x 256
frame, mean over the pairs of neighbouring frames in which both videos show a face. The value of a clip is the absolute
difference of the speeds of both videos; mean over clips. Each pair of frames that shows a face in the ground truth and
lacks one in the system's video counts as 256 px, and so does a clip that failed.

Weights
The landmark model that the result's name gives: MediaPipe's face mesh (Apache-2.0), of which 68 vertices are picked.

What moves it
Stiff heads and frozen frames, trembling landmarks of a trembling video, exaggerated gestures.

Traps
Only the amount counts, neither direction nor time. Landmarks tremble by some tenths of a px on a still picture, so that
a frozen video does not have speed 0 after coding. `details` gives both mean speeds and the signed difference.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._errors import NotApplicable
from benchmark.metrics._landmarks import FEATURE, WORST, by_stripes, counted, lengths, points_of
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._rows import means, same_counts, shown


def _motion(features: Features) -> ClipValues:
    moving = {clip.id for clip in features.having(FEATURE, "real") if _moves(clip.real[FEATURE])}
    points = points_of(features)
    if not moving:
        raise NotApplicable("No clip's ground truth shows a face in two frames one after the other.")
    same_counts(points.alive, FEATURE, points.real, points.generated)
    owners, count = points.real.owners[:-1], len(points.alive)
    inside = owners == points.real.owners[1:]
    real = inside & points.real.seen[:-1] & points.real.seen[1:]
    generated = inside & points.generated.seen[:-1] & points.generated.seen[1:]
    both = real & generated
    speeds = [means(_speed(side.values)[both], owners[both], count) for side in (points.real, points.generated)]
    share = means(both[real].astype(np.float64), owners[real], count)
    more = speeds[1] - speeds[0]
    known = share > 0  # NaN, of clips that do not count, compares false
    values = np.where(known, share * np.minimum(np.abs(more), WORST), 0.0) + (1 - share) * WORST
    details = {
        "ground_truth": plain(speeds[0][known].mean()) if known.any() else None,
        "generated": plain(speeds[1][known].mean()) if known.any() else None,
        "signed_difference": plain(more[known].mean()) if known.any() else None,
        **{f"pairs_of_{name}": number for name, number in counted(real[inside], generated[inside]).items()},
    }
    kept = np.array([clip.id in moving for clip in points.alive], bool)
    return ClipValues(tuple(clip for clip in points.clips if clip.id in moving), values[kept], details)


def _moves(points: np.ndarray) -> bool:
    """Whether a face is seen in two neighbouring frames of [n, 68, 2]."""
    if not shown(points):
        return False
    seen = ~np.isnan(points.reshape(len(points), -1)[:, 0])
    return bool((seen[1:] & seen[:-1]).any())


def _speed(points: np.ndarray) -> np.ndarray:
    """[n - 1] px from each row of [n, 68, 2] to the next, NaN where one has no face."""
    return by_stripes(lambda one, other: lengths(other - one), points[:-1], points[1:])


METRICS = (
    over_clips("motion", "Amount of facial motion", "lower", "px per frame of 256 px", (FEATURE,), WORST, _motion),
)

"""Flicker: whether the picture changes from frame to frame as much as the ground truth's does.

Definition
The mean absolute difference of luma between neighbouring frames, 0 to 255, mean over a clip; the absolute difference of
this between the system's video and the ground truth; mean over clips. A clip that failed counts as 255.

Weights
None.

What moves it
Trembling textures and exposure, which add change; frozen backgrounds and still heads, which lack it. Codec noise.

Traps
Too much and too little change count alike, and a clip with both can score 0; `details` gives the signed difference.
Change that is due to motion is in it as well: read it beside `motion`. Film grain of the ground truth is change that a
system is not expected to make.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._rows import check_range, living, means, rows, usable

FEATURE = "frame_difference"
WORST = 255.0


def _flicker(features: Features) -> ClipValues:
    clips = usable(features, FEATURE)
    alive = living(clips)
    of = {}
    for side in ("real", "generated"):
        found = rows(alive, side, FEATURE, gaps=False)
        check_range(alive, FEATURE, found, 0, WORST)
        of[side] = means(found.values, found.owners, len(alive))
    more = of["generated"] - of["real"]
    details = {
        "ground_truth": plain(of["real"].mean()) if len(alive) else None,
        "signed_difference": plain(more.mean()) if len(alive) else None,
    }
    return ClipValues(clips, np.abs(more), details)


METRICS = (
    over_clips("flicker", "Temporal flicker", "lower", "luma, 0 to 255", (FEATURE,), WORST, _flicker),
)  # fmt: skip

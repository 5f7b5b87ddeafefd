"""LPIPS: how different a frame looks from the ground truth's to a network trained on what people find similar.

Definition
Zhang, Isola, Efros, Shechtman and Wang (2018), version 0.1, AlexNet, input in -1..1, frame against frame of the same
time, at the protocol's size; mean over the frames of a clip, then over clips. A clip counts as at most 1, and a clip
that failed as 1.

Weights
AlexNet of torchvision and the linear weights of LPIPS v0.1; the hash in the result's name says which files.

What moves it
Blur, texture and identity more than a small shift; what the background does, which is most of the picture.

Traps
Input in 0..1 instead of -1..1 gives plausible, lower numbers. VGG gives other numbers than AlexNet. Sizes matter:
numbers at 256 and 512 px are not comparable. The bound of 1 is set here: the definition has none, though black
against white is only 0.81.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips
from benchmark.metrics._rows import check_range, living, means, paired, rows

WORST = 1.0


def _lpips(features: Features) -> ClipValues:
    clips = paired(features, "lpips")
    found = rows(living(clips), "pair", "lpips", gaps=False)
    check_range(living(clips), "lpips", found, 0, 100)
    values = means(found.values, found.owners, len(found.counts))
    return ClipValues(clips, np.minimum(values, WORST), {"frames": len(found.values)})


METRICS = (
    over_clips("lpips", "Learned perceptual distance", "lower", "LPIPS (AlexNet, v0.1)", ("lpips",), WORST, _lpips),
)

"""FD of pixels: a distance of sets that needs no weights, to see that a set is sane. It is no FID.

Definition
The Frechet distance of thumbnails of 8 x 8 px in RGB, 0 to 1 (192 numbers), of 4 evenly spaced frames of each clip, the
middles of equal parts; covariances over n - 1. `fd-pixels` is the plain number, `fd-pixels-corrected` takes off the
bias of few clips, and may lie below 0 where both sets are alike. Intervals and `details` are as for FID. A clip that
failed makes both infinite.

Weights
None.

What moves it
Colour, light and framing of the whole picture: wrong colour matrix, black bars, missing background. Faces of 2 px say
nothing of expression.

Traps
A low number says that colours and framing are right, and no more. Never print it under the name of FID: it orders
systems otherwise.
There is no corrected number for fewer than 20 clips, or for no more clips than dimensions (192): there the correction
lessens the bias, but its interval does not hold what it says.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import SetSpec

_UNIT = "squared distance of 8 x 8 thumbnails"
_SPEC = SetSpec("thumbs", 192, frames=4, sizes=5)
METRICS = (
    over_sets("fd-pixels", "Frechet distance of thumbnails", _UNIT, _SPEC),
    over_sets("fd-pixels-corrected", "Frechet distance of thumbnails, without bias", _UNIT, _SPEC, corrected=True),
)

"""E-FID: how far the expressions are from the ground truth's, as two sets of a 3D face model's coefficients.

Definition
The Frechet distance of the 10 expression coefficients of 3DDFA-V2 over all frames that show a face; covariances over
n - 1. `efid` is the plain number, `efid-corrected` takes off the bias of few clips, and may lie below 0 where both sets
are alike. Intervals and `details` are as for FID. A clip that failed, or whose system's video shows no face in any
frame while the ground truth does, makes both infinite. Single frames without a face are left out;
`details.rows_without_face` counts them.

Weights
3DDFA-V2 (MIT); its hash stands in the result's name. The estimator belongs to the number: papers use at least four.

What moves it
How wide mouths open and how strongly faces move; the estimator's own trembling; faces of other persons, as shape leaks
into expression.

Traps
Deep3DFaceRecon with 64 coefficients, FLAME with 50 or 100 and BFM with 79 give numbers of other scales: the E-FID of
EMO, EchoMimic or Hallo is not comparable. Sets only: a system that shows the right expressions at the wrong time scores
well.
There is no corrected number for fewer than 20 clips, or for no more clips than dimensions (10): there the correction
lessens the bias, but its interval does not hold what it says.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import SetSpec

_UNIT = "squared distance of 3DDFA-V2 expressions"
_SPEC = SetSpec("expression3dmm", 10, sizes=5)
METRICS = (
    over_sets("efid", "E-FID (3DDFA-V2)", _UNIT, _SPEC),
    over_sets("efid-corrected", "E-FID (3DDFA-V2), without bias", _UNIT, _SPEC, corrected=True),
)

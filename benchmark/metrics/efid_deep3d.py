"""E-FID of the literature: how far the expressions are from the ground truth's, in Deep3DFaceRecon's coefficients.

Definition
The Frechet distance of the 64 expression coefficients of Deep3DFaceRecon over all frames that show a face, as EMO
(Tian et al. 2024), EchoMimic and Sonic describe it; covariances over n - 1. Each frame's picture is scaled so that five
of the 68 landmarks lie as those of a standard face, and cut to 224 px, as the network's makers do. `efid-deep3d` is the
plain number, `efid-deep3d-corrected` takes off the bias of few clips, and may lie below 0 where both sets are alike.
Intervals and `details` are as for FID. A clip that failed, or whose system's video shows no face in any frame while the
ground truth does, makes both infinite. Single frames without a face are left out; `details.rows_without_face` counts
them.

Weights
Deep3DFaceRecon (Deng et al. 2019; code MIT) of April 2023 where its file is in the weights folder, else of 2021, as
SadTalker publishes it again; year and hash stand in the result's name. Its makers publish no checksum.

What moves it
How wide mouths open, and how strongly faces move; closed eyes, which the weights of 2023 fit better, as their makers
say; the system's framing, as the crop follows the landmarks; faces of other persons, as shape leaks into expression.

Traps
EMO, EchoMimic and Sonic name neither their weights nor their landmarks, and publish no program for it: equal names are
no proof of equal numbers. Landmarks are MediaPipe's here; those of another detector cut another crop. `efid`
(3DDFA-V2), BFM of 79 (Hallo) and FLAME have other scales. Sets only: a system that shows the right expressions at the
wrong time scores well.
There is no corrected number for fewer than 20 clips, or for no more clips than dimensions (64): there the correction
lessens the bias, but its interval does not hold what it says.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import SetSpec

_UNIT = "squared distance of Deep3DFaceRecon expressions"
_SPEC = SetSpec("expression-deep3d", 64, sizes=5)
METRICS = (
    over_sets("efid-deep3d", "E-FID (Deep3DFaceRecon)", _UNIT, _SPEC),
    over_sets("efid-deep3d-corrected", "E-FID (Deep3DFaceRecon), without bias", _UNIT, _SPEC, corrected=True),
)

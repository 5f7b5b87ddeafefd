"""FVD: how far short windows of the videos are from the ground truth's, as two sets of I3D features.

Definition
Unterthiner et al. (2018): the Frechet distance of 400 logits of I3D over windows of 16 frames. `fvd` follows StyleGAN-V
(frames squashed to 224 px, covariance over n), `fvd-videogpt` VideoGPT (shorter side to 224 px, centre crop, covariance
over n - 1). Windows do not overlap and begin with the first frame; what is left behind the last whole one is not seen,
and a video of fewer than 16 frames cannot be scored. The plain number is what these programs print for such windows;
the `corrected` one takes off the bias of few clips, and may lie below 0 where both sets are alike. Intervals and
`details` are as for FID. A clip that failed makes all infinite.

Weights
`i3d_torchscript.pt` for `fvd`, `i3d_pretrained_400.pt` for `fvd-videogpt`, both copies of one network trained on
Kinetics-400. The first is a program: its tensors are read, and it is not run. Batch norms add 1e-3 to variances for
`fvd`, as TensorFlow's network does, and 1e-5 for `fvd-videogpt`, as VideoGPT does.

What moves it
The look of single frames more than motion (Ge et al. 2024), large motion more than lips; frame rate.

Traps
Four variants of the literature differ by factors: the key says which. The same distribution at 64 and at 1024 windows
gives numbers that differ sevenfold: compare lists of one size, or the corrected numbers. Windows of one clip are alike.
There is no corrected number for fewer than 20 clips, or for no more clips than dimensions (400): there the correction
lessens the bias, but its interval does not hold what it says.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import SetSpec

_UNIT = "squared distance of I3D features"
_STYLEGAN = SetSpec("i3d", 400, ddof=0)
_VIDEOGPT = SetSpec("i3d-videogpt", 400)
METRICS = (
    over_sets("fvd", "FVD (StyleGAN-V)", _UNIT, _STYLEGAN),
    over_sets("fvd-corrected", "FVD (StyleGAN-V), without bias", _UNIT, _STYLEGAN, corrected=True),
    over_sets("fvd-videogpt", "FVD (VideoGPT)", _UNIT, _VIDEOGPT),
    over_sets("fvd-videogpt-corrected", "FVD (VideoGPT), without bias", _UNIT, _VIDEOGPT, corrected=True),
)

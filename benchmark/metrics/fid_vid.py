"""FID-VID: how far short windows of the videos are from the ground truth's, as two sets of features of a 3D ResNet.

Definition
Papers cite Balaji et al. (2019) for it and run the program of DisCo (Wang et al. 2024): the Frechet distance of the
2048 features of a 3D ResNet-50 over windows of 16 frames, covariances over n - 1. Frames are resized to
112 x 112 px without keeping their shape (Pillow's bicubic, each channel as real numbers). Windows do not overlap and
begin with the first frame; what is left behind the last whole one is not seen, and a video of fewer than 16 frames
cannot be scored. `fid-vid` is what that program prints for videos cut into such windows, `fid-vid-corrected` takes off
the bias of few clips, and may lie below 0 where both sets are alike. Intervals and `details` are as for FID. A clip
that failed makes both infinite.

Weights
`resnet-50-kinetics.pth` of Hara et al. (2018), trained on Kinetics-400.

What moves it
The look of single frames, large motion, frame rate; at 112 px a mouth is a few px wide.

Traps
Of a longer video DisCo's program averages the windows' features, and fills up the last window with its last frame; here
each whole window is a row, as when videos are cut before. Windows of one clip are alike. With fewer windows than
dimensions the covariances have no full rank.
There is no corrected number for fewer than 20 clips, or for no more clips than dimensions (2048): there the correction
lessens the bias, but its interval does not hold what it says.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import SetSpec

_UNIT = "squared distance of 3D ResNet features"
_SPEC = SetSpec("resnet3d50", 2048)
METRICS = (
    over_sets("fid-vid", "FID-VID", _UNIT, _SPEC),
    over_sets("fid-vid-corrected", "FID-VID, without bias", _UNIT, _SPEC, corrected=True),
)

"""FID: how far the frames' Inception features are from the ground truth's, as two sets.

Definition
Heusel et al. (2017): |mean difference|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the 2048 pool3 features, covariances over
n - 1, computed exactly and in float64. `fid-4` takes 4 evenly spaced frames of each clip, `fid-all` all frames, both of
the ground truth and of the system's videos of the same clips. `fid-4-pytorchfid` and `fid-4-cleanfid` bring the same
four frames to 299 x 299 px as these programs do, for comparison with papers that used them. The plain number is what
other programs print; it grows as clips get fewer. The `corrected` one takes that bias off by deleting groups of clips,
and may lie below 0 where both sets are alike. Intervals are those of the delete-group jackknife over identities (groups
of clips where there are fewer than ten): the plain number's for its expectation at this number of clips, the corrected
one's for the population. `details` gives the other number, FID-infinity (a line through sets of fewer clips), the rows
of both sides, and a warning where there are no more rows than dimensions. A clip that failed makes both infinite: a set
that may leave out its worst clips measures nothing.

Weights
`pt_inception-2015-12-05-6726825d.pth`, the network of the original TensorFlow program; preprocessing is that of
torch-fidelity (bilinear as TensorFlow 1 does it), unless the key says otherwise.

What moves it
Background, hair and clothes as much as the face; blur and codec; any difference in how frames were cut, resized or
coded. It ignores time.

Traps
Numbers of different numbers of clips are not comparable, unless corrected. With 800 rows the covariance of 2048
dimensions has no full rank. Frames of one clip are alike: 25,000 frames of 200 clips are worth hundreds. One FID per
video, averaged, is another measure and a bad one.
There is no corrected number for fewer than 20 clips, or for no more clips than dimensions (2048): there the correction
lessens the bias, but its interval does not hold what it says. KID needs no correction.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import SetSpec

_UNIT = "squared distance of Inception features"
_FOUR = SetSpec("inception4", 2048)
_PYTORCH = SetSpec("inception4-pytorchfid", 2048)
_CLEAN = SetSpec("inception4-cleanfid", 2048)
_ALL = SetSpec("inception", 2048, sizes=5)  # each takes seconds at this size
METRICS = (
    over_sets("fid-4", "FID of 4 frames per clip", _UNIT, _FOUR),
    over_sets("fid-4-corrected", "FID of 4 frames per clip, without bias", _UNIT, _FOUR, corrected=True),
    over_sets("fid-4-pytorchfid", "FID of 4 frames per clip, as pytorch-fid", _UNIT, _PYTORCH),
    over_sets("fid-4-cleanfid", "FID of 4 frames per clip, as clean-fid", _UNIT, _CLEAN),
    over_sets("fid-all", "FID of all frames", _UNIT, _ALL),
    over_sets("fid-all-corrected", "FID of all frames, without bias", _UNIT, _ALL, corrected=True),
)

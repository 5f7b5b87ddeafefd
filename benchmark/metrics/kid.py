"""KID: how far the frames' Inception features are from the ground truth's, by a kernel and without bias.

Definition
Binkowski et al. (2018): the squared maximum mean discrepancy with the kernel (x.y / 2048 + 1)^3, as the U-statistic
over all pairs of rows, which is unbiased for rows that are independent. `kid-4` takes 4 evenly spaced frames of each
clip, `kid-all` all frames. The interval is that of the delete-group jackknife over identities (groups of clips where
there are fewer than ten). `details.corrected` takes off what the likeness of frames of one clip adds. It may lie below
0 where both sets are alike. A clip that failed makes it infinite.

Weights
As FID: `pt_inception-2015-12-05-6726825d.pth`.

What moves it
As FID.

Traps
Papers print it times 1000, or as the mean of 100 subsets of 1000 rows, which needs more rows than a list of talking
heads has; the deviation over subsets is no error of the mean.
"""

from __future__ import annotations

from benchmark.metrics._over_sets import over_sets
from benchmark.results import KERNEL, SetSpec

_UNIT = "squared discrepancy of Inception features"
METRICS = (
    over_sets("kid-4", "KID of 4 frames per clip", _UNIT, SetSpec("inception4", 2048, KERNEL)),
    over_sets("kid-all", "KID of all frames", _UNIT, SetSpec("inception", 2048, KERNEL)),
)

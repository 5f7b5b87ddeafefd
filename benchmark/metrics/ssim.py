"""SSIM: how far structure and contrast are from the ground truth's, locally.

Definition
Wang, Bovik, Sheikh and Simoncelli (2004) on 8-bit RGB, each channel for itself: Gaussian window of 11 x 11 with sigma
1.5, K1 = 0.01, K2 = 0.03, range 255, covariance of the window as a population (no n / (n - 1)), float64. Mean over the
three channels and the valid region: a border of 5 px, where the window would leave the picture, does not count. Mean
over the frames of a clip, then over clips. A clip that failed counts as -1, the lowest value that there is.

Weights
None.

What moves it
Blur and noise, small shifts, codec. Brightness moves it little. Smooth backgrounds are easy and lift the mean.

Traps
Padding: torchmetrics reflects the border by 5 px and counts it, which moves the mean by up to 0.02; its full image,
cropped by 5 px, has this mean. scikit-image crops as here, and needs `gaussian_weights=True,
use_sample_covariance=False, sigma=1.5`. Papers also compute it on luma, at other sizes or with a uniform window of 7.
"""

from __future__ import annotations

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips
from benchmark.metrics._pictures import check_pair
from benchmark.metrics._rows import check_range, living, means, paired, rows

WINDOW = 11
SIGMA = 1.5
RADIUS = WINDOW // 2
STRIP = 64  # rows at a time, so that all of a strip stays in the cache of the processor
C1 = (0.01 * 255.0) ** 2
C2 = (0.03 * 255.0) ** 2


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity of two pictures, mean over the valid region and the three channels.

    Of the four Gaussian means that it needs, two are of the sum s and the difference d of the pictures:
    4 E[ab] = E[s^2] - E[d^2] and 2 E[a^2 + b^2] = E[s^2] + E[d^2].

    Args:
        one, other: [H, W, 3] uint8, of one size, at least 11 x 11.

    Returns:
        -1 to 1; 1 for equal pictures.

    Raises:
        BenchmarkError: not two colour pictures of one size, or smaller than the window.
    """
    check_pair(one, other)
    if min(one.shape[:2]) < WINDOW:
        raise BenchmarkError(f"SSIM needs frames of at least {WINDOW} x {WINDOW}, these are {one.shape[:2]}.")
    high = one.shape[0] - 2 * RADIUS
    total = sum(
        _sum_of_strip(one[top : min(top + STRIP, high) + 2 * RADIUS], other[top : min(top + STRIP, high) + 2 * RADIUS])
        for top in range(0, high, STRIP)
    )
    return total / (high * (one.shape[1] - 2 * RADIUS) * 3)


def _sum_of_strip(one: np.ndarray, other: np.ndarray) -> float:
    import cv2

    s, d = cv2.add(one, other, dtype=cv2.CV_64F), cv2.subtract(one, other, dtype=cv2.CV_64F)
    ss, dd = np.square(_blurred(s)), np.square(_blurred(d))
    var_s, var_d = _blurred(np.square(s, out=s)), _blurred(np.square(d, out=d))
    var_s -= ss
    var_d -= dd
    ss += 2 * C1
    var_s += 2 * C2
    likeness = ss - dd
    likeness *= var_s - var_d
    ss += dd
    var_s += var_d
    ss *= var_s
    likeness /= ss
    return float(likeness.sum())


def _blurred(picture: np.ndarray) -> np.ndarray:
    import cv2

    kernel = gaussian()
    full = cv2.sepFilter2D(picture, cv2.CV_64F, kernel, kernel)
    return np.asarray(full[RADIUS:-RADIUS, RADIUS:-RADIUS])


def gaussian() -> np.ndarray:
    """[11] float64, the window's weights along one axis, of sum 1."""
    at = np.arange(-RADIUS, RADIUS + 1, dtype=np.float64)
    weight = np.exp(-0.5 * (at / SIGMA) ** 2)
    return np.asarray(weight / weight.sum())


def _ssim(features: Features) -> ClipValues:
    clips = paired(features, "ssim")
    found = rows(living(clips), "pair", "ssim", gaps=False)
    check_range(living(clips), "ssim", found, -1, 1)
    return ClipValues(clips, means(found.values, found.owners, len(found.counts)), {"frames": len(found.values)})


METRICS = (over_clips("ssim", "Structural similarity", "higher", "-1 to 1", ("ssim",), -1.0, _ssim),)

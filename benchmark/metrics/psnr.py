"""PSNR: how far the pixels are from the ground truth's, in decibels.

Definition
For each frame 10 log10(255^2 / mse), where mse is the mean squared difference over pixels and the three channels of
8-bit RGB, at most 100 dB; mean over the frames of a clip, then over clips. Equal pictures have mse 0 and would be
infinitely good: 100 dB is less than a single grey level in one pixel of ten million. A clip that failed counts as 0 dB,
which is black held against white.

Weights
None.

What moves it
Any shift: a face one pixel to the side costs more than a wrong expression. Codec and colour matrix, blur of the
background, brightness. It says nothing of how real a video looks.

Traps
The mean over frames of decibels is not the decibels of the mean error: by convexity it is the higher of the two, and
papers print both. Values of other crops or sizes are not comparable. Frames with an exact copy (a reference frame that
is handed through) lift the mean by tens of decibels each; `details.frames_at_cap` counts them.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips
from benchmark.metrics._pictures import check_pair
from benchmark.metrics._rows import check_range, living, means, paired, rows

CAP_DB = 100.0
PEAK = 255.0


def mean_squared_error(one: np.ndarray, other: np.ndarray) -> float:
    """Mean squared difference of two pictures over pixels and channels, exact.

    Args:
        one, other: [H, W, 3] uint8, of one size.

    Returns:
        0 to 255^2.

    Raises:
        BenchmarkError: not two colour pictures of one size.
    """
    check_pair(one, other)
    difference = np.subtract(one, other, dtype=np.int16).ravel().astype(np.float32)
    # Each square is a whole number below 2^17, so sums of fewer than 128 of them are exact in float32.
    whole = len(difference) // 128 * 128
    blocks = difference[:whole].reshape(-1, 128)
    head = float(np.einsum("ij,ij->i", blocks, blocks).sum(dtype=np.float64))
    rest = difference[whole:].astype(np.float64)
    return (head + float(rest @ rest)) / len(difference)


def psnr_of(mse: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of mean squared errors.

    Args:
        mse: any shape, 0 to 255^2.

    Returns:
        Same shape, dB, 10 log10(255^2 / mse), at most 100.
    """
    least = PEAK**2 / 10 ** (CAP_DB / 10)
    return np.asarray(10 * np.log10(PEAK**2 / np.maximum(np.asarray(mse, np.float64), least)))


def _psnr(features: Features) -> ClipValues:
    clips = paired(features, "mse")
    mse = rows(living(clips), "pair", "mse", gaps=False)
    check_range(living(clips), "mse", mse, 0, PEAK**2)
    decibels = psnr_of(mse.values)
    values = means(decibels, mse.owners, len(mse.counts))
    return ClipValues(clips, values, {"frames_at_cap": int((decibels >= CAP_DB).sum()), "frames": len(decibels)})


METRICS = (over_clips("psnr", "Peak signal-to-noise ratio", "higher", "dB", ("mse",), 0.0, _psnr),)

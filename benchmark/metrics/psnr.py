"""PSNR."""

from __future__ import annotations

import numpy as np

from benchmark.metrics._pictures import check_pair

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

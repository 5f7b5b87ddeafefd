"""NIQE: how far the statistics of a picture are from those of pristine pictures (Mittal, Soundararajan, Bovik, 2013).

A. Mittal, R. Soundararajan, A. C. Bovik: Making a "completely blind" image quality analyzer, IEEE Signal Processing
Letters 20(3). Its model (mean and covariance of 36 features over pristine pictures) is the file `niqe`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from perception import weights
from perception.errors import PerceptionError

MODEL = "niqe"
PATCH = 96
FEATURES = 36
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


class Niqe:
    """The naturalness of pictures: 0 is pristine, 3..5 usual for good video, larger is worse."""

    def __init__(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        self._mean = mean
        self._covariance = covariance
        self.name = MODEL
        self.model_hashes = {MODEL: weights.entry(MODEL).sha256}

    @classmethod
    def load(cls, device: str = "cpu") -> Niqe:
        """Open the pristine model; raises PerceptionError when it is missing or `device` is not "cpu"."""
        if device != "cpu":
            raise PerceptionError(f"NIQE runs on the CPU, not on {device!r}; use device='cpu'.")
        return cls(*_parameters(weights.find(MODEL)))

    def __call__(self, grey: np.ndarray) -> float | None:
        """Judge a picture.

        Args:
            grey: luma [H, W] uint8; rows and columns beyond whole patches of 96 px are left out.

        Returns:
            The distance to the pristine model, >= 0; None for a picture of less than two patches.
        """
        rows, columns = grey.shape[0] // PATCH, grey.shape[1] // PATCH
        if rows * columns < 2:
            return None
        picture = grey[: rows * PATCH, : columns * PATCH].astype(np.float64)  # its variances are small differences
        features = np.concatenate(
            [_patch_features(picture, PATCH), _patch_features(_halved(picture), PATCH // 2)], axis=1
        )
        features = features[np.isfinite(features).all(axis=1)]  # a patch of one colour has no statistics
        if len(features) < 2:
            return None
        away = features.mean(axis=0) - self._mean
        both = (self._covariance + np.cov(features.T)) / 2
        return float(np.sqrt(max(0.0, away @ np.linalg.pinv(both, hermitian=True) @ away)))


@cache
def _parameters(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    stored = loadmat(str(path))
    return stored["pop_mu"].reshape(FEATURES).astype(np.float64), stored["pop_cov"].astype(np.float64)


def _patch_features(picture: np.ndarray, side: int) -> np.ndarray:
    """18 features of each patch, [patches, 18]."""
    normal = _normalised(picture)
    rows, columns = normal.shape[0] // side, normal.shape[1] // side
    grid = normal[: rows * side, : columns * side].reshape(rows, side, columns, side)
    patches = grid.transpose(0, 2, 1, 3).reshape(rows * columns, side, side)
    shape, left, right, _ = _asymmetric(patches)
    features = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right, mean = _asymmetric(patches * np.roll(patches, shift, axis=(1, 2)))
        features += [shape, mean, left, right]
    return np.stack(features, axis=1)


def _normalised(picture: np.ndarray) -> np.ndarray:
    """Mean-subtracted, contrast-normalised coefficients: a Gaussian of 7 x 7, sigma 7/6, constant 1."""
    import cv2

    kernel = cv2.getGaussianKernel(7, 7 / 6, cv2.CV_64F)
    mean = cv2.sepFilter2D(picture, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    square = cv2.sepFilter2D(picture * picture, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    result: np.ndarray = (picture - mean) / (np.sqrt(np.abs(square - mean * mean)) + 1)
    return result


def _halved(picture: np.ndarray) -> np.ndarray:
    """Half the size by the bicubic filter with anti-aliasing (a = -0.5), pixels repeated at the border."""
    import cv2

    away = np.abs(np.array([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])) / 2
    near = 1.5 * away**3 - 2.5 * away**2 + 1
    far = -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    kernel = np.where(away <= 1, near, far)
    kernel = kernel / kernel.sum()
    full = cv2.sepFilter2D(picture, cv2.CV_64F, kernel, kernel, anchor=(3, 3), borderType=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(full[::2, ::2])


@cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For shapes 0.2 .. 10: moment ratio, width over deviation, and the mean's factor."""
    from scipy.special import gamma

    shapes = np.arange(200, 10000) / 1000
    one, two, three = gamma(1 / shapes), gamma(2 / shapes), gamma(3 / shapes)
    return shapes, two**2 / (one * three), np.sqrt(one / three), two / one


def _asymmetric(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit asymmetric generalised Gaussians by moments (Lasmar et al., 2009): shape, left and right width, mean.

    Args:
        values: [n, h, w] float.

    Returns:
        Four arrays [n] float64; NaN where a side has no values.
    """
    flat = values.reshape(len(values), -1).astype(np.float64)
    square = flat * flat
    below, above = flat < 0, flat > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.sqrt((square * below).sum(axis=1) / below.sum(axis=1))
        right = np.sqrt((square * above).sum(axis=1) / above.sum(axis=1))
        ratio = left / right
        moment = np.abs(flat).mean(axis=1) ** 2 / square.mean(axis=1)
        moment *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, ratios, widths, means = _table()
    place = np.clip(np.searchsorted(ratios, np.nan_to_num(moment)), 1, len(ratios) - 1)
    place -= np.abs(moment - ratios[place - 1]) <= np.abs(moment - ratios[place])
    left, right = left * widths[place], right * widths[place]
    return np.where(np.isfinite(moment), shapes[place], np.nan), left, right, (right - left) * means[place]

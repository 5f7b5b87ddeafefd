"""scikit-image: SSIM and PSNR of pairs, and SSIM of black against white as StyleGAN-V's authors print it."""

from pathlib import Path

import numpy as np
from shared import pairs
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

PACKAGES = ("scikit-image",)


def measure(folder: Path) -> dict[str, np.ndarray]:
    """[pairs] SSIM and PSNR; SSIM of zeros against ones at 64 x 64."""
    found = [(_ssim(one, other), peak_signal_noise_ratio(one, other, data_range=255)) for one, other in pairs(folder)]
    ssim, psnr = zip(*found, strict=True)
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    return {"ssim": np.array(ssim), "psnr": np.array(psnr), "black_white": np.array(_ssim(black, white))}


def _ssim(one: np.ndarray, other: np.ndarray) -> float:
    return structural_similarity(
        one, other, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )

"""torchmetrics: SSIM and PSNR of pairs, its Inception without antialiasing on some frames, its Frechet distance.

From version 1.8 on its FID antialiases unless told not to, and is then not the FID of torch-fidelity. Its PSNR holds
the range in PyTorch's default type, whatever the pictures' is: in float32 that alone is about 1e-6 dB.
"""

from pathlib import Path

import numpy as np
import torch
from shared import batches, frames, halves, pairs
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

PACKAGES = ("torchmetrics", "torch-fidelity")
FRAMES = 8  # of each size, through its network: it is torch-fidelity's, which saw them all
BORDER = 5


class Given(torch.nn.Module):
    """Features that are there already. numbers: of each row."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.num_features = numbers

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Back as they are."""
        return features


def measure(folder: Path) -> dict[str, np.ndarray]:
    """[pairs] SSIM and PSNR, features of the first frames of both sizes, the distance of given features."""
    torch.set_default_dtype(torch.float64)
    ssim, psnr = zip(*(_compared(*pair) for pair in pairs(folder)), strict=True)
    torch.set_default_dtype(torch.float32)
    network = NoTrainInceptionV3("inception", ["2048"], str(folder / "inception.pt"), antialias=False)
    some = [network(next(batches(pictures, FRAMES))).numpy() for pictures in frames(folder).values()]
    given = np.load(folder / "given.npy")
    distance = FrechetInceptionDistance(feature=Given(given.shape[1])).set_dtype(torch.float64)
    for half, real in zip(halves(folder, given), (True, False), strict=True):
        distance.update(torch.from_numpy(half).double(), real=real)
    return {
        "ssim": np.array(ssim),
        "psnr": np.array(psnr),
        "some": np.concatenate(some),
        "distance": distance.compute().numpy(),
    }


def _compared(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    a, b = (torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float64)) for picture in (one, other))
    full = structural_similarity_index_measure(a, b, data_range=255.0, return_full_image=True)[1]
    inner = full[..., BORDER:-BORDER, BORDER:-BORDER]
    return float(inner.mean()), float(peak_signal_noise_ratio(a, b, data_range=255.0))

"""cd-fvd: its I3D, its preparation (StyleGAN-V's: squashed to 224 px) and its Frechet distance.

VideoGPT's preparation is on no package index and is written here anew: the shorter side to 224 px, the middle cut out.
StyleGAN-V's file came from TensorFlow with the epsilon that its batch norms have there, VideoGPT's class has PyTorch's.
"""

import math
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from cdfvd.fvd import cdfvd
from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
from cdfvd.third_party.i3d.utils import preprocess_i3d
from cdfvd.utils.metric_utils import FeatureStats
from shared import described, halves, state

PACKAGES = ("cd-fvd", "torchvision")
SIDE = 224
EPSILON = 1e-3


def measure(folder: Path) -> dict[str, np.ndarray]:
    """[clips, 400] logits by both preparations, FVD of the two sets, and the network's names."""
    network = InceptionI3d(400, in_channels=3)
    network.load_state_dict(state(folder, "i3d"), strict=True)
    network.eval()
    with np.load(folder / "clips.npz") as file:
        clips = file["clips"]
    cut = np.concatenate([network(_cut(clip)).numpy() for clip in clips])
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.eps = EPSILON
    squashed = np.concatenate([network(preprocess_i3d(clip[None])).numpy() for clip in clips])
    return described(network) | {
        "styleganv": squashed,
        "videogpt": cut,
        "fvd": np.array(_fvd(*halves(folder, squashed, "clips.npz"))),
        "fvd_videogpt": np.array(_frechet(*halves(folder, cut.astype(np.float64), "clips.npz"))),
    }


def _cut(clip: np.ndarray) -> torch.Tensor:
    """[16, H, W, 3] uint8 -> [1, 3, 16, 224, 224], -1..1."""
    frames = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
    high, wide = frames.shape[2:]
    scale = SIDE / min(high, wide)
    size = (SIDE, math.ceil(wide * scale)) if high < wide else (math.ceil(high * scale), SIDE)
    frames = _resized(frames, size)
    top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return (2 * frames[:, :, top : top + SIDE, left : left + SIDE] - 1).transpose(0, 1)[None]


def _resized(frames: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear, half-pixel centres, without antialiasing."""
    return torch.nn.functional.interpolate(frames, size=size, mode="bilinear", align_corners=False)


def _fvd(one: np.ndarray, other: np.ndarray) -> float:
    stats = []
    for features in (one, other):
        kept = FeatureStats(capture_mean_cov=True)
        kept.append(features)
        stats.append(kept)
    return float(cdfvd.compute_fvd_from_stats(None, stats[1], stats[0]))


def _frechet(one: np.ndarray, other: np.ndarray) -> float:
    """The formula as it stands, covariances over n - 1."""
    shift = one.mean(axis=0) - other.mean(axis=0)
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root).real)

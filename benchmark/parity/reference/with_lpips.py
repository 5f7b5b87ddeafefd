"""lpips: distances of pairs by its AlexNet."""

from pathlib import Path

import lpips
import numpy as np
import torch
from shared import described, pairs, state

PACKAGES = ("lpips", "torchvision")


def measure(folder: Path) -> dict[str, np.ndarray]:
    """[pairs] distances, and the network's names."""
    network = lpips.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    network.load_state_dict(state(folder, "lpips"), strict=True)
    values = [float(network(_signed(one), _signed(other))) for one, other in pairs(folder)]
    return described(network) | {"lpips": np.array(values)}


def _signed(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - 1)

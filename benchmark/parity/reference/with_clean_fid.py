"""clean-fid: its resizing, its normalisation and its Frechet distance.

Its network is a TorchScript file that cannot be had here; its own PyTorch class of the same network stands in for the
layers of that file, inside the wrapper that normalises.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from cleanfid import inception_pytorch
from cleanfid.fid import frechet_distance
from cleanfid.inception_torchscript import InceptionV3W
from cleanfid.resize import build_resizer
from shared import batches, frames, halves, state

PACKAGES = ("clean-fid", "pillow", "torchvision")


def measure(folder: Path) -> dict[str, np.ndarray]:
    """Features of all frames, FID of the two sets, and the distance of given features."""
    network, resized = _network(folder), build_resizer("clean")
    features = np.concatenate(
        [_batch(network, resized, batch) for pictures in frames(folder).values() for batch in batches(pictures)]
    )
    one, other = halves(folder, features.astype(np.float64))
    given = halves(folder, np.load(folder / "given.npy"))
    return {"features": features, "fid": _distance(one, other), "distance": _distance(*given)}


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    moments = [np.mean(one, axis=0), np.cov(one, rowvar=False), np.mean(other, axis=0), np.cov(other, rowvar=False)]
    return np.array(frechet_distance(*moments))


def _network(folder: Path) -> InceptionV3W:
    inception_pytorch.load_state_dict_from_url = lambda *_, **__: state(folder, "inception")
    layers = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False, normalize_input=False).eval()
    wrapper = InceptionV3W.__new__(InceptionV3W)  # its __init__ opens the file
    torch.nn.Module.__init__(wrapper)
    wrapper.layers = torch.nn.Sequential(*layers.blocks)
    wrapper.resize_inside = False
    return wrapper.eval()


def _batch(network: InceptionV3W, resized: Callable[[np.ndarray], np.ndarray], batch: torch.Tensor) -> np.ndarray:
    pictures = [resized(picture) for picture in batch.permute(0, 2, 3, 1).numpy()]
    return network(torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2))).numpy()

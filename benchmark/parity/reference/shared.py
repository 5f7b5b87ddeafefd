"""What the references share: inputs as they were written, names of states. Nothing of this project is used."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch


def frames(folder: Path) -> dict[str, np.ndarray]:
    """{"small": [n, H, W, 3] uint8 RGB, "large": the same, of another size}; features are listed in this order."""
    with np.load(folder / "frames.npz") as file:
        return {name: file[name] for name in ("small", "large")}


def halves(folder: Path, features: np.ndarray, of: str = "frames.npz") -> tuple[np.ndarray, np.ndarray]:
    """The features of one set and of the other."""
    with np.load(folder / of) as file:
        first = file["first"]
    return features[first], features[~first]


def pairs(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of pictures [H, W, 3] uint8 RGB of one size."""
    with np.load(folder / "pairs.npz") as file:
        one, other = file["one"], file["other"]
    yield from zip(one, other, strict=True)


def state(folder: Path, network: str) -> dict[str, torch.Tensor]:
    """The weights that both sides use."""
    return dict(torch.load(folder / f"{network}.pt", weights_only=True))


def described(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Names and shapes of a state, one a line, and how many numbers are learnt."""
    lines = [f"{name} {list(tensor.shape)}" for name, tensor in module.state_dict().items()]
    learnt = {id(parameter): parameter.numel() for parameter in module.parameters()}
    return {"names": np.array(sorted(lines)), "parameters": np.array(sum(learnt.values()))}


def batches(pictures: np.ndarray, size: int = 20) -> Iterator[torch.Tensor]:
    """[b, 3, H, W] uint8."""
    for start in range(0, len(pictures), size):
        yield torch.from_numpy(np.ascontiguousarray(pictures[start : start + size].transpose(0, 3, 1, 2)))

"""Weights from a seed, for networks whose published ones are not here: the same numbers on every machine.

They let everything around a network be run and compared, and mean nothing as a measure: results made with them are
named `@seeded` and marked as not comparable.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn

METHOD: Final = "he-normal v1"


def seeded_state(network: nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights for every tensor of a network's state.

    They depend on each tensor's name and shape and on the seed, and on nothing else, so that another program's network
    with the same names gets the same ones. Weights are normal with variance 2 / fan-in, which keeps activations
    finite through ReLU networks; biases, means and shifts are small; variances and scales of norms lie near 1.

    Args:
        network: whose `state_dict()` gives names and shapes.
        seed: 0 and up.

    Returns:
        name -> tensor, float32 (counters int64, zero), in the state's order.
    """
    return {name: _tensor(name, tensor, seed) for name, tensor in network.state_dict().items()}


def seeded_sha256(name: str, seed: int = 0) -> str:
    """What stands in for the sha256 of a file: of the network's name, the seed and the method."""
    return hashlib.sha256(f"{METHOD}\n{name}\n{seed}\n".encode()).hexdigest()


def _tensor(name: str, like: torch.Tensor, seed: int) -> torch.Tensor:
    import torch

    shape = tuple(like.shape)
    if not like.dtype.is_floating_point:
        return torch.zeros(shape, dtype=like.dtype)
    word = hashlib.sha256(f"{seed}\n{name}\n{shape}\n".encode()).digest()
    numbers = np.random.Generator(np.random.PCG64(int.from_bytes(word, "big"))).standard_normal(shape, np.float32)
    part = name.rsplit(".", 1)[-1]
    if part == "running_var" or (part == "weight" and len(shape) == 1):
        numbers = 1 + np.float32(0.1) * np.tanh(numbers)
    elif len(shape) >= 2:
        numbers = numbers * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    else:
        numbers = numbers * np.float32(0.05)
    return torch.from_numpy(np.ascontiguousarray(numbers, np.float32).reshape(shape))

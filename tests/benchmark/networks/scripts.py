"""TorchScript files with tensors by any names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn


class Holder(nn.Module):
    """Holds tensors and modules."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Odd(nn.Module):
    """Has attributes that are no tensors, and two names for parts of one storage."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.arange(24, dtype=torch.float32)
        self.register_buffer("part", whole[4:10].view(2, 3).t())
        self.register_buffer("other", whole[12:])
        self.stride, self.pads, self.word, self.none = (1, 2, 2), [1, 2], "x", None
        self.inner = Holder()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.stride[0] + self.pads[0]


def scripted(state: dict[str, np.ndarray], path: Path) -> None:
    """Save a program whose `state_dict()` has these names: weights and biases learnt, all else not."""
    root = Holder()
    for name, value in state.items():
        *parts, last = name.split(".")
        place: nn.Module = root
        for part in parts:
            if part not in dict(place.named_children()):
                place.add_module(part, Holder())
            place = place.get_submodule(part)
        tensor = torch.from_numpy(np.array(value))
        if last in ("weight", "bias"):
            place.register_parameter(last, nn.Parameter(tensor))
        else:
            place.register_buffer(last, tensor)
    torch.jit.script(root.eval()).save(str(path))

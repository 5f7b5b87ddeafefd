"""Residual networks with 18 and 50 layers (He et al. 2016) whose tensors bear torchvision's names.

Imports PyTorch, so it is imported only where a network is opened.
"""

from __future__ import annotations

import torch
from torch import nn

FEATURES = {18: 512, 50: 2048}
_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


class Block(nn.Module):
    """What is added to a picture: two convolutions of 3 x 3, or, if `narrow`, one of 3 x 3 between two of 1 x 1."""

    def __init__(self, taken: int, width: int, stride: int, narrow: bool) -> None:
        super().__init__()
        given = 4 * width if narrow else width
        sides = (1, 3, 1) if narrow else (3, 3)
        widths = (taken, width, width, given) if narrow else (taken, width, given)
        strided = 1 if narrow else 0  # torchvision strides in the 3 x 3, where He et al. do in the first 1 x 1
        for number, side in enumerate(sides):
            step = stride if number == strided else 1
            layer = nn.Conv2d(widths[number], widths[number + 1], side, step, padding=side // 2, bias=False)
            self.add_module(f"conv{number + 1}", layer)
            self.add_module(f"bn{number + 1}", nn.BatchNorm2d(widths[number + 1]))
        self.count = len(sides)
        self.downsample: nn.Module | None = None
        if stride != 1 or taken != given:
            self.downsample = nn.Sequential(nn.Conv2d(taken, given, 1, stride, bias=False), nn.BatchNorm2d(given))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, H, W] -> [n, given, H / stride, W / stride]."""
        kept = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.count + 1):
            x = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x))
            x = (x + kept if number == self.count else x).relu()
        return x


def trunk(layers: int) -> nn.ModuleDict:
    """The network without its last pooling and its classifier, by torchvision's names, in the order it is applied.

    Args:
        layers: 18 or 50.

    Returns:
        [n, 3, H, W] -> [n, `FEATURES[layers]`, H / 32, W / 32], one part after the other.
    """
    parts: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(64),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, 2, padding=1),
    }
    narrow = layers == 50
    taken = 64
    for number, blocks in enumerate(_BLOCKS[layers]):
        width = 64 << number
        stages = []
        for place in range(blocks):
            stages.append(Block(taken, width, 2 if place == 0 and number > 0 else 1, narrow))
            taken = 4 * width if narrow else width
        parts[f"layer{number + 1}"] = nn.Sequential(*stages)
    return nn.ModuleDict(parts)

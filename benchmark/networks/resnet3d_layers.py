"""The 3D residual network with 50 layers of Hara et al. (CVPR 2018), shortcuts of type B, by their program's names.

Imports PyTorch, so it is imported only where a network is opened.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

CLASSES, FEATURES = 400, 2048
_BLOCKS: Final = (3, 4, 6, 3)


class Block(nn.Module):
    """What is added to a clip: a convolution of 3 x 3 x 3 between two of 1 x 1 x 1."""

    def __init__(self, taken: int, width: int, stride: int) -> None:
        super().__init__()
        given = 4 * width
        self.conv1 = nn.Conv3d(taken, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, given, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(given)
        self.downsample: nn.Module | None = None
        if stride != 1 or taken != given:
            self.downsample = nn.Sequential(nn.Conv3d(taken, given, 1, stride, bias=False), nn.BatchNorm3d(given))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, frames, H, W] -> [n, 4 width, frames / stride, H / stride, W / stride]."""
        kept = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        return (self.bn3(self.conv3(x)) + kept).relu_()


class Network(nn.Module):
    """The whole network; its classifier `fc` is part of the published file and is not asked."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, (1, 2, 2), padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.maxpool = nn.MaxPool3d(3, 2, padding=1)
        taken = 64
        for number, blocks in enumerate(_BLOCKS):
            width, stages = 64 << number, []
            for place in range(blocks):
                stages.append(Block(taken, width, 2 if place == 0 and number > 0 else 1))
                taken = 4 * width
            self.add_module(f"layer{number + 1}", nn.Sequential(*stages))
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What lies before the classifier, averaged over space and time.

        Args:
            x: [n, 3, 16, 112, 112] RGB, 0..255 less the mean of Kinetics.

        Returns:
            [n, 2048].
        """
        x = self.maxpool(self.bn1(self.conv1(x)).relu_())
        for number in range(1, len(_BLOCKS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean(dim=(2, 3, 4))

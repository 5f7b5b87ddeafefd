"""Inception-v3 as FID uses it, with the names of its published file: [n, 3, 299, 299] -> [n, 2048].

The network of the original TensorFlow program (2015-12-05), as pytorch-fid publishes its weights: torchvision's
Inception-v3 but for three things. Average pools do not count the padded zeros, the last block pools by maximum, and
there are 1008 classes. Imports PyTorch, so it is imported only where a network is opened.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

SIDE = 299
WIDTH = 2048
CLASSES = 1008

Size = int | tuple[int, int]


class Layer(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, taken: int, given: int, kernel: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(taken, given, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(given, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, H, W] -> [n, given, H', W']."""
        return functional.relu(self.bn(self.conv(x)), inplace=True)


def _mean_pool(x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class BlockA(nn.Module):
    """35 x 35: branches of 1 x 1, 5 x 5, two of 3 x 3, and a pool of `pooled` channels."""

    def __init__(self, taken: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Layer(taken, 64, 1)
        self.branch5x5_1 = Layer(taken, 48, 1)
        self.branch5x5_2 = Layer(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Layer(taken, 64, 1)
        self.branch3x3dbl_2 = Layer(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Layer(96, 96, 3, padding=1)
        self.branch_pool = Layer(taken, pooled, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, 35, 35] -> [n, 224 + pooled, 35, 35]."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(_mean_pool(x))], 1)


class BlockB(nn.Module):
    """35 x 35 to 17 x 17."""

    def __init__(self, taken: int) -> None:
        super().__init__()
        self.branch3x3 = Layer(taken, 384, 3, 2)
        self.branch3x3dbl_1 = Layer(taken, 64, 1)
        self.branch3x3dbl_2 = Layer(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Layer(96, 96, 3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, 35, 35] -> [n, 480 + taken, 17, 17]."""
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), three, functional.max_pool2d(x, 3, 2)], 1)


class BlockC(nn.Module):
    """17 x 17: 7 x 7 as rows and columns of `inner` channels."""

    def __init__(self, taken: int, inner: int) -> None:
        super().__init__()
        row, column = (1, 7), (7, 1)
        self.branch1x1 = Layer(taken, 192, 1)
        self.branch7x7_1 = Layer(taken, inner, 1)
        self.branch7x7_2 = Layer(inner, inner, row, padding=(0, 3))
        self.branch7x7_3 = Layer(inner, 192, column, padding=(3, 0))
        self.branch7x7dbl_1 = Layer(taken, inner, 1)
        self.branch7x7dbl_2 = Layer(inner, inner, column, padding=(3, 0))
        self.branch7x7dbl_3 = Layer(inner, inner, row, padding=(0, 3))
        self.branch7x7dbl_4 = Layer(inner, inner, column, padding=(3, 0))
        self.branch7x7dbl_5 = Layer(inner, 192, row, padding=(0, 3))
        self.branch_pool = Layer(taken, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, 17, 17] -> [n, 768, 17, 17]."""
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(_mean_pool(x))], 1)


class BlockD(nn.Module):
    """17 x 17 to 8 x 8."""

    def __init__(self, taken: int) -> None:
        super().__init__()
        self.branch3x3_1 = Layer(taken, 192, 1)
        self.branch3x3_2 = Layer(192, 320, 3, 2)
        self.branch7x7x3_1 = Layer(taken, 192, 1)
        self.branch7x7x3_2 = Layer(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Layer(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Layer(192, 192, 3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, 17, 17] -> [n, 512 + taken, 8, 8]."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([three, seven, functional.max_pool2d(x, 3, 2)], 1)


class BlockE(nn.Module):
    """8 x 8: 3 x 3 as rows beside columns; the last one pools by maximum."""

    def __init__(self, taken: int, is_last: bool) -> None:
        super().__init__()
        row, column = (1, 3), (3, 1)
        self.branch1x1 = Layer(taken, 320, 1)
        self.branch3x3_1 = Layer(taken, 384, 1)
        self.branch3x3_2a = Layer(384, 384, row, padding=(0, 1))
        self.branch3x3_2b = Layer(384, 384, column, padding=(1, 0))
        self.branch3x3dbl_1 = Layer(taken, 448, 1)
        self.branch3x3dbl_2 = Layer(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Layer(384, 384, row, padding=(0, 1))
        self.branch3x3dbl_3b = Layer(384, 384, column, padding=(1, 0))
        self.branch_pool = Layer(taken, 192, 1)
        self.is_last = is_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, 8, 8] -> [n, 2048, 8, 8]."""
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, 1, 1) if self.is_last else _mean_pool(x)
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(once),
            self.branch3x3_2b(once),
            self.branch3x3dbl_3a(twice),
            self.branch3x3dbl_3b(twice),
            self.branch_pool(pooled),
        ]
        return torch.cat(branches, 1)


class Network(nn.Module):
    """The whole network; `fc` is part of the published file and of no score."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Layer(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Layer(32, 32, 3)
        self.Conv2d_2b_3x3 = Layer(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Layer(64, 80, 1)
        self.Conv2d_4a_3x3 = Layer(80, 192, 3)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(768, 128)
        self.Mixed_6c = BlockC(768, 160)
        self.Mixed_6d = BlockC(768, 160)
        self.Mixed_6e = BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b = BlockE(1280, is_last=False)
        self.Mixed_7c = BlockE(2048, is_last=True)
        self.fc = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 3, 299, 299], about -1..1 -> [n, 2048], the means of the last block (`pool3`)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, 2)))
        x = functional.max_pool2d(x, 3, 2)
        for name, block in self.named_children():
            if name.startswith("Mixed_"):
                x = block(x)
        return x.mean(dim=(2, 3))

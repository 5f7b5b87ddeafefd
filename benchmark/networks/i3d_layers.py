"""I3D (Carreira & Zisserman, CVPR 2017): Inception-v1 with kernels in space and time, by VideoGPT's names.

Imports PyTorch, so it is imported only where a network is opened.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn
from torch.nn import functional

CLASSES: Final = 400
LAYERS: Final[dict[str, tuple[int, ...]]] = {
    "Conv3d_1a_7x7": (3, 64, 7, 2),  # channels in, channels out, side, stride
    "MaxPool3d_2a_3x3": (1, 3, 1, 2),  # frames and px of the window, frames and px of the stride
    "Conv3d_2b_1x1": (64, 64, 1, 1),
    "Conv3d_2c_3x3": (64, 192, 3, 1),
    "MaxPool3d_3a_3x3": (1, 3, 1, 2),
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32),  # channels in; out of b0, b1a, b1b, b2a, b2b, b3b
    "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "MaxPool3d_4a_3x3": (3, 3, 2, 2),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "MaxPool3d_5a_2x2": (2, 2, 2, 2),
    "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}
"""Its layers in their order, as Inception-v1's table (Szegedy et al. 2015) has them."""


def same(x: torch.Tensor, window: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
    """Pad with zeros as TensorFlow's SAME does: what is odd goes behind.

    Args:
        x: [n, channels, frames, H, W].
        window, stride: of frames, rows and columns.

    Returns:
        Of a size at which a layer without padding gives ceil(size / stride) along each axis.
    """
    pads: list[int] = []
    for size, wide, step in zip(x.shape[2:], window, stride, strict=True):
        whole = max((-(-size // step) - 1) * step + wide - size, 0)
        pads = [whole // 2, whole - whole // 2, *pads]  # PyTorch wants the last axis first
    return functional.pad(x, pads) if any(pads) else x


class Unit(nn.Module):
    """A convolution, and a batch norm and ReLU behind it unless it gives the logits."""

    def __init__(self, taken: int, given: int, side: int, stride: int, epsilon: float | None) -> None:
        super().__init__()
        self.side, self.stride = side, stride
        inside = side // 2 if stride == 1 else 0
        self.conv3d = nn.Conv3d(taken, given, side, stride, padding=inside, bias=epsilon is None)
        self.bn = None if epsilon is None else nn.BatchNorm3d(given, eps=epsilon)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, frames, H, W] -> [n, given, ceil(frames / stride), ...]."""
        if self.stride > 1:
            x = same(x, (self.side,) * 3, (self.stride,) * 3)
        x = self.conv3d(x)
        return x if self.bn is None else self.bn(x).relu_()


class Pool(nn.Module):
    """The largest of a window. Zeros lie beyond the edge, as in the public programs: it comes after a ReLU."""

    def __init__(self, window: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.window, self.stride = (window[0], window[1], window[1]), (stride[0], stride[1], stride[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, channels, frames, H, W] -> the same divided by the stride, rounded up."""
        return functional.max_pool3d(same(x, self.window, self.stride), self.window, self.stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, taken: int, widths: tuple[int, ...], epsilon: float) -> None:
        super().__init__()
        self.b0 = Unit(taken, widths[0], 1, 1, epsilon)
        self.b1a = Unit(taken, widths[1], 1, 1, epsilon)
        self.b1b = Unit(widths[1], widths[2], 3, 1, epsilon)
        self.b2a = Unit(taken, widths[3], 1, 1, epsilon)
        self.b2b = Unit(widths[3], widths[4], 3, 1, epsilon)
        self.b3a = Pool((3, 3), (1, 1))
        self.b3b = Unit(taken, widths[5], 1, 1, epsilon)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, frames, H, W] -> [n, sum of the branches, frames, H, W]."""
        branches = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x)))
        return torch.cat(branches, dim=1)


class Network(nn.Module):
    """The whole of I3D up to its logits."""

    def __init__(self, epsilon: float) -> None:
        """Set up.

        Args:
            epsilon: that batch norms add to variances.
        """
        super().__init__()
        for name, numbers in LAYERS.items():
            self.add_module(name, _layer(name, numbers, epsilon))
        self.logits = Unit(1024, CLASSES, 1, 1, None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of Kinetics-400, averaged over time.

        Args:
            x: [n, 3, frames >= 9, 224, 224] RGB, -1..1.

        Returns:
            [n, 400].
        """
        for name in LAYERS:
            x = self.get_submodule(name)(x)
        x = self.logits(functional.avg_pool3d(x, (2, 7, 7), 1))
        return x[:, :, :, 0, 0].mean(dim=2)


def _layer(name: str, numbers: tuple[int, ...], epsilon: float) -> nn.Module:
    if name.startswith("Mixed"):
        return Mixed(numbers[0], numbers[1:], epsilon)
    if name.startswith("MaxPool3d"):
        return Pool((numbers[0], numbers[1]), (numbers[2], numbers[3]))
    taken, given, side, stride = numbers
    return Unit(taken, given, side, stride, epsilon)

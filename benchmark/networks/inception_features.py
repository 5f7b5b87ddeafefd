"""Inception's 2048 features of pictures, for FID and KID: published or seeded weights, fast on a processor."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import nn

from benchmark.networks.inception import Layer, Network
from benchmark.networks.resize import Method, prepared
from perception.opening import Placed, accelerator, opened

MODEL: Final = "inception-fid"
BATCH: Final = 8
"""Pictures at a time where all frames are asked: a convolution's last bits depend on it, so an extractor has one."""
TOLERANCE: Final = 2e-4
"""By how much of the largest feature one may differ between batch sizes, devices and folded layers, in float32."""


class InceptionFeatures(Placed[nn.Module]):
    """Opened once; its numbers do not depend on what else is in the batch."""

    @classmethod
    def load(
        cls, device: torch.device | None = None, *, seeded: bool = False, dtype: torch.dtype = torch.float32
    ) -> InceptionFeatures:
        """Open the network.

        Args:
            device: None takes the accelerator where there is one.
            seeded: take seeded weights; their features mean nothing.
            dtype: float32, with norms folded into convolutions; or float64, as published.

        Raises:
            PerceptionError: the published file is absent, damaged or another one.
        """
        network = opened(Network(), MODEL, seeded=seeded).to(dtype)
        device = device or accelerator()
        if dtype == torch.float32:
            fold(network)
            if device.type == "cpu":
                fuse(network)
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, device, dtype)

    def __call__(self, pictures: np.ndarray, method: Method = "torchfidelity") -> np.ndarray:
        """Features of pictures.

        Args:
            pictures: [n, H, W, 3] uint8 RGB.
            method: how they are brought to 299 x 299 (`benchmark.networks.resize`).

        Returns:
            [n, 2048], 0 and up, float32 or float64 as opened.
        """
        with torch.inference_mode():
            found = self._network(prepared(pictures, method, self.dtype, self.device))
        return np.asarray(found.cpu().numpy())


def fold(network: nn.Module) -> None:
    """Put each norm into the convolution before it: the same function to rounding, and a third of the memory traffic.

    The network's state then no longer has the published names, so this is for asking only.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for layer in network.modules():
        if isinstance(layer, Layer):
            layer.conv = fuse_conv_bn_eval(layer.conv, layer.bn)
            layer.bn = nn.Identity()  # type: ignore[assignment]


class FusedLayer(nn.Module):
    """A folded layer: convolution and ReLU in one call of oneDNN, so that the result passes through memory once."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, taken, H, W] float32 -> [n, given, H', W']."""
        conv = self.conv
        found: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, conv.weight, conv.bias, conv.padding, conv.stride, conv.dilation, conv.groups, "relu", [], ""
        )
        return found


def fuse(network: nn.Module) -> None:
    """Let oneDNN do each folded layer in one call, where this build of PyTorch has it; otherwise nothing changes."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Layer):
                setattr(parent, name, FusedLayer(layer.conv))

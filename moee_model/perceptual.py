"""VGG19's feature maps for the loss on pixels (MoEE, 3.5); torchvision's weights, by their published names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import nn

from moee_model.errors import ModelError

_LAYOUT: Final = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
_TOLD: Final = frozenset({3, 8, 13, 22, 31})
"""Positions of relu1_2, relu2_2, relu3_2, relu4_2 and relu5_2; the paper does not say which layers it takes."""
_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)


class Perceptual(nn.Module):
    """Frozen feature maps of five layers of VGG19 (Simonyan and Zisserman, 2015)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for channels in _LAYOUT:
            if channels:
                layers += [nn.Conv2d(width, channels, 3, padding=1), nn.ReLU()]
                width = channels
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.mean = nn.Buffer(torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.deviation = nn.Buffer(torch.tensor(_DEVIATION)[:, None, None], persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """[N, 3, H, W] in -1..1 to five feature maps."""
        x = ((pixels + 1) / 2 - self.mean) / self.deviation
        found = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in _TOLD:
                found.append(x)
        return found


def load_perceptual(path: Path) -> Perceptual:
    """VGG19 of a file with torchvision's names (`features.N.weight`); the classifier's weights are not read.

    Args:
        path: a safetensors file, or torchvision's `vgg19-dcbb9e9d.pth` (read as numbers only).

    Raises:
        ModelError: it cannot be read or lacks a layer.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"VGG19's weights in {path} cannot be read as numbers ({type(error).__name__}).") from error
    network = Perceptual()
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    kept = {name: value for name, value in found.items() if name in wanted and value.shape == wanted[name]}
    if len(kept) != len(wanted):
        missing = sorted(set(wanted) - set(kept))
        raise ModelError(f"{path} is not VGG19: it lacks {missing[0]} and {len(missing) - 1} more.")
    network.load_state_dict(kept, strict=True)
    return network

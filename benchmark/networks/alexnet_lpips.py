"""LPIPS v0.1 with AlexNet (Zhang et al. 2018): how different two pictures look, by the names of its published files.

The trunk is torchvision's AlexNet without its classifier, published by torchvision; the five linear layers are
published by LPIPS. Both are put under the names that `lpips.LPIPS(net="alex")` has. Imports PyTorch, so it is imported
only where a network is opened.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

WIDTHS: Final = (64, 192, 384, 256, 256)
SHIFT: Final = (-0.030, -0.088, -0.188)
SCALE: Final = (0.458, 0.448, 0.450)
EPS: Final = 1e-10  # added to lengths, as LPIPS does
TRUNK_PARTS: Final = {0: "slice1.0", 3: "slice2.3", 6: "slice3.6", 8: "slice4.8", 10: "slice5.10"}
"""Place in torchvision's `features` -> place in LPIPS's slices."""


class Scaling(nn.Module):
    """From -1..1 to ImageNet's normalisation, as LPIPS states it."""

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(SHIFT)[None, :, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[None, :, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 3, H, W] -> the same."""
        return (x - self.shift) / self.scale


class Trunk(nn.Module):
    """AlexNet's five convolutions, each with what comes before it in a slice of its own."""

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2)
        self.slice1 = _slice({0: nn.Conv2d(3, 64, 11, 4, padding=2), 1: nn.ReLU()})
        self.slice2 = _slice({2: pool, 3: nn.Conv2d(64, 192, 5, padding=2), 4: nn.ReLU()})
        self.slice3 = _slice({5: pool, 6: nn.Conv2d(192, 384, 3, padding=1), 7: nn.ReLU()})
        self.slice4 = _slice({8: nn.Conv2d(384, 256, 3, padding=1), 9: nn.ReLU()})
        self.slice5 = _slice({10: nn.Conv2d(256, 256, 3, padding=1), 11: nn.ReLU()})

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """[n, 3, H, W] -> what each slice gives, `WIDTHS` channels."""
        found = []
        for part in (self.slice1, self.slice2, self.slice3, self.slice4, self.slice5):
            x = part(x)
            found.append(x)
        return found


class Weighing(nn.Module):
    """A weight for each channel; place 1, as training has dropout at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = _slice({1: nn.Conv2d(width, 1, 1, bias=False)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, width, H, W] -> [n, 1, H, W]."""
        weighed: torch.Tensor = self.model(x)
        return weighed


def _slice(layers: dict[int, nn.Module]) -> nn.Sequential:
    part = nn.Sequential()
    for place, layer in layers.items():
        part.add_module(str(place), layer)
    return part


class Network(nn.Module):
    """The whole of it; each linear layer stands in its state twice, as in the public class."""

    def __init__(self) -> None:
        super().__init__()
        self.scaling_layer = Scaling()
        self.net = Trunk()
        weighings = [Weighing(width) for width in WIDTHS]
        for place, weighing in enumerate(weighings):
            self.add_module(f"lin{place}", weighing)
        self.lins = nn.ModuleList(weighings)

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Distances of pictures.

        Args:
            one, other: [n, 3, H, W], -1..1.

        Returns:
            [n].
        """
        count = len(one)
        layers = self.net(self.scaling_layer(torch.cat([one, other])))
        total = one.new_zeros(count)
        for found, weighing in zip(layers, self.lins, strict=True):
            unit = found / (found.square().sum(dim=1, keepdim=True).sqrt() + EPS)
            total = total + weighing((unit[:count] - unit[count:]).square()).mean(dim=(1, 2, 3))
        return total


def from_published(trunk: dict[str, torch.Tensor], linear: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state of `Network` from torchvision's AlexNet and LPIPS's `alex.pth`."""
    scaling = Scaling()
    state = {f"scaling_layer.{name}": tensor for name, tensor in scaling.state_dict().items()}
    for place, name in TRUNK_PARTS.items():
        for part in ("weight", "bias"):
            if f"features.{place}.{part}" in trunk:
                state[f"net.{name}.{part}"] = trunk[f"features.{place}.{part}"]
    for place in range(len(WIDTHS)):
        name = f"lin{place}.model.1.weight"
        if name in linear:
            state[name] = state[f"lins.{place}.model.1.weight"] = linear[name]
    return state

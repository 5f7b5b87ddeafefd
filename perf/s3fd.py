"""A network with the layers of S3FD, on weights from a seed: what it costs, not what it finds.

S. Zhang et al., S3FD: Single Shot Scale-invariant Face Detector, ICCV 2017: VGG-16 to its fifth block, two dilated or
flat layers in place of its fully connected ones, two pairs of further layers, and two heads on each of six sizes. Boxes
are not made of the heads' numbers.
"""

from __future__ import annotations

import torch
from torch import nn

VGG = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
SCALED = (2, 3, 4)  # blocks whose output is scaled to one length before its heads


class S3fd(nn.Module):
    """[1, 3, H, W] -> the heads' numbers of each size."""

    def __init__(self) -> None:
        """Build the layers, untrained."""
        super().__init__()
        blocks, width = [], 3
        for block in VGG:
            layers: list[nn.Module] = []
            for out in block:
                layers += [nn.Conv2d(width, out, 3, padding=1), nn.ReLU(inplace=True)]
                width = out
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(blocks)
        self.flat = nn.Sequential(
            nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True), nn.Conv2d(1024, 1024, 1), nn.ReLU()
        )
        self.further = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 1), nn.ReLU(), nn.Conv2d(b, c, 3, 2, 1), nn.ReLU())
            for a, b, c in ((1024, 256, 512), (512, 128, 256))
        )
        widths = (256, 512, 512, 1024, 512, 256)
        self.boxes = nn.ModuleList(nn.Conv2d(width, 4, 3, padding=1) for width in widths)
        self.faces = nn.ModuleList(
            nn.Conv2d(width, 2 + 2 * (place == 0), 3, padding=1) for place, width in enumerate(widths)
        )

    def forward(self, x: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Ask all layers."""
        seen = []
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in SCALED:
                seen.append(x / (x.pow(2).sum(dim=1, keepdim=True).sqrt() + 1e-10))
            x = nn.functional.max_pool2d(x, 2, ceil_mode=place == 2)
        x = self.flat(x)
        seen.append(x)
        for layers in self.further:
            x = layers(x)
            seen.append(x)
        return [(box(x), face(x)) for x, box, face in zip(seen, self.boxes, self.faces, strict=True)]

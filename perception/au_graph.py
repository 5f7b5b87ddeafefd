"""The network of OpenGraphAU's first stage (Luo et al., IJCAI 2022): action units as nodes that hear their likes.

Imports PyTorch, so it is imported only where the network is opened. Tensors bear their makers' names.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from perception.resnet import FEATURES, trunk

MAIN, SIDED = 27, 14  # action units, and those that tell left from right
NEIGHBOURS = 4


class Linear(nn.Module):
    """A linear layer with batch normalisation and rectification over the places of a picture."""

    def __init__(self, taken: int, given: int) -> None:
        super().__init__()
        self.fc = nn.Linear(taken, given)
        self.bn = nn.BatchNorm1d(given)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, places, taken] -> [n, places, given]."""
        return self.bn(self.fc(x).transpose(1, 2)).relu().transpose(1, 2)


class Graph(nn.Module):
    """Each node takes up the mean of its nearest nodes, by their dot products, itself among them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.U = nn.Linear(channels, channels)
        self.V = nn.Linear(channels, channels)
        self.bnv = nn.BatchNorm1d(MAIN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, nodes, channels] -> the same."""
        alike = x @ x.transpose(1, 2)
        least = alike.topk(NEIGHBOURS, dim=-1).values[:, :, -1:]
        near = (alike >= least).to(x.dtype)
        degree = near.sum(dim=-1).rsqrt()
        near = degree[:, :, None] * near * degree[:, None, :]
        return (x + self.bnv(near @ self.V(x) + self.U(x))).relu()


class Head(nn.Module):
    """A node for each action unit, and how near it comes to what the unit looks like."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main_class_linears = nn.ModuleList(Linear(channels, channels) for _ in range(MAIN))
        self.gnn = Graph(channels)
        self.main_sc = nn.Parameter(torch.zeros(MAIN, channels))
        self.sub_sc = nn.Parameter(torch.zeros(SIDED, channels))  # of the published file; not told here

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, places, channels] -> cosines [n, 27] in 0..1."""
        nodes = self.gnn(torch.stack([layer(x).mean(dim=1) for layer in self.main_class_linears], dim=1))
        return (functional.normalize(nodes, dim=-1) * functional.normalize(self.main_sc.relu(), dim=-1)).sum(dim=-1)


class ActionUnitGraph(nn.Module):
    """[n, 3, 224, 224] -> [n, 27]; `layers` of its ResNet are 18 or 50."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.backbone = trunk(layers)
        channels = FEATURES[layers] // 4
        self.global_linear = Linear(FEATURES[layers], channels)
        self.head = Head(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Judge pictures as ImageNet's networks take them."""
        for part in self.backbone.values():
            x = part(x)
        return self.head(self.global_linear(x.flatten(2).transpose(1, 2)))

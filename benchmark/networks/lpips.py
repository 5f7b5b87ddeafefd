"""LPIPS of pairs of pictures, from two published files or from seeded weights."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import nn

from benchmark.networks.alexnet_lpips import Network, from_published
from perception.opening import Placed, accelerator

TRUNK: Final = "alexnet"
LINEAR: Final = "lpips-alex"
BATCH: Final = 4
"""Pairs at a time: a convolution's last bits depend on it, so the benchmark has one size."""
TOLERANCE: Final = 1e-6
"""By how much an LPIPS may differ between batch sizes and devices, in float32."""


class Lpips(Placed[nn.Module]):
    """Opened once; its numbers do not depend on what else is in the batch."""

    @classmethod
    def load(
        cls, device: torch.device | None = None, *, seeded: bool = False, dtype: torch.dtype = torch.float32
    ) -> Lpips:
        """Open the network.

        Args:
            device: None takes the accelerator where there is one.
            seeded: take seeded weights; their distances mean nothing.
            dtype: of the arithmetic, float32 or float64.

        Raises:
            PerceptionError: a published file is absent, damaged or another one.
        """
        device = device or accelerator()
        return cls(_opened(seeded), device, dtype)

    def __call__(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Distances of pictures of one size.

        Args:
            one, other: [n, H, W, 3] uint8 RGB, or floats in -1..1; at least 31 px wide and high.

        Returns:
            [n] float64, 0 and up with published weights.

        Raises:
            ValueError: they differ in shape, are too small, or hold values that are not in -1..1.
        """
        if one.shape != other.shape or one.ndim != 4 or one.shape[3] != 3 or min(one.shape[1:3]) < 31:
            raise ValueError(
                f"LPIPS takes two [n, H, W, 3] of at least 31 px, not {list(one.shape)} and {list(other.shape)}."
            )
        with torch.inference_mode():
            return np.asarray(self._network(self._scaled(one), self._scaled(other)).double().cpu().numpy())

    def _scaled(self, pictures: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(pictures.copy()).to(self.device).permute(0, 3, 1, 2)
        if pictures.dtype == np.uint8:
            return (x.to(self.dtype) / 127.5 - 1).contiguous()
        if not (bool((x >= -1).all()) and bool((x <= 1).all())):
            raise ValueError("LPIPS takes values in -1..1: it would give plausible, wrong numbers for others.")
        return x.to(self.dtype).contiguous()


def _opened(seeded: bool) -> nn.Module:
    """The network with its weights; seeded linear weights are made positive, as the published ones are."""
    from perception import weights
    from perception.networks import fill, read_state
    from perception.seeded import seeded_state

    network = Network()
    if seeded:
        state = seeded_state(network)
        state |= Network().scaling_layer.state_dict(prefix="scaling_layer.")
        for place in range(len(network.lins)):
            one = f"lin{place}.model.1.weight"
            state[one] = state[f"lins.{place}.model.1.weight"] = state[one].abs()
        network.load_state_dict(state, strict=True)
        return network.eval().requires_grad_(False)
    trunk, linear = weights.find(TRUNK), weights.find(LINEAR)
    return fill(network, from_published(read_state(trunk, TRUNK), read_state(linear, LINEAR)), trunk, TRUNK)

"""I3D as FVD asks it: 400 logits of Kinetics-400 for windows of 16 frames, in the two variants that papers use.

Both took their weights from the TensorFlow program of Unterthiner et al. (2018), TF-Hub's i3d-kinetics-400. They differ
in how frames become 224 x 224 px, and in what batch norms add to variances: 1e-3 as in TensorFlow for StyleGAN-V's copy
(github.com/universome/stylegan-v), 1e-5 for VideoGPT's (github.com/wilson1yan/VideoGPT).

StyleGAN-V's weights are published as a TorchScript program only, `i3d_torchscript.pt`. It is not run: its tensors are
read, and put into this network by the names of the program that it was made of, `I3D` of
github.com/hassony2/kinetics_i3d_pytorch. A file with other names or shapes is refused. What it adds to variances does
not stand beside its tensors: where the file is at hand, a proof compares the distance of black from white that was
published for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from perception.errors import PerceptionError
from perception.opening import Placed, accelerator, opened

if TYPE_CHECKING:
    import torch

    from benchmark.networks.i3d_layers import Network

Variant = Literal["styleganv", "videogpt"]
MODELS: Final[Mapping[Variant, str]] = {"styleganv": "i3d-styleganv", "videogpt": "i3d-videogpt"}
"""Variant -> name in `perception.weights`."""
EPSILON: Final[Mapping[Variant, float]] = {"styleganv": 1e-3, "videogpt": 1e-5}
FRAMES, SIDE, WIDTH = 16, 224, 400
"""Of a window, px of a frame, logits."""
_FIRST: Final = {"conv3d_1a_7x7": "Conv3d_1a_7x7", "conv3d_2b_1x1": "Conv3d_2b_1x1", "conv3d_2c_3x3": "Conv3d_2c_3x3"}
_BRANCHES: Final = {
    "branch_0": "b0",
    "branch_1.0": "b1a",
    "branch_1.1": "b1b",
    "branch_2.0": "b2a",
    "branch_2.1": "b2b",
    "branch_3.1": "b3b",
}


class I3d(Placed["Network"]):
    """Asks I3D about windows.

    variant: whose frames and epsilon.
    """

    def __init__(self, network: Network, variant: Variant, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(network, device, dtype)
        self.variant = variant

    @classmethod
    def load(
        cls, variant: Variant, device: torch.device | None = None, *, seeded: bool = False,
        dtype: torch.dtype | None = None,
    ) -> I3d:  # fmt: skip
        """Open the network.

        Args:
            variant: `styleganv` or `videogpt`.
            device: None takes the accelerator where there is one.
            seeded: take weights from a seed, whose logits mean nothing.
            dtype: None takes float32.

        Raises:
            PerceptionError: the weights are missing, damaged, another network's, or could run code.
        """
        import torch

        from benchmark.networks.i3d_layers import Network
        from benchmark.networks.names import with_counters

        network = Network(EPSILON[variant])
        if variant == "styleganv" and not seeded:
            _fill_from_script(network)
        else:
            opened(network, MODELS[variant], seeded=seeded, rename=lambda state: with_counters(state, network))
        return cls(network, variant, device or accelerator(), dtype or torch.float32)

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """Make a frame what this variant's network takes.

        Args:
            frame: [H, W, 3] uint8 RGB.

        Returns:
            [3, 224, 224], -1..1, in the network's type.

        Raises:
            PerceptionError: a frame of another shape or type.
        """
        import torch

        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise PerceptionError(f"I3D takes frames [H, W, 3] uint8, not {list(frame.shape)} {frame.dtype}.")
        x = torch.from_numpy(np.array(frame.transpose(2, 0, 1)))[None].to(self.dtype)
        return (squashed(x) if self.variant == "styleganv" else cut(x))[0].numpy()

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Ask about windows.

        Args:
            windows: [n, 3, 16, 224, 224] of frames that `prepare` gave.

        Returns:
            [n, 400] logits in the network's type.

        Raises:
            PerceptionError: windows of another shape, or values beyond -1..1.
        """
        import torch

        if windows.shape[1:] != (3, FRAMES, SIDE, SIDE):
            raise PerceptionError(
                f"I3D takes windows [n, 3, {FRAMES}, {SIDE}, {SIDE}] of float numbers, not {list(windows.shape)}."
            )
        if not np.abs(windows).max(initial=0) <= 1 + 1e-6:
            raise PerceptionError("I3D takes windows of values from -1 to 1.")
        with torch.inference_mode():
            seen = torch.from_numpy(windows).to(self.device, self.dtype)
            return self._network(seen).cpu().numpy()


def squashed(x: torch.Tensor) -> torch.Tensor:
    """Frames as StyleGAN-V's program makes them: squashed to a square, bilinear without antialias, and then scaled.

    Args:
        x: [n, 3, H, W], 0..255.

    Returns:
        [n, 3, 224, 224], -1..1.
    """
    return _bilinear(x, (SIDE, SIDE)) * 2 / 255 - 1


def cut(x: torch.Tensor) -> torch.Tensor:
    """Frames as VideoGPT makes them: the shorter side scaled to 224 px, bilinear without antialias; the middle of it.

    Args:
        x: [n, 3, H, W], 0..255.

    Returns:
        [n, 3, 224, 224], -1..1.
    """
    high, wide = x.shape[2:]
    scale = SIDE / min(high, wide)
    # The longer side is rounded up, from a product in floating point, as there.
    size = (SIDE, math.ceil(wide * scale)) if high < wide else (math.ceil(high * scale), SIDE)
    x = _bilinear(x / 255, size)
    top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return (x[:, :, top : top + SIDE, left : left + SIDE] - 0.5) * 2


def _bilinear(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    from torch.nn import functional

    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """StyleGAN-V's names (those of kinetics_i3d_pytorch) -> this network's; what has no place here keeps its name."""
    return {_renamed(name): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    layer, _, rest = name.partition(".")
    rest = rest.replace("batch3d.", "bn.")
    if layer in _FIRST:
        return f"{_FIRST[layer]}.{rest}"
    if layer == "conv3d_0c_1x1":
        return f"logits.{rest}"
    found = re.fullmatch(r"(branch_[0-3](?:\.[01])?)\.((?:conv3d|bn)\..+)", rest)
    if re.fullmatch(r"mixed_[345][b-f]", layer) and found and found[1] in _BRANCHES:
        return f"M{layer[1:]}.{_BRANCHES[found[1]]}.{found[2]}"
    return name


def _fill_from_script(network: Network) -> None:
    from benchmark.networks.names import with_counters
    from benchmark.networks.torchscript import read_tensors
    from perception import weights
    from perception.networks import fill

    model = MODELS["styleganv"]
    path = weights.find(model)
    fill(network, with_counters(renamed(read_tensors(path, model)), network), path, model)

"""The 3D ResNet-50 of FID-VID, as the program of DisCo (github.com/Wangt-CN/DisCo, tool/metrics) asks it.

The network and its weights, `resnet-50-kinetics.pth`, are those of Hara et al. (CVPR 2018,
github.com/kenshohara/video-classification-3d-cnn-pytorch, MIT), trained on Kinetics-400. A frame is resized to
112 x 112 px, each channel as real numbers by Pillow's bicubic filter (which antialiases), without clipping or rounding;
Kinetics' mean is taken off; the 2048 features are those of the last average over space and time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from perception.errors import PerceptionError
from perception.opening import Placed, accelerator, opened

if TYPE_CHECKING:
    import torch


MODEL: Final = "resnet3d50-kinetics"
FRAMES, SIDE, WIDTH = 16, 112, 2048
"""Of a window, px of a frame, features."""
MEAN: Final = (114.7748, 107.7354, 99.4750)
"""Of the red, green and blue values 0..255 of Kinetics."""


class Resnet3d(Placed):
    """Asks the network about windows."""

    @classmethod
    def load(
        cls, device: torch.device | None = None, *, seeded: bool = False, dtype: torch.dtype | None = None
    ) -> Resnet3d:  # fmt: skip
        """Open the network.

        Args:
            device: None takes the accelerator where there is one.
            seeded: take weights from a seed, whose features mean nothing.
            dtype: None takes float32.

        Raises:
            PerceptionError: the weights are missing, damaged, another network's, or could run code.
        """
        import torch

        from benchmark.networks.names import with_counters
        from benchmark.networks.resnet3d_layers import Network

        network = Network()
        opened(network, MODEL, seeded=seeded, rename=lambda state: with_counters(state, network))
        return cls(network, device or accelerator(), dtype or torch.float32)

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """Make a frame what the network takes.

        Args:
            frame: [H, W, 3] uint8 RGB.

        Returns:
            [3, 112, 112] float32, 0..255 (and a little beyond, at edges) less `MEAN`.

        Raises:
            PerceptionError: a frame of another shape or type.
        """
        from PIL import Image

        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise PerceptionError(f"The 3D ResNet takes frames [H, W, 3] uint8, not {list(frame.shape)} {frame.dtype}.")
        channels = [Image.fromarray(frame[..., place].astype(np.float32)) for place in range(3)]
        small = [np.asarray(channel.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for channel in channels]
        # The mean is taken off in float64, and the result rounded, as there.
        return (np.stack(small) - np.array(MEAN)[:, None, None]).astype(np.float32)

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Ask about windows.

        Args:
            windows: [n, 3, 16, 112, 112] of frames that `prepare` gave.

        Returns:
            [n, 2048] features in the network's type.

        Raises:
            PerceptionError: windows of another shape.
        """
        import torch

        if windows.shape[1:] != (3, FRAMES, SIDE, SIDE):
            raise PerceptionError(
                f"The 3D ResNet takes windows [n, 3, {FRAMES}, {SIDE}, {SIDE}] of float numbers, "
                f"not {list(windows.shape)}."
            )
        with torch.inference_mode():
            seen = torch.from_numpy(windows).to(self.device, self.dtype)
            return self._network(seen).cpu().numpy()

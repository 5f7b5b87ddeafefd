"""SyncNet: embeddings of lips and of sound that lie near each other where both belong together.

J. S. Chung and A. Zisserman, Out of time: automated lip sync in the wild, ACCV Workshops 2016; the program of the
authors (github.com/joonson/syncnet_python, MIT) decides everything here: names, layers, windows of 5 frames and of 20
MFCC columns, blue, green and red 0..255 without further scaling. Its pictures went through JPEG and XviD on the way to
the network; here nothing is stored.

How it is made fast, with equal numbers up to rounding:
- Only the first layer of the lips spans several frames, all 5 of a window at once. It becomes a flat convolution over
  15 channels, so that windows that share frames are read from one stack of them.
- Norms are folded into the convolutions before them, in float64; pooling comes before ReLU, which it commutes with.
- The sound's layers fill up with zeros at a window's edges, so a pass over a whole clip would see its neighbours
  instead: windows stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from perception.errors import PerceptionError
from perception.mfcc import COEFFICIENTS

if TYPE_CHECKING:
    import torch
    from torch import nn

MODEL: Final = "syncnet"
SIDE: Final = 224  # px of a crop
FRAMES: Final = 5  # of a window
COLUMNS: Final = 20  # of MFCC in a window
PER_FRAME: Final = 4  # columns of MFCC from one window to the next
WIDTH: Final = 1024  # numbers that stand for a window
RATE: Final = 25  # frames per second
BATCH: Final = 4  # windows that run together, always: rounding depends on their number; more leave the cache


class SyncNet:
    """Embeds windows in batches of one fixed size, on one thread of a processor.

    device: where it runs; dtype: in which it computes.
    """

    def __init__(self, network: nn.ModuleDict, device: torch.device, dtype: torch.dtype, batch: int = BATCH) -> None:
        import torch

        torch.set_num_threads(1)
        self.device, self.dtype, self.batch = device, dtype, batch
        self._lips = _folded(network["netcnnlip"], network["netfclip"], device, dtype)
        self._lips[0].weight = _flat(self._lips[0].weight)
        self._sound = _folded(network["netcnnaud"], network["netfcaud"], device, dtype)

    @classmethod
    def load(
        cls,
        device: torch.device | None = None,
        *,
        seeded: bool = False,
        dtype: torch.dtype | None = None,
        batch: int = BATCH,
    ) -> SyncNet:
        """Open the network.

        Args:
            device: None takes the accelerator where there is one.
            seeded: take weights from a seed, whose answers mean nothing.
            dtype: None takes float32.
            batch: windows that run together, > 0.

        Raises:
            PerceptionError: the weights are missing, damaged, another network's, or could run code.
        """
        import torch

        from perception.opening import accelerator, opened

        network = build()
        opened(network, MODEL, seeded=seeded, rename=_with_counters)
        return cls(network, device or accelerator(), dtype or torch.float32, batch)

    def lips(self, crops: np.ndarray) -> np.ndarray:
        """Embed every window of 5 frames.

        Args:
            crops: [n >= 5, 224, 224, 3] uint8 RGB at 25 fps, as `perception.lip_crops` cuts them.

        Returns:
            [n - 4, 1024], float32 or the network's type; row i is of frames i to i + 4.

        Raises:
            PerceptionError: crops of another shape or type, or too few.
        """
        import torch

        if crops.shape[1:] != (SIDE, SIDE, 3) or crops.dtype != np.uint8 or len(crops) < FRAMES:
            raise PerceptionError(
                f"SyncNet takes crops [n >= {FRAMES}, {SIDE}, {SIDE}, 3] uint8, not {list(crops.shape)} {crops.dtype}."
            )
        found = []
        with torch.inference_mode():
            for at in range(0, len(crops) - FRAMES + 1, self.batch):
                part = crops[at : at + self.batch + FRAMES - 1]
                stack = torch.zeros(self.batch + FRAMES - 1, SIDE, SIDE, 3, dtype=self.dtype, device=self.device)
                stack[: len(part)] = torch.from_numpy(np.ascontiguousarray(part)).to(self.device)
                windows = torch.cat([stack[k : k + self.batch] for k in range(FRAMES)], dim=3)
                embedded = _run(self._lips, windows.permute(0, 3, 1, 2))  # channels lie last in memory
                found.append(embedded[: len(part) - FRAMES + 1].cpu().numpy())
        return np.concatenate(found)

    def sound(self, cepstra: np.ndarray) -> np.ndarray:
        """Embed the sound of every window of 5 frames.

        Args:
            cepstra: [m >= 20, 13] of the whole sound, as `perception.mfcc.mfcc` gives them.

        Returns:
            [(m - 20) // 4 + 1, 1024], float32 or the network's type; row i is of columns 4 i to 4 i + 19. As n frames
            have 4 n - 1 columns, these are n - 5 windows: the reference leaves out the last window of lips as well.

        Raises:
            PerceptionError: cepstra of another shape, or too few.
        """
        import torch

        if cepstra.ndim != 2 or cepstra.shape[1] != COEFFICIENTS or len(cepstra) < COLUMNS:
            raise PerceptionError(f"SyncNet takes MFCC [m >= {COLUMNS}, {COEFFICIENTS}], not {list(cepstra.shape)}.")
        windows = np.lib.stride_tricks.sliding_window_view(cepstra, COLUMNS, axis=0)[::PER_FRAME]
        found = []
        with torch.inference_mode():
            for at in range(0, len(windows), self.batch):
                part = np.ascontiguousarray(windows[at : at + self.batch], np.float32)  # as the reference rounds them
                filled = torch.zeros(self.batch, 1, COEFFICIENTS, COLUMNS, dtype=self.dtype, device=self.device)
                filled[: len(part), 0] = torch.from_numpy(part).to(self.device)
                found.append(_run(self._sound, filled)[: len(part)].cpu().numpy())
        return np.concatenate(found)


def build() -> nn.ModuleDict:
    """The network with untrained weights, by the names of the published file."""
    from torch import nn

    lips = [
        *_layer(nn.Conv3d(3, 96, (5, 7, 7), (1, 2, 2)), nn.MaxPool3d((1, 3, 3), (1, 2, 2))),
        *_layer(nn.Conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))),
        *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
        *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
        *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1)), nn.MaxPool3d((1, 3, 3), (1, 2, 2))),
        *_layer(nn.Conv3d(256, 512, (1, 6, 6))),
    ]
    sound = [
        *_layer(nn.Conv2d(1, 64, 3, padding=1), nn.MaxPool2d(1)),
        *_layer(nn.Conv2d(64, 192, 3, padding=1), nn.MaxPool2d(3, (1, 2))),
        *_layer(nn.Conv2d(192, 384, 3, padding=1)),
        *_layer(nn.Conv2d(384, 256, 3, padding=1)),
        *_layer(nn.Conv2d(256, 256, 3, padding=1), nn.MaxPool2d(3, 2)),
        *_layer(nn.Conv2d(256, 512, (5, 4))),
    ]
    return nn.ModuleDict(
        {
            "netcnnaud": nn.Sequential(*sound),
            "netfcaud": _ends(),
            "netfclip": _ends(),
            "netcnnlip": nn.Sequential(*lips),
        }
    )


def _layer(convolution: nn.Module, pool: nn.Module | None = None) -> list[nn.Module]:
    """A convolution, its norm and ReLU, and what pools them: their places in a row are part of published names."""
    from torch import nn

    norm = nn.BatchNorm3d if isinstance(convolution, nn.Conv3d) else nn.BatchNorm2d
    channels = convolution.out_channels
    assert isinstance(channels, int)
    return [convolution, norm(channels), nn.ReLU(), *([] if pool is None else [pool])]


def _ends() -> nn.Sequential:
    from torch import nn

    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, WIDTH))


@dataclass
class _Folded:
    """A convolution with its norm in its weights, then pooling, then ReLU.

    weight: [out, in, height, width], or [out, in, 5, 7, 7] of the lips' first layer until `_flat`.
    pool: size, stride and padding, or None.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    pool: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None
    relu: bool = True


def _folded(convolutions: nn.Module, ends: nn.Module, device: torch.device, dtype: torch.dtype) -> list[_Folded]:
    """The layers of one side; fully connected ones become convolutions of one pixel."""
    import torch
    from torch import nn

    made: list[_Folded] = []
    for module in (*convolutions.children(), *ends.children()):
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            made.append(_Folded(module.weight.double(), _bias(module), module.stride[-2:], _pair(module.padding)))
        elif isinstance(module, nn.Linear):
            made.append(_Folded(module.weight.double()[:, :, None, None], _bias(module), (1, 1), (0, 0), relu=False))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            _fold(made[-1], module)
        elif isinstance(module, nn.MaxPool2d | nn.MaxPool3d) and module.kernel_size != 1:
            made[-1].pool = (_pair(module.kernel_size), _pair(module.stride), _pair(module.padding))
        elif isinstance(module, nn.ReLU):
            made[-1].relu = True
    for layer in made:
        if layer.weight.ndim == 5 and layer.weight.shape[2] == 1:
            layer.weight = layer.weight[:, :, 0]
        layer.weight = layer.weight.to(device, dtype)
        if layer.weight.ndim == 4:
            layer.weight = layer.weight.contiguous(memory_format=torch.channels_last)
        layer.bias = layer.bias.to(device, dtype)
    return made


def _fold(layer: _Folded, norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    layer.weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
    layer.bias = (layer.bias - norm.running_mean.double()) * scale + norm.bias.double()


def _bias(module: nn.Conv2d | nn.Conv3d | nn.Linear) -> torch.Tensor:
    assert module.bias is not None
    return module.bias.double()


def _pair(size: object) -> tuple[int, ...]:
    """The last two numbers of a size that may be one number for all sides."""
    return (size, size) if isinstance(size, int) else tuple(size)[-2:]  # type: ignore[arg-type]


def _flat(weight: torch.Tensor) -> torch.Tensor:
    """[96, 3 of BGR, 5, 7, 7] -> [96, 15, 7, 7] over frames and, in each, RGB: crops need not be turned round."""
    import torch

    flat = weight.flip(1).transpose(1, 2).reshape(len(weight), -1, *weight.shape[3:])
    return flat.contiguous(memory_format=torch.channels_last)


def _run(layers: list[_Folded], x: torch.Tensor) -> torch.Tensor:
    """[batch, channels, height, width] -> [batch, 1024]."""
    import torch.nn.functional as functional

    for layer in layers:
        x = functional.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding)
        if layer.pool is not None:
            x = functional.max_pool2d(x, *layer.pool)
        if layer.relu:
            x = functional.relu(x, inplace=True)
    return x.flatten(1)


def _with_counters(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Add what norms count in training, which files of old versions of PyTorch lack and nothing here reads."""
    import torch

    norms = [name.removesuffix("running_mean") for name in state if name.endswith(".running_mean")]
    return {f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms} | state

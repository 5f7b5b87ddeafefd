"""The three ways in which FID programs bring a picture to Inception's 299 x 299: other pixels, other numbers.

`torchfidelity`, as the original TensorFlow program: bilinear from corner pixel to corner pixel, no antialias;
(x - 128) / 128. `pytorchfid`: bilinear between pixel centres, no antialias; 2 x / 255 - 1. `cleanfid` (Parmar et al.
2022): Pillow's bicubic on floats, antialiased, clipped to 0..255; (x - 128) / 128.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
import torch
from torch.nn import functional

from benchmark.networks.inception import SIDE

Method = Literal["torchfidelity", "pytorchfid", "cleanfid"]


def prepared(pictures: np.ndarray, method: Method, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Pictures as Inception takes them.

    Args:
        pictures: [n, H, W, 3] uint8 RGB.
        method: see above.
        dtype: of the arithmetic, float32 or float64; `cleanfid` is resized in doubles, as Pillow's sums are.
        device: where to work.

    Returns:
        [n, 3, 299, 299], about -1..1, channels last in memory.

    Raises:
        ValueError: they have another form.
    """
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8 or 0 in pictures.shape:
        raise ValueError(f"Inception takes pictures [n, H, W, 3] uint8, not {list(pictures.shape)} {pictures.dtype}.")
    x = torch.from_numpy(pictures.copy()).to(device).permute(0, 3, 1, 2)
    return METHODS[method](x, dtype).contiguous(memory_format=torch.channels_last)


def _torchfidelity(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return (_tensorflow_bilinear(x.to(dtype)) - 128) / 128


def _pytorchfid(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    x = x.to(dtype) / 255
    return 2 * functional.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False) - 1


def _cleanfid(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    x = functional.interpolate(x.to(torch.float64), (SIDE, SIDE), mode="bicubic", align_corners=False, antialias=True)
    return (x.clamp(0, 255).to(dtype) - 128) / 128


METHODS: Final[dict[str, Callable[[torch.Tensor, torch.dtype], torch.Tensor]]] = {
    "torchfidelity": _torchfidelity,
    "pytorchfid": _pytorchfid,
    "cleanfid": _cleanfid,
}


def _tensorflow_bilinear(x: torch.Tensor) -> torch.Tensor:
    """TensorFlow 1's `resize_bilinear`: pixel k of the result lies at k * (size / 299) of the picture.

    [n, 3, H, W] -> [n, 3, 299, 299].
    """
    x = x.contiguous()  # planes: their rows are taken whole
    (above, below, down), (left, right, along) = (_places(size, x) for size in x.shape[2:])
    rows = torch.lerp(x[:, :, above], x[:, :, below], down[:, None])
    return torch.lerp(rows[..., left], rows[..., right], along)


def _places(size: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each of 299 pixels the two it lies between, and how far along; TensorFlow's arithmetic is in float32."""
    at = np.arange(SIDE, dtype=np.float32) * (np.float32(size) / np.float32(SIDE))
    low = np.floor(at)
    first = torch.from_numpy(low.astype(np.int64)).to(like.device)
    part = torch.from_numpy(at - low).to(like)
    return first, (first + 1).clamp(max=size - 1), part

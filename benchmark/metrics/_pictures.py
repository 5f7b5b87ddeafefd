"""Pairs of pictures: what two frames must be before they are held against each other pixel by pixel."""

from __future__ import annotations

import numpy as np

from benchmark.errors import BenchmarkError


def check_pair(one: np.ndarray, other: np.ndarray) -> None:
    """Refuse what are not two colour pictures of one size.

    Args:
        one, other: [H, W, 3] uint8.

    Raises:
        BenchmarkError: another type or shape, or two sizes.
    """
    for picture in (one, other):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise BenchmarkError(f"A frame is [H, W, 3] uint8, this is {picture.dtype} {list(picture.shape)}.")
    if one.shape != other.shape:
        raise BenchmarkError(f"Two frames of one size are compared, these are {one.shape} and {other.shape}.")

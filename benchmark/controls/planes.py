"""Makes single pictures worse: blur, JPEG, noise; on the planes of yuv420p, luma [h, w] and chroma [h/2, w/2] uint8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Planes: TypeAlias = Sequence[np.ndarray]
"""Luma [h, w] and both chroma planes [h/2, w/2], uint8; h and w are even."""


def blurred(planes: Planes, sigma: float) -> list[np.ndarray]:
    """A Gaussian over luma and chroma.

    Args:
        planes: of one picture.
        sigma: standard deviation in px of a picture 512 px wide, > 0.
    """
    import cv2

    share = sigma / 512
    width = planes[0].shape[1]
    return [
        cv2.GaussianBlur(plane, (0, 0), max(share * width * scale, 0.1), borderType=cv2.BORDER_REPLICATE)
        for plane, scale in zip(planes, (1.0, 0.5, 0.5), strict=True)
    ]


def jpeg(planes: Planes, quality: float) -> list[np.ndarray]:
    """Through JPEG and back, chroma at half size as video has it.

    Args:
        planes: of one picture.
        quality: of libjpeg, 1..100.
    """
    import cv2

    height, width = planes[0].shape
    stacked = np.concatenate([np.ascontiguousarray(plane).reshape(-1, width) for plane in planes])
    picture = cv2.cvtColor(stacked, cv2.COLOR_YUV2BGR_I420)
    options = [cv2.IMWRITE_JPEG_QUALITY, round(quality), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    _, coded = cv2.imencode(".jpg", picture, options)
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
    back = cv2.cvtColor(decoded, cv2.COLOR_BGR2YUV_I420)
    luma, rest = back[:height], back[height:].reshape(2, height // 2, width // 2)
    return [luma, rest[0], rest[1]]


def noisy(planes: Planes, sigma: float, seed: Sequence[int]) -> list[np.ndarray]:
    """Gaussian noise in luma and chroma; a larger sigma makes the same noise stronger.

    Args:
        planes: of one picture.
        sigma: standard deviation, of 255.
        seed: of this picture.
    """
    draws = np.random.Generator(np.random.PCG64(list(seed)))
    return [
        np.clip(np.rint(plane + sigma * draws.standard_normal(plane.shape, np.float32)), 0, 255).astype(np.uint8)
        for plane in planes
    ]

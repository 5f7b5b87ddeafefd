"""How good a picture is: sharpness and exposure of a face, noise, compression blocks, black borders.

Pure functions on one picture; docs/quality.md says what moves each value and what does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception.boxes import Box

FACE_SIDE = 192  # px; faces of all sizes are judged at this one
REGION = 768  # px; noise and blocks are measured in the middle of larger pictures
BLOCK = 16
SHADE, GLARE = 4, 251  # at or beyond these a pixel says nothing
BLACK_MEAN, BLACK_MOST = 20, 48
WIDEST_BORDER = 0.4


@dataclass(frozen=True)
class FacePicture:
    """How a face is seen.

    sharpness: energy of the Laplacian over the energy of the crop, per mille, at `FACE_SIDE` px; >= 0, more is sharper.
    brightness: mean luma, 0..255.
    contrast: standard deviation of the luma, 0..127.5.
    clipped: share of pixels that are black (<= 4) or white (>= 251), 0..1.
    """

    sharpness: float
    brightness: float
    contrast: float
    clipped: float


@dataclass(frozen=True)
class Borders:
    """Rows and columns at the picture's edges that are black, in px."""

    top: int
    bottom: int
    left: int
    right: int


def luma(rgb: np.ndarray) -> np.ndarray:
    """Return the luma (BT.601 weights, integer) [H, W] uint8 of a picture [H, W, 3] uint8 RGB."""
    import cv2

    grey: np.ndarray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return grey


def judge_face(grey: np.ndarray, box: Box) -> FacePicture | None:
    """Measure sharpness and exposure of the face in a box.

    Args:
        grey: luma [H, W] uint8.
        box: (x0, y0, x1, y1) px; what lies outside the picture is left out.

    Returns:
        The measures, or None when less than 8 px of the face lie inside the picture.
    """
    import cv2

    height, width = grey.shape
    x0, y0 = max(0, round(box[0])), max(0, round(box[1]))
    x1, y1 = min(width, round(box[2])), min(height, round(box[3]))
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    crop = grey[y0:y1, x0:x1]
    larger = (x1 - x0) * (y1 - y0) > FACE_SIDE * FACE_SIDE
    same = cv2.resize(crop, (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA if larger else cv2.INTER_LINEAR)
    edges = cv2.Laplacian(same, cv2.CV_16S, ksize=1).astype(np.int64)
    mean, spread = float(crop.mean()), float(same.astype(np.int64).var())
    return FacePicture(
        sharpness=1000.0 * float((edges * edges).mean()) / max(spread, 1.0),
        brightness=mean,
        contrast=float(crop.std()),
        clipped=float(((crop <= SHADE) | (crop >= GLARE)).mean()),
    )


def middle(grey: np.ndarray, side: int = REGION) -> np.ndarray:
    """Return the middle of a picture, at most `side` px wide and high."""
    height, width = grey.shape
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return grey[top : top + side, left : left + side]


def noise(grey: np.ndarray) -> float | None:
    """Estimate the standard deviation of noise, in grey levels (Immerkaer, 1996, in the flattest blocks).

    The mask answers neither to level nor to slope. Texture answers to it, so the 20th percentile over blocks of
    16 x 16 px is taken, and blocks that are black or white are left out: there noise is cut off.

    Args:
        grey: luma [H, W] uint8.

    Returns:
        >= 0, or None where every block is black or white.
    """
    import cv2

    region = middle(grey)
    rows, columns = region.shape[0] // BLOCK, region.shape[1] // BLOCK
    if not rows or not columns:
        return None
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = np.abs(cv2.filter2D(region, cv2.CV_16S, mask, borderType=cv2.BORDER_REFLECT_101))
    blocks = _block_sums(answer, rows, columns)
    level = _block_sums(region, rows, columns) / (BLOCK * BLOCK)
    seen = blocks[(level > 2 * SHADE) & (level < 255 - 2 * SHADE)]
    if not seen.size:
        return None
    return float(np.sqrt(np.pi / 2) / 6 * np.quantile(seen, 0.2) / (BLOCK * BLOCK))


def _block_sums(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    whole = values[: rows * BLOCK, : columns * BLOCK].astype(np.int64)
    return whole.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)).reshape(-1)


def blockiness(grey: np.ndarray) -> float:
    """Say how much steps at a grid of 8 px stand out (after Wang, Bovik and Evans, 2000: periodic differences).

    A step is what the middle difference of four pixels in a row has more than its neighbours. It is averaged per
    column modulo 8; the grid is wherever the average is largest, so pictures may be cropped, not scaled. Rows likewise.

    Args:
        grey: luma [H, W] uint8, not scaled since it was compressed.

    Returns:
        Grey levels, >= 0: the mean excess of the grid's steps over the median phase, both directions averaged.
    """
    region = middle(grey).astype(np.int16)
    return (_grid_steps(region) + _grid_steps(region.T)) / 2


def _grid_steps(region: np.ndarray) -> float:
    if region.shape[1] < 24:
        return 0.0
    differences = np.abs(np.diff(region, axis=1))
    step = 2 * differences[:, 1:-1] - differences[:, :-2] - differences[:, 2:]
    columns = step.sum(axis=0, dtype=np.int64) / (2 * len(region))
    phases = np.array([columns[phase::8].mean() for phase in range(8)])
    return float(max(0.0, phases.max() - np.median(phases)))


def borders(grey: np.ndarray) -> Borders:
    """Find black bars at the four edges.

    A row or column is black when its mean luma is at most 20 and no pixel is over 48. Bars wider than 40 % of the
    picture are darkness, not bars, and count as 0.

    Args:
        grey: luma [H, W] uint8.
    """
    rows = (grey.mean(axis=1) <= BLACK_MEAN) & (grey.max(axis=1) <= BLACK_MOST)
    columns = (grey.mean(axis=0) <= BLACK_MEAN) & (grey.max(axis=0) <= BLACK_MOST)
    return Borders(_run(rows), _run(rows[::-1]), _run(columns), _run(columns[::-1]))


def _run(black: np.ndarray) -> int:
    run = len(black) if black.all() else int(np.argmin(black))
    return run if run <= WIDEST_BORDER * len(black) else 0

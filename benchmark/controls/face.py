"""Changes a face by its landmarks: its mouth stands still, or its shape moves less; other pixels stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmark.controls.planes import Planes

FIRM: Final = (27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45)
"""Of the 68 landmarks, those that expressions hardly move: the nose and the corners of the eyes."""
OUTLINE: Final = slice(0, 17)
"""The jaw: in a picture it moves with the head first, and where the head turns its mean shape is none."""
LIPS: Final = slice(48, 68)
_INNER: Final = ((61, 67), (62, 66), (63, 65))  # above and below of the lips' inner edge
_RIM: Final = 1.5  # how much larger than the lips the patch is
_EDGE: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_SOFT: Final = 0.12  # its soft edge, as a share of the distance between the eyes' outer corners


def mouth_frozen(pictures: Sequence[Planes], points: np.ndarray, share: float) -> list[Planes]:
    """Put the mouth of the frame in which it is most closed over the mouth, in the last share of the time.

    Args:
        pictures: [n] planes.
        points: [n, 68, 2] landmarks, px of luma; NaN where no face is seen: such a picture stays as it is.
        share: of the time, 0..1.
    """
    seen = ~np.isnan(points[:, 0, 0])
    first = min(len(pictures), round((1 - share) * len(pictures)))
    if not seen.any():
        return list(pictures)
    closed = int(np.argmin(np.where(seen, _opening(points), np.inf)))
    return [
        _patched(picture, pictures[closed], points[place], points[closed])
        if place >= first and seen[place]
        else picture
        for place, picture in enumerate(pictures)
    ]


def _opening(points: np.ndarray) -> np.ndarray:
    """[n] how far the lips are apart, as a share of the distance between the eyes' outer corners."""
    gaps = [np.linalg.norm(points[:, above] - points[:, below], axis=-1) for above, below in _INNER]
    return np.asarray(np.mean(gaps, axis=0) / np.linalg.norm(points[:, 36] - points[:, 45], axis=-1))


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The turn, scale and shift that bring points nearest to others (Umeyama 1991).

    Args:
        source, target: [k, 2] px.

    Returns:
        [2, 3] float64: target is about source @ m[:, :2].T + m[:, 2].
    """
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    square = float((a**2).sum())
    real, turn = float((a * b).sum()) / square, float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / square
    linear = np.array([[real, -turn], [turn, real]])
    shift = target.mean(axis=0) - linear @ source.mean(axis=0)
    return np.concatenate([linear, shift[:, None]], axis=1)


def _patched(picture: Planes, mouth: Planes, here: np.ndarray, there: np.ndarray) -> list[np.ndarray]:
    """A picture with another one's mouth, moved by the firm points and blended softly."""
    import cv2

    move = similarity(there[list(FIRM)], here[list(FIRM)])
    lips = np.concatenate([here[LIPS], there[LIPS] @ move[:, :2].T + move[:, 2]])
    height, width = picture[0].shape
    sharp = np.zeros((height, width), np.float32)
    hull = cv2.convexHull(lips.astype(np.float32))[:, 0]
    wide = hull.mean(axis=0) + (hull - hull.mean(axis=0)) * _RIM
    cv2.fillConvexPoly(sharp, np.rint(wide).astype(np.int32), 1.0)
    mask = cv2.GaussianBlur(sharp, (0, 0), max(1.0, _SOFT / 2 * float(np.linalg.norm(here[36] - here[45]))))
    small = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    half = np.concatenate([move[:, :2], ((0.5 * move[:, :2].sum(axis=1) + move[:, 2] - 0.5) / 2)[:, None]], axis=1)
    blended = []
    for under, over, weight, matrix in zip(picture, mouth, (mask, small, small), (move, half, half), strict=True):
        moved = cv2.warpAffine(
            np.ascontiguousarray(over),
            matrix,
            under.shape[::-1],
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        blended.append(np.rint(under + weight * (moved - under)).clip(0, 255).astype(np.uint8))
    return blended


def damped(pictures: Sequence[Planes], points: np.ndarray, share: float) -> list[Planes]:
    """Draw the face's shape towards its mean over the clip; the head moves as before, and so does its outline.

    Args:
        pictures: [n] planes.
        points: [n, 68, 2] landmarks, px of luma; NaN where no face is seen: such a picture stays as it is.
        share: of the difference to the mean shape that is taken away, 0..1.
    """
    seen = np.flatnonzero(~np.isnan(points[:, 0, 0]))
    if not len(seen):
        return list(pictures)
    shapes = mean_shapes(points[seen].astype(np.float64))
    changed: list[Planes] = list(pictures)
    for place, mean in zip(seen.tolist(), shapes, strict=True):
        here = points[place].astype(np.float64)
        there = here + share * (mean - here)
        there[OUTLINE] = here[OUTLINE]
        changed[place] = _warped(pictures[place], here, there)
    return changed


def mean_shapes(points: np.ndarray) -> np.ndarray:
    """The mean shape of a face, laid over each frame by the firm points; how the head is turned is followed roughly.

    Args:
        points: [n, 68, 2] finite.

    Returns:
        [n, 68, 2].
    """
    mean = np.mean([_laid(shape, shape, points[0]) for shape in points], axis=0)
    return np.stack([_laid(mean, mean, shape) for shape in points])


def _laid(shape: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Points moved by the affine map that brings the firm points of one shape nearest to another's."""
    firm = list(FIRM)
    known = np.concatenate([source[firm], np.ones((len(firm), 1))], axis=1)
    move = np.linalg.lstsq(known, target[firm], rcond=None)[0]
    return np.asarray(np.concatenate([shape, np.ones((len(shape), 1))], axis=1) @ move)


def _warped(picture: Planes, here: np.ndarray, there: np.ndarray) -> list[np.ndarray]:
    """Each plane with what lies at `here` moved to `there`, by a thin-plate spline that holds the picture's border."""
    import cv2

    from curation.sample.warp import STEP, Grid

    height, width = picture[0].shape
    grid = Grid(width, height)
    still = np.array([(x * (width - 1), y * (height - 1)) for x in _EDGE for y in _EDGE if {x, y} & {0.0, 1.0}])
    inside = ((there >= 0) & (there <= [width - 1, height - 1])).all(axis=1)
    held = np.concatenate([there[inside], still])
    moves = np.concatenate([(here - there)[inside], np.zeros_like(still)])
    source = grid.places() + grid.fields(held, moves[None], smooth=1e-3)[0]  # where each place comes from
    rows, columns = grid.shape
    whole = cv2.resize(source, (columns * STEP, rows * STEP), interpolation=cv2.INTER_LINEAR)[:height, :width]
    half = (source - 0.5) / 2  # the grid's cells are the pixels of chroma
    return [
        cv2.remap(np.ascontiguousarray(plane), at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        for plane, at in zip(picture, (whole, half, half), strict=True)
    ]

"""Where the mouth is in every frame of a clip, on the grid of the latents: what a masked sample does not learn from."""

from __future__ import annotations

from typing import Final

import numpy as np

OUTLINE: Final = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
"""The outer edge of the lips in MediaPipe's face mesh, in a ring."""
CORNERS: Final = (61, 291)
EYES: Final = (33, 263)
"""Outer corners of the eyes."""
GROWN: Final = 0.2
"""Margin around the lips over the distance of the eyes: skin that the lips push along."""
LONGEST_GAP: Final = 0.5
"""s to the nearest frame with landmarks; beyond it nobody knows where the mouth is."""
_FINE: Final = 8  # steps per latent in which the outline is drawn


def mouth_masks(
    seconds: np.ndarray, points: np.ndarray, times: np.ndarray, rect: tuple[float, float, float, float], side: int
) -> np.ndarray:
    """Masks of a clip.

    A latent belongs to the mouth if any of it lies inside the grown outline. A frame farther than `LONGEST_GAP` from
    any landmarks is all mouth: nothing of it may count where the mouth must not.

    Args:
        seconds: [n] float, rising, when each of the frames with landmarks is shown.
        points: [n, 468 or 478, >= 2] float, px of the displayed source.
        times: [T] float s, on the same clock, of the frames that are wanted.
        rect: x0, y0, x1, y1 px of the displayed source: what the square of latents shows.
        side: latents on each side of the square.

    Returns:
        [T, side, side] uint8, 1 in the mouth.
    """
    masks = np.ones((len(times), side, side), np.uint8)
    if not len(seconds):
        return masks
    nearest = _nearest(np.asarray(seconds, np.float64), np.asarray(times, np.float64))
    x0, y0, x1, y1 = rect
    scale = np.array([side / (x1 - x0), side / (y1 - y0)])
    drawn: dict[int, np.ndarray] = {}
    for place, row in enumerate(nearest):
        if abs(seconds[row] - times[place]) > LONGEST_GAP:
            continue
        if row not in drawn:
            drawn = {row: mouth_mask((points[row, :, :2] - (x0, y0)) * scale, side)}
        masks[place] = drawn[row]
    return masks


def mouth_mask(points: np.ndarray, side: int) -> np.ndarray:
    """[side, side] uint8, 1 in the mouth of one face.

    Args:
        points: [468 or 478, >= 2] float landmarks in units of a latent, (0, 0) being the square's corner.
        side: latents on each side of the square.
    """
    import cv2

    fine = side * _FINE
    eyes = float(np.linalg.norm(points[EYES[0], :2] - points[EYES[1], :2]))
    lips = float(np.linalg.norm(points[CORNERS[0], :2] - points[CORNERS[1], :2]))
    margin = GROWN * max(eyes, lips)  # of a head turned to the side the eyes come close together
    # cv2 counts from the middle of a pixel; shapes far outside would overflow its integers
    ring = np.clip(points[list(OUTLINE), :2] * _FINE - 0.5, -8 * fine, 9 * fine)
    ring = np.rint(ring).astype(np.int32)
    canvas = np.zeros((fine, fine), np.uint8)
    cv2.fillPoly(canvas, [ring], 1)
    thick = int(np.clip(2 * round(margin * _FINE) + 1, 1, 255))
    cv2.polylines(canvas, [ring], isClosed=True, color=1, thickness=thick)
    return canvas.reshape(side, _FINE, side, _FINE).max((1, 3))


def _nearest(seconds: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[T] which of `seconds` is nearest to each of `times`."""
    after = np.clip(np.searchsorted(seconds, times), 0, len(seconds) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(seconds[before] - times) <= np.abs(seconds[after] - times), before, after)

"""The burnt-in frame counter: a row of black and white cells that a program reads, and digits for people."""

import numpy as np

CELL = 8
"""Pixels of a cell's side."""
_BITS = 16
_HEAD = (1, 0, 1, 0)
_CELLS = len(_HEAD) + _BITS + 4
WIDTH = _CELLS * CELL
"""Pixels that the counter needs across; a picture must be at least as wide."""


def burn_counter(picture: np.ndarray, number: int) -> None:
    """Write a frame number into the top left corner, in place.

    Args:
        picture: [H, W, 3] uint8 RGB, W >= `WIDTH`.
        number: 0..65535.
    """
    import cv2

    cells = np.repeat(np.repeat(np.array([_row(number)], np.uint8) * 255, CELL, axis=0), CELL, axis=1)
    picture[:CELL, :WIDTH] = cells[..., None]
    picture[CELL : 3 * CELL, :WIDTH] = 0
    cv2.putText(picture, str(number), (2, 3 * CELL - 3), cv2.FONT_HERSHEY_PLAIN, 1.0, (255, 255, 255), 1)


def read_counter(rgb: np.ndarray) -> int | None:
    """Read the frame number out of a frame.

    Args:
        rgb: [H, W, 3] uint8, at the size at which it was rendered.

    Returns:
        The number, or None where there is no readable counter.
    """
    if rgb.shape[0] < CELL or rgb.shape[1] < WIDTH:
        return None
    strip = rgb[:CELL, :WIDTH].astype(np.float32).mean(-1).reshape(CELL, _CELLS, CELL)
    level = strip[2:-2, :, 2:-2].mean(axis=(0, 2))
    if not ((level < 80) | (level > 175)).all():
        return None
    bits = [int(value > 128) for value in level]
    number = sum(bit << place for place, bit in enumerate(bits[len(_HEAD) : len(_HEAD) + _BITS]))
    return number if bits == _row(number) else None


def _row(number: int) -> list[int]:
    bits = [(number >> place) & 1 for place in range(_BITS)]
    check = sum((number >> shift) & 15 for shift in (0, 4, 8, 12)) ^ 0b1010
    return [*_HEAD, *bits, *((check >> place) & 1 for place in range(4))]

"""Landmark displacement: thin-plate spline fields on a coarse grid, their inversion, and cv2.remap.

A field is a forward displacement on the source picture: the point p of the still moves to p + D(p). To draw a frame,
the inverse is needed: for each output pixel x the source s with s + D(s) = x, found by fixed-point iteration
s <- s + w (x - s - D(s)). Whole steps (w = 1) converge fast but only where D stretches less than twofold, half steps
where it stretches less than fourfold (skin between a raised brow and the lid): the two alternate.
"""

from dataclasses import dataclass

import numpy as np

STEP = 2
"""Fields are kept at 1/STEP of the picture's resolution; cv2.remap reads an enlarged map."""
_COARSE = 8


def spline(points: np.ndarray, values: np.ndarray, at: np.ndarray, smooth: float = 1e-6) -> np.ndarray:
    """Interpolate values at scattered points by a thin-plate spline (Bookstein 1989).

    Args:
        points: [K, 2] control points, pixels.
        values: [K, C] values there.
        at: [M, 2] points to evaluate, pixels.
        smooth: how much the surface may miss the values to bend less (in units of the points' extent squared).

    Returns:
        [M, C] float32.
    """
    scale = float(np.ptp(points, axis=0).max())
    unit, target = points / scale, at / scale
    count = len(unit)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(unit, unit) + smooth * np.eye(count)
    system[:count, count] = 1.0
    system[:count, count + 1 :] = unit
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.vstack([values, np.zeros((3, values.shape[1]))]))
    result = _kernel(target, unit) @ weights[:count] + weights[count] + target @ weights[count + 1 :]
    return result.astype(np.float32)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = ((a[:, None, :] - b[None, :, :]) ** 2).sum(-1)
    return 0.5 * squared * np.log(np.maximum(squared, 1e-12))


@dataclass(frozen=True)
class Grid:
    """The coarse pixel grid of a picture on which fields live."""

    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a field."""
        return -(-self.height // STEP), -(-self.width // STEP)

    def places(self) -> np.ndarray:
        """[h, w, 2] float32: the picture pixel (x, y) of each field cell."""
        rows, columns = self.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) * STEP - 0.5
        y = (np.arange(rows, dtype=np.float32) + 0.5) * STEP - 0.5
        return np.stack(np.meshgrid(x, y), axis=-1)

    def fields(self, points: np.ndarray, moves: np.ndarray, smooth: float = 1e-6) -> np.ndarray:
        """Spread the moves of control points over the picture, fading to nothing at its border.

        Args:
            points: [K, 2] control points, pixels of the picture.
            moves: [B, K, C] what each of B fields does there, pixels.
            smooth: see `spline`.

        Returns:
            [B, h, w, C] float32.
        """
        import cv2

        rows, columns = self.shape
        small = max(2, rows * STEP // _COARSE), max(2, columns * STEP // _COARSE)
        x = (np.arange(small[1]) + 0.5) * self.width / small[1] - 0.5
        y = (np.arange(small[0]) + 0.5) * self.height / small[0] - 0.5
        at = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        bases, count, channels = moves.shape
        flat = spline(points, moves.transpose(1, 0, 2).reshape(count, -1), at, smooth)
        coarse = flat.reshape(*small, bases, channels)
        fade = self.fade()
        fields = np.empty((bases, rows, columns, channels), np.float32)
        for index in range(bases):
            layer = np.ascontiguousarray(coarse[:, :, index])
            large = cv2.resize(layer, (columns, rows), interpolation=cv2.INTER_CUBIC)
            fields[index] = large.reshape(rows, columns, channels) * fade[:, :, None]
        return fields

    def fade(self) -> np.ndarray:
        """[h, w] float32: 1 inside, falling smoothly to 0 at the border of the picture."""
        places = self.places()
        margin = 0.12 * min(self.width, self.height)
        far = np.array([self.width - 1, self.height - 1], np.float32) - places
        near = np.minimum(places, far).min(-1)
        ramp = np.clip(near / margin, 0.0, 1.0)
        return (ramp * ramp * (3.0 - 2.0 * ramp)).astype(np.float32)


def invert(displacement: np.ndarray, places: np.ndarray, rounds: int = 6) -> np.ndarray:
    """Find which source pixel each output pixel shows.

    Args:
        displacement: [h, w, 2] float32 forward displacement on the source, pixels of the picture.
        places: [h, w, 2] float32 picture pixel of each cell (a `Grid.places` or a part of it).
        rounds: fixed-point iterations.

    Returns:
        [h, w, 2] float32 source pixel of each cell.
    """
    corner = places[0, 0]
    aim = (places - corner) / np.float32(STEP)
    cells = displacement / np.float32(STEP)
    source = aim - cells
    for turn in range(rounds):
        error = _remap(cells, source)
        error += source
        np.subtract(aim, error, out=error)
        if turn % 2 == 0:
            error *= np.float32(0.5)
        source += error
    return source * np.float32(STEP) + corner


def draw(picture: np.ndarray, source: np.ndarray, width: int, height: int) -> np.ndarray:
    """Sample a picture through a coarse inverse map.

    Args:
        picture: [H, W, C] uint8.
        source: [h, w, 2] float32 source pixel of each cell, h = ceil(height / STEP).
        width: columns to draw.
        height: rows to draw.

    Returns:
        [height, width, C] uint8.
    """
    import cv2

    rows, columns = source.shape[:2]
    whole = cv2.resize(source, (columns * STEP, rows * STEP), interpolation=cv2.INTER_LINEAR)[:height, :width]
    return _remap(picture, whole)


def _remap(values: np.ndarray, source: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.remap(values, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]

"""FID-infinity: what a Frechet distance tends to as the sets grow, by a line through distances of smaller sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.statistics.frechet import frechet
from benchmark.statistics.inputs import both, places


@dataclass(frozen=True)
class Infinity:
    """A distance extrapolated to sets of any size.

    value: where the line meets 1/n = 0; may lie below 0 by chance.
    slope: what the distance gains per 1/n.
    sizes: rows, or clips where owners were given, of the first set at each point.
    points: the distance at each size.
    """

    value: float
    slope: float
    sizes: tuple[int, ...]
    points: tuple[float, ...]


def frechet_infinity(
    x: np.ndarray,
    y: np.ndarray,
    owners_x: np.ndarray | None = None,
    owners_y: np.ndarray | None = None,
    count: int = 15,
    smallest: float = 0.3,
    seed: int = 0,
    ddof: int = 1,
    device: str = "cpu",
) -> Infinity:
    """Fit the distance against 1/n over sets of several sizes (Chong & Forsyth 2020, `Effectively Unbiased FID`).

    Both sets shrink by the same share. Rows of one clip are correlated, and 1/n holds for independent draws only: with
    owners whole clips are drawn, the same ones on both sides, and n counts clips.

    Args:
        x: [n, d] features; y: [m, d] features.
        owners_x, owners_y: [n] and [m] int, the clip of each row, numbered alike on both sides; None draws rows.
        count: sizes, evenly spaced from `smallest` to everything.
        smallest: share of the smallest set, 0..1.
        seed: of the draws.
        ddof, device: as in `frechet`.

    Returns:
        Value, slope, sizes and points.

    Raises:
        BenchmarkError: the sets do not fit, only one side has owners, or they are too small for `count` sizes.
    """
    x, y = both(x, y)
    if (owners_x is None) != (owners_y is None):
        raise BenchmarkError("Owners are given for both sets or for neither.")
    if count < 2 or not 0 < smallest < 1:
        raise BenchmarkError("FID-infinity needs two sizes or more, and a smallest share between 0 and 1.")
    rng = np.random.default_rng(seed)
    place_x = np.arange(len(x)) if owners_x is None else places(owners_x, len(x), None, "The first set's owners")
    place_y = np.arange(len(y)) if owners_y is None else places(owners_y, len(y), None, "The second set's owners")
    units_x, units_y = np.unique(place_x), np.unique(place_y)
    sizes, points = [], []
    for share in np.linspace(smallest, 1.0, count):
        drawn_x = _drawn(units_x, share, rng)
        # Clips are drawn together; rows of two sets have nothing to do with each other.
        drawn_y = drawn_x if np.array_equal(units_x, units_y) and owners_x is not None else _drawn(units_y, share, rng)
        sizes.append(len(drawn_x))
        points.append(frechet(x[np.isin(place_x, drawn_x)], y[np.isin(place_y, drawn_y)], ddof, device))
    if len(set(sizes)) < 2:
        raise BenchmarkError(f"FID-infinity needs sets of several sizes, but there are only {len(units_x)} to draw.")
    slope, value = np.polyfit(1 / np.array(sizes), points, 1)
    return Infinity(float(value), float(slope), tuple(sizes), tuple(points))


def _drawn(units: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(units, max(2, round(share * len(units))), replace=False)

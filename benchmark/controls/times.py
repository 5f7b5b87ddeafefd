"""Makes the order of a clip's frames worse: for each frame that is shown, the place of the frame that it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def dropped(count: int, share: float, seed: Sequence[int]) -> list[int]:
    """Frames drawn by chance show the one before; a larger share drops the same frames and more, never the first.

    Args:
        count: of frames, >= 1.
        share: of the frames after the first, 0..1.
        seed: of the draw.
    """
    drawn = np.random.Generator(np.random.PCG64(list(seed))).permutation(count - 1) + 1
    lost = set(drawn[: round(share * (count - 1))].tolist())
    places: list[int] = []
    for place in range(count):
        places.append(places[-1] if place in lost else place)
    return places


def frozen(count: int, share: float) -> list[int]:
    """The frame at which the last share of the time begins stands still from there on.

    Args:
        count: of frames, >= 1.
        share: of the time, 0..1; at 1 the first frame is shown throughout.
    """
    last = min(count - 1, round((1 - share) * count))
    return [min(place, last) for place in range(count)]


def shuffled(count: int, window: float, seed: Sequence[int]) -> list[int]:
    """Frames are dealt anew inside each window; two of a window of two always change places.

    Args:
        count: of frames, >= 1.
        window: frames that change places with each other, >= 2; at the clip's end there may be fewer.
        seed: of the draw.
    """
    draws = np.random.Generator(np.random.PCG64([*seed, round(window)]))
    places: list[int] = []
    for start in range(0, count, round(window)):
        inside = np.arange(start, min(count, start + round(window)))
        dealt = draws.permutation(inside)
        places += (np.roll(inside, 1) if len(inside) > 1 and (dealt == inside).all() else dealt).tolist()
    return places

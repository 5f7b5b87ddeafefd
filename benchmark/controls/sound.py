"""Makes a clip's sound worse: late, or under white noise of a given level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

Blocks = Iterable[tuple[int, np.ndarray]]
"""(index, float32 [channels, n]) in order."""


def noisy_sound(blocks: Blocks, decibels: float, seed: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """White noise over the whole sound.

    Args:
        blocks: of one clip; all are held.
        decibels: power of the sound over the power of the noise.
        seed: of the noise; another level scales the same noise. Silence stays silence.
    """
    held = list(blocks)
    if not held:
        return
    power = float(np.mean(np.concatenate([block.reshape(-1) for _, block in held]).astype(np.float64) ** 2))
    sigma = np.float32(np.sqrt(power / 10 ** (decibels / 10)))
    draws = np.random.Generator(np.random.PCG64(list(seed)))
    for index, block in held:
        noise = draws.standard_normal(block.shape[::-1], np.float32).T
        yield index, np.clip(block + sigma * noise, -1, 1).astype(np.float32)

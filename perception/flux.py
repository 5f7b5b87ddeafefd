"""Spectral flux: how much sound sets in at each moment, 100 to 4000 Hz, every 10 ms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

SOUND_RATE = 16_000
HOP = 160  # samples: step k is time k / 100 s
WINDOW, FFT = 400, 512  # 25 ms
LOWEST, HIGHEST = 100, 4000  # Hz
_BLOCK = 3000  # steps transformed at a time: bounds memory


@dataclass(frozen=True)
class Flux:
    """The flux of a source's sound.

    first: step of the first value, on the container's clock.
    values: [n] float32, >= 0; digital silence has 0.
    """

    first: int
    values: np.ndarray

    def between(self, start: int, end: int) -> Flux:
        """The steps [start, end), as far as there is sound."""
        low = min(max(start - self.first, 0), len(self.values))
        high = min(max(end - self.first, low), len(self.values))
        return Flux(self.first + low, self.values[low:high])


def flux(chunks: Iterable[tuple[int, np.ndarray]]) -> Flux:
    """Measure a sound in one pass; memory holds one chunk and 400 bytes for each second.

    The magnitudes of a Hann window of 25 ms are compressed by a square root, and their rises since 10 ms before are
    summed (half-wave rectified flux, as onset detection uses it: Dixon, 2006). Rises alone mark onsets, where a mouth
    opens; compression keeps one loud vowel from outweighing all else.

    Args:
        chunks: (index of the first sample on the container's clock, float32 mono [n]) at 16 kHz, contiguous.

    Returns:
        One value for each 10 ms whose window lies on the sound by its middle.
    """
    parts: list[np.ndarray] = []
    first = 0
    held: np.ndarray | None = None
    before: np.ndarray | None = None
    for start, sound in chunks:
        if held is None:
            step = -(-start // HOP)
            first = step
            held = np.zeros(WINDOW // 2 - (step * HOP - start), np.float32)  # what the first window reaches before
        held = np.concatenate([held, np.asarray(sound, np.float32)])
        held, before = _drain(held, before, parts)
    if held is None:
        return Flux(0, np.zeros(0, np.float32))
    held = np.concatenate([held, np.zeros(WINDOW // 2, np.float32)])
    _drain(held, before, parts)
    return Flux(first, np.concatenate([np.zeros(0, np.float32), *parts]))


def _drain(
    held: np.ndarray, before: np.ndarray | None, parts: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Measure the whole windows of `held`, add their flux to `parts`, and return the rest and the last magnitudes."""
    while len(held) >= WINDOW:
        count = min(_BLOCK, (len(held) - WINDOW) // HOP + 1)
        sizes = _magnitudes(held[: (count - 1) * HOP + WINDOW], count)
        rises = np.diff(sizes, axis=0, prepend=sizes[:1] if before is None else before[None])
        parts.append(np.maximum(rises, 0).sum(axis=1, dtype=np.float32))
        held, before = held[count * HOP :], sizes[-1]
    return held, before


def _magnitudes(samples: np.ndarray, count: int) -> np.ndarray:
    """[count, bins] square roots of the magnitudes from 100 to 4000 Hz."""
    index = np.arange(count)[:, None] * HOP + np.arange(WINDOW)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    low, high = LOWEST * FFT // SOUND_RATE, HIGHEST * FFT // SOUND_RATE + 1
    return np.sqrt(np.abs(np.fft.rfft(samples[index] * window, FFT, axis=1))[:, low:high]).astype(np.float32)

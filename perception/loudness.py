"""Loudness (ITU-R BS.1770-5), samples at the rails, and tones that are held like music's, per tenth of a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

STEPS = 10  # per second
BLOCK = 4  # steps: BS.1770's blocks of 400 ms, 100 ms apart
ABSOLUTE, RELATIVE, OFFSET = -70.0, -10.0, -0.691
RAIL = 0.999
WINDOW, HOP = 2048, 800  # samples at 16 kHz: 128 ms, 50 ms
HELD = 11  # hops: 0.55 s
LEAST = 3  # of HELD: a tone is held when it is there for 70 % of that time
AROUND = 25  # bins of 7.8 Hz: the floor beside a tone
ABOVE = 3  # times the floor
LOWEST, HIGHEST = 100, 4000  # Hz
TONE_RATE = 16_000


@dataclass
class Steps:
    """Sums over steps of 0.1 s; `first` is the step's number on the chunks' clock, arrays have one entry per step."""

    first: int
    values: dict[str, np.ndarray] = field(default_factory=dict)


def k_weighting(rate: int) -> np.ndarray:
    """Return BS.1770's filter as second-order sections [2, 6] for a sample rate in Hz.

    The standard gives coefficients at 48 kHz; these are the analogue prototypes behind them, which give the standard's
    numbers at 48 kHz to 1e-9 (De Man, 2018; used by libebur128 and pyloudnorm).
    """
    sections = []
    for kind, centre, quality, gain in (
        ("shelf", 1681.974450955533, 0.7071752369554196, 3.999843853973347),
        ("high", 38.13547087602444, 0.5003270373238773, 0.0),
    ):
        k = np.tan(np.pi * centre / rate)
        scale = 1 + k / quality + k * k
        poles = [1.0, 2 * (k * k - 1) / scale, (1 - k / quality + k * k) / scale]
        if kind == "shelf":
            high = 10 ** (gain / 20)
            middle = high**0.4996667741545416
            zeros = [high + middle * k / quality + k * k, 2 * (k * k - high), high - middle * k / quality + k * k]
            sections.append([*(zero / scale for zero in zeros), *poles])
        else:
            sections.append([1.0, -2.0, 1.0, *poles])
    return np.array(sections)


def levels(chunks: Iterable[tuple[int, np.ndarray]], rate: int) -> Steps:
    """Measure K-weighted energy and samples at the rails.

    Args:
        chunks: (index of the first sample, float32 mono [n]) at `rate`, contiguous.
        rate: samples per second, at least 8000.

    Returns:
        Per step: `energy` (sum of the weighted samples' squares), `clipped` (samples of at least 0.999 of full scale)
        and `samples`.
    """
    from scipy.signal import sosfilt

    sections = k_weighting(rate)
    state = np.zeros((len(sections), 2))
    parts: dict[str, list[np.ndarray]] = {"energy": [], "clipped": [], "samples": []}
    first: int | None = None
    last = 0
    for start, sound in chunks:
        weighted, state = sosfilt(sections, sound.astype(np.float64), zi=state)
        step = (start + np.arange(len(sound), dtype=np.int64)) * STEPS // rate
        first = int(step[0]) if first is None else first
        place, last = step - first, int(step[-1])
        for name, amounts in (
            ("energy", weighted * weighted),
            ("clipped", np.abs(sound) >= RAIL),
            ("samples", np.ones(len(sound))),
        ):
            parts[name].append(np.bincount(place, weights=amounts))
    return Steps(first or 0, {name: _add(sums, last - (first or 0) + 1) for name, sums in parts.items()})


class HeldTones:
    """Measures how much of the sound is tones that are held: music, also between and under words.

    Harmonic-percussive separation by rank filters (after Fitzgerald, 2010) with a window longer than speech holds a
    pitch: what each frequency has for 70 % of 0.55 s, as far as it stands out of its neighbours by the factor three.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0
        self._parts: dict[str, list[np.ndarray]] = {"tones": [], "sound": []}

    def hear(self, start: int, sound: np.ndarray) -> None:
        """Take the next chunk: index of its first sample, float32 mono [n] at 16 kHz; each is looked at on its own."""
        held, whole = _held(sound)
        if not len(held):
            return
        step = (start + np.arange(len(held), dtype=np.int64) * HOP) * STEPS // TONE_RATE
        self._first = int(step[0]) if self._first is None else self._first
        self._last = int(step[-1])
        self._parts["tones"].append(np.bincount(step - self._first, weights=held))
        self._parts["sound"].append(np.bincount(step - self._first, weights=whole))

    def steps(self) -> Steps:
        """Per step: `tones` (sum of the held magnitudes, 100..4000 Hz) and `sound` (sum of all magnitudes there)."""
        first = self._first or 0
        return Steps(first, {name: _add(sums, self._last - first + 1) for name, sums in self._parts.items()})


def _held(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.ndimage import median_filter, rank_filter

    frames = len(sound) // HOP
    padded = np.pad(sound.astype(np.float32), (WINDOW // 2, WINDOW))
    index = np.arange(frames)[:, None] * HOP + np.arange(WINDOW)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    low, high = LOWEST * WINDOW // TONE_RATE, HIGHEST * WINDOW // TONE_RATE
    size = np.abs(np.fft.rfft(padded[index] * window, axis=1))[:, low:high].astype(np.float32)
    if not frames:
        return np.zeros(0), np.zeros(0)
    lasting = rank_filter(size, rank=LEAST, size=(HELD, 1), mode="nearest")
    floor = median_filter(lasting, size=(1, AROUND), mode="nearest")
    return np.maximum(lasting - ABOVE * floor, 0).sum(axis=1, dtype=np.float64), size.sum(axis=1, dtype=np.float64)


def _add(parts: list[np.ndarray], length: int) -> np.ndarray:
    total = np.zeros(length if parts else 0)
    for part in parts:
        total[: len(part)] += part
    return total


def integrated(energy: np.ndarray, samples: np.ndarray) -> float | None:
    """Return the integrated loudness of a span in LUFS.

    Args:
        energy: [steps] K-weighted energy per step of 0.1 s.
        samples: [steps] samples per step.

    Returns:
        Gated at -70 LUFS and 10 LU below the ungated mean; None when no block of 0.4 s is louder than -70 LUFS.
    """
    if len(energy) < BLOCK:
        return None
    blocks = _sliding(energy) / np.maximum(_sliding(samples), 1)
    loud = blocks[OFFSET + 10 * np.log10(np.maximum(blocks, 1e-20)) > ABSOLUTE]
    if not len(loud):
        return None
    gate = 10 * np.log10(loud.mean()) + RELATIVE
    return float(OFFSET + 10 * np.log10(loud[10 * np.log10(loud) > gate].mean()))


def _sliding(values: np.ndarray) -> np.ndarray:
    return np.convolve(values, np.ones(BLOCK), mode="valid")

"""Mel-frequency cepstral coefficients as SyncNet was trained on them.

SyncNet's authors take them from python_speech_features 0.6 (James Lyons, MIT) with all its defaults: windows of 25 ms
every 10 ms without a taper, pre-emphasis 0.97, 512-point power spectra, 26 triangular filters of equal width in mel
(2595 log10(1 + f / 700)), logarithm, orthonormal DCT-II, lifter 22, and the logarithm of the window's energy in place
of the first coefficient. Computed in float64; held against that package to 1e-6.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from perception.errors import PerceptionError

RATE: Final = 16_000  # Hz
COEFFICIENTS: Final = 13
LENGTH: Final = 400  # samples of a window
STEP: Final = 160  # samples from one window to the next
EMPHASIS: Final = 0.97
POINTS: Final = 512
FILTERS: Final = 26
LIFTER: Final = 22


def mfcc(samples: np.ndarray) -> np.ndarray:
    """The coefficients of a sound.

    The last window is filled up with zeros: n samples give 1 + ceil((n - 400) / 160) windows, at least one. A second of
    25 frames has 99 of them, and not 100.

    Args:
        samples: [n > 0] int16, mono at 16 kHz, in their own units (-32768..32767), which the coefficients depend on.

    Returns:
        [windows, 13] float64, finite; where there is silence, the energy counts as 2.2e-16.

    Raises:
        PerceptionError: samples of another type or shape, or none.
    """
    if samples.ndim != 1 or samples.dtype != np.int16 or not len(samples):
        raise PerceptionError(f"MFCC take samples [n > 0] int16, not {list(samples.shape)} {samples.dtype}.")
    power = _power(samples.astype(np.float64))
    energy = _log(power.sum(axis=1))
    found = _log(power @ _filters().T) @ _cosines().T
    found[:, 0] = energy
    return found


def pcm(sound: np.ndarray) -> np.ndarray:
    """Samples -1..1 as 16-bit sound: times 32768, rounded to the nearest (half to even) and clipped, as FFmpeg does.

    Args:
        sound: [n] float.

    Returns:
        [n] int16.
    """
    return np.asarray(np.clip(np.rint(sound.astype(np.float64) * 32768), -32768, 32767), np.int16)


def _power(signal: np.ndarray) -> np.ndarray:
    """[windows, 257] power spectra of the emphasised sound."""
    emphasised = np.append(signal[0], signal[1:] - EMPHASIS * signal[:-1])
    windows = 1 + max(0, -(-(len(signal) - LENGTH) // STEP))
    filled = np.zeros((windows - 1) * STEP + LENGTH)
    filled[: len(signal)] = emphasised
    cut = np.lib.stride_tricks.sliding_window_view(filled, LENGTH)[::STEP]
    return np.asarray(np.abs(np.fft.rfft(cut, POINTS)) ** 2 / POINTS)


def _log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.where(values == 0, np.finfo(np.float64).eps, values)))


@cache
def _filters() -> np.ndarray:
    """[26, 257] triangles whose corners lie on whole bins of the spectrum."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), FILTERS + 2)
    corners = np.floor((POINTS + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE)
    bins = np.arange(POINTS // 2 + 1)
    low, middle, high = (corners[at : at + FILTERS, None] for at in range(3))
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.where((bins >= low) & (bins < middle), rising, np.where((bins >= middle) & (bins < high), falling, 0.0))


@cache
def _cosines() -> np.ndarray:
    """[13, 26] orthonormal DCT-II with the lifter's weights."""
    order, place = np.arange(COEFFICIENTS)[:, None], np.arange(FILTERS)
    cosines = np.cos(np.pi * order * (2 * place + 1) / (2 * FILTERS)) * np.sqrt(2 / FILTERS)
    cosines[0] /= np.sqrt(2)
    return np.asarray(cosines * (1 + LIFTER / 2 * np.sin(np.pi * order / LIFTER)))

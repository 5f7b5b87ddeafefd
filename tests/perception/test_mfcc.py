"""MFCC against sums as the definition says them, and against numbers that python_speech_features 0.6 gave."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception.errors import PerceptionError
from perception.mfcc import mfcc, pcm

PACKAGE_SUMS = [19.346555529, -29.72507624, -22.243179908]
PACKAGE_ROW = [
    23.708623865,
    -27.073250057,
    16.581990321,
    -20.833767056,
    -58.175672612,
    35.891515695,
    -2.279732231,
    47.612923336,
    -4.711565604,
    -41.096310748,
    3.712039243,
    -30.972191635,
    27.910321244,
]
"""What python_speech_features 0.6 gives for `sound(16_000)`: sums of rows 0, 50 and 98, and row 50."""


def sound(samples: int) -> np.ndarray:
    """Two tones that rise, made by a formula."""
    n = np.arange(samples)
    return np.rint(9000 * np.sin(n * n / 9000) + 4000 * np.sin(n / 3)).astype(np.int16)


def by_sums(samples: np.ndarray) -> np.ndarray:
    """[windows, 13]: nothing but loops, sums and the definitions."""
    signal = [float(value) for value in samples]
    emphasised = [signal[0]] + [signal[k] - 0.97 * signal[k - 1] for k in range(1, len(signal))]
    windows = 1 if len(signal) <= 400 else 1 + math.ceil((len(signal) - 400) / 160)
    emphasised += [0.0] * ((windows - 1) * 160 + 400 - len(signal))
    mels = [2595 * math.log10(1 + 8000 / 700) * k / 27 for k in range(28)]
    corners = [math.floor(513 * 700 * (10 ** (mel / 2595) - 1) / 16000) for mel in mels]
    turn = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    rows = []
    for window in range(windows):
        power = np.abs(turn @ np.array(emphasised[window * 160 : window * 160 + 400])) ** 2 / 512
        logs = []
        for low, middle, high in zip(corners, corners[1:], corners[2:], strict=False):
            heard = sum(power[k] * (k - low) / (middle - low) for k in range(low, middle))
            heard += sum(power[k] * (high - k) / (high - middle) for k in range(middle, high))
            logs.append(math.log(heard or 2.220446049250313e-16))
        row = [math.log(sum(power) or 2.220446049250313e-16)]
        for order in range(1, 13):
            whole = sum(value * math.cos(math.pi * order * (2 * k + 1) / 52) for k, value in enumerate(logs))
            row.append(whole * math.sqrt(2 / 26) * (1 + 11 * math.sin(math.pi * order / 22)))
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("samples", [1, 399, 400, 401, 560, 561, 4000])
def test_coefficients_are_the_definition_s(samples: int) -> None:
    found = mfcc(sound(samples))
    assert found.dtype == np.float64
    assert found.shape == by_sums(sound(samples)).shape
    assert np.abs(found - by_sums(sound(samples))).max() < 1e-6


def test_coefficients_are_those_of_python_speech_features() -> None:
    found = mfcc(sound(16_000))
    assert found.shape == (99, 13)
    assert found[[0, 50, 98]].sum(axis=1) == pytest.approx(PACKAGE_SUMS, abs=1e-6)
    assert found[50] == pytest.approx(PACKAGE_ROW, abs=1e-6)


def test_silence_is_finite() -> None:
    found = mfcc(np.zeros(6400, np.int16))
    assert found == pytest.approx(np.array([[math.log(2.0**-52)] + [0.0] * 12] * 39), abs=1e-9)


def test_the_loudest_sound_does_not_wrap() -> None:
    loudest = np.where(np.arange(800) % 40 < 20, 32767, -32768).astype(np.int16)
    assert np.abs(mfcc(loudest) - by_sums(loudest)).max() < 1e-6


def test_samples_become_16_bits() -> None:
    values = np.array([0.0, 0.5, 1.0, -1.0, -2.0, 3 / 32768, 0.4 / 32768, 0.6 / 32768], np.float32)
    assert pcm(values).tolist() == [0, 16384, 32767, -32768, -32768, 3, 0, 1]
    every = np.arange(-32768, 32768).astype(np.int16)
    assert (pcm(every.astype(np.float32) / 32768) == every).all()


@pytest.mark.parametrize("bad", [np.zeros(0, np.int16), np.zeros((4, 2), np.int16), np.zeros(9, np.float32)])
def test_what_is_no_sound_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(PerceptionError, match=r"MFCC take samples \[n > 0\] int16"):
        mfcc(bad)

"""Spectral flux: where onsets lie, that pieces do not matter, and what silence gives."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from perception.flux import HOP, flux

RATE = 16_000


def bursts(seconds: float = 3.0, every: float = 0.5) -> np.ndarray:
    """Noise of 0.1 s that sets in every half second, from 0.25 s on."""
    rng = np.random.default_rng(1)
    sound = np.zeros(round(seconds * RATE), np.float32)
    for start in np.arange(0.25, seconds - 0.1, every):
        at = round(start * RATE)
        sound[at : at + 1600] = rng.normal(0, 0.1, 1600)
    return sound


@pytest.mark.parametrize("first", [0, 37, -1234, 16_000 * 8 + 5])
def test_onsets_lie_where_the_sound_sets_in(first: int) -> None:
    found = flux([(first, bursts())])
    onsets = np.arange(0.25, 2.9, 0.5) + first / RATE
    for onset in onsets:
        near = found.between(round(onset * 100) - 15, round(onset * 100) + 15)
        assert (near.first + int(np.argmax(near.values))) / 100 == pytest.approx(onset, abs=0.015)


def test_pieces_of_any_length_give_the_same() -> None:
    sound = bursts() + np.random.default_rng(2).normal(0, 0.01, 3 * RATE).astype(np.float32)
    whole = flux([(50, sound)])
    rng, at, pieces = np.random.default_rng(3), 0, []
    while at < len(sound):
        size = int(rng.integers(1, 3000))
        pieces.append((50 + at, sound[at : at + size]))
        at += size
    parts = flux(pieces)
    assert parts.first == whole.first
    assert np.array_equal(parts.values, whole.values)


def test_loudness_scales_it_and_nothing_else() -> None:
    quiet, loud = (flux([(0, gain * bursts())]).values for gain in (0.1, 0.4))
    assert loud == pytest.approx(2 * quiet, rel=1e-3)


def test_silence_gives_zeros_and_no_sound_nothing() -> None:
    assert not flux([(0, np.zeros(RATE, np.float32))]).values.any()
    assert len(flux([]).values) == 0
    assert len(flux([(0, np.zeros(0, np.float32))]).values) <= 1
    assert len(flux([(0, np.ones(10, np.float32))]).values) <= 1


def test_sound_outside_the_band_does_not_count() -> None:
    times = np.arange(2 * RATE) / RATE
    gate = np.sin(2 * np.pi * times) ** 4  # sets in without a click

    def tone(hertz: float) -> float:
        return float(flux([(0, (0.2 * np.sin(2 * np.pi * hertz * times) * gate).astype(np.float32))]).values.sum())

    assert tone(7000) < 0.2 * tone(1000)


def test_hours_of_sound_take_little_memory() -> None:
    piece = np.random.default_rng(0).normal(0, 0.1, 30 * RATE).astype(np.float32)

    def hours(count: float) -> Iterator[tuple[int, np.ndarray]]:
        for number in range(round(count * 120)):
            yield number * len(piece), piece

    tracemalloc.start()
    found = flux(hours(0.25))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.values) == pytest.approx(0.25 * 3600 * RATE / HOP, abs=2)
    assert peak < 100e6  # 0.25 h of sound are 58 MB as float32, its spectra 250 times as much

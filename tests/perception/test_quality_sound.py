"""Measures of the sound: loudness by the standard's own tone, rails, held tones, and DNSMOS's windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from perception.dnsmos import WINDOW, Dnsmos
from perception.loudness import HeldTones, Steps, integrated, k_weighting, levels
from tests.perception.conftest import need

RATE = 16_000


def pieces(sound: np.ndarray, rate: int = RATE, first: int = 0, size: int = 7919) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(sound), size):
        yield first + start, sound[start : start + size].astype(np.float32)


def tone(hertz: float, seconds: float, rate: int = RATE, peak: float = 1.0) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def loudness(sound: np.ndarray, rate: int) -> float | None:
    steps = levels(pieces(sound, rate), rate)
    return integrated(steps.values["energy"], steps.values["samples"])


def test_the_filter_has_the_coefficients_of_the_standard() -> None:
    shelf, high = k_weighting(48_000)
    np.testing.assert_allclose(
        shelf,
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        atol=1e-9,
    )
    np.testing.assert_allclose(high, [1, -2, 1, 1, -1.99004745483398, 0.99007225036621], atol=1e-9)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_standards_tone_reads_minus_three(rate: int) -> None:
    """BS.1770: a 997 Hz sine of full scale in one channel reads -3.01 LUFS."""
    assert loudness(tone(997, 5, rate), rate) == pytest.approx(-3.01, abs=0.06)


def test_pauses_do_not_lower_the_loudness() -> None:
    loud = tone(997, 4, peak=0.1)
    whole = np.concatenate([loud, np.zeros(4 * RATE)])
    assert loudness(whole, RATE) == pytest.approx(loudness(loud, RATE), abs=0.4)
    assert loudness(np.zeros(RATE), RATE) is None


def test_samples_at_the_rails_are_counted_wherever_the_chunks_are_split() -> None:
    sound = np.zeros(3 * RATE)
    sound[1000:1100] = 1.0
    sound[40_000:40_007] = -1.0
    for size in (1600, 7919, 48_000):
        steps = levels(pieces(sound, size=size), RATE)
        assert steps.values["clipped"].sum() == 107
        assert steps.values["samples"].tolist() == [1600] * 30


def test_steps_lie_on_the_clock_of_the_chunks() -> None:
    assert levels(pieces(np.ones(RATE), first=-800), RATE).first == -1
    assert levels(pieces(np.ones(RATE), first=16_000), RATE).first == 10


def held(sound: np.ndarray) -> float:
    tones = HeldTones()
    for first, piece in pieces(sound, size=30 * RATE):
        tones.hear(first, piece)
    steps: Steps = tones.steps()
    return float(steps.values["tones"].sum() / steps.values["sound"].sum())


def test_a_held_chord_is_music_and_noise_and_glides_are_not() -> None:
    chord = sum(tone(hertz, 4, peak=0.1) for hertz in (220, 277, 330, 660))
    noise = np.random.default_rng(1).normal(0, 0.1, 4 * RATE)
    glide = np.sin(2 * np.pi * np.cumsum(150 + 60 * np.sin(2 * np.pi * 1.5 * np.arange(4 * RATE) / RATE)) / RATE)
    assert held(chord) > 0.5
    assert held(noise) < 0.02
    assert held(glide) < 0.1
    assert held(chord + noise) > held(chord + 3 * noise) > held(noise)


def windows(seconds: float, hop: int = RATE) -> list[tuple[int, int]]:
    sound = np.random.default_rng(2).normal(0, 0.05, round(seconds * RATE))
    return [(o.start, o.end) for o in Dnsmos.load().opinions(pieces(sound, size=30_000), hop)]


def test_dnsmos_has_the_references_windows() -> None:
    """dnsmos_local.py: floor(seconds) - 9.01, cut off, plus one windows, a second apart; short sound is repeated."""
    need("dnsmos")
    assert windows(3.2) == [(0, round(3.2 * RATE))]
    assert windows(9.5) == [(0, WINDOW)]
    assert windows(12.4) == [(start * RATE, start * RATE + WINDOW) for start in range(3)]
    assert windows(12.4, 2 * RATE) == [(start * RATE, start * RATE + WINDOW) for start in (0, 2)]


def test_scores_do_not_depend_on_how_the_sound_is_split() -> None:
    need("dnsmos")
    sound = np.random.default_rng(3).normal(0, 0.05, 11 * RATE)
    model = Dnsmos.load()
    assert list(model.opinions(pieces(sound, size=5_000))) == list(model.opinions(pieces(sound, size=100_000)))

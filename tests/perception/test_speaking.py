"""Mouth against sound on synthetic signals whose lag is known, with gaps, silence and sound of someone else."""

from __future__ import annotations

import numpy as np
import pytest

from perception.flux import Flux
from perception.mouth import RATE, Mouth
from perception.speaking import BIAS_MS, offscreen, spoken, synchrony, windows

NOISE = np.random.default_rng


def syllables(seconds: float, seed: int) -> np.ndarray:
    """[steps] a curve that rises and falls four or five times a second, as speech does, at no fixed rhythm."""
    from scipy.ndimage import gaussian_filter1d

    steps = round(seconds * RATE)
    pulses = np.zeros(steps)
    pulses[np.cumsum(NOISE(seed).integers(12, 32, steps // 12)) % steps] = 1
    return gaussian_filter1d(pulses, 5) * 20


def pair(seconds: float, late_ms: float, seed: int = 0, noise: float = 0.3, first: int = 0) -> tuple[Mouth, Flux]:
    """A mouth, and sound that follows the same syllables and comes `late_ms` later."""
    curve = syllables(seconds + 4, seed)
    steps = np.arange(200, 200 + round(seconds * RATE))
    rng = NOISE(seed + 99)
    opened = 0.3 + 0.1 * curve[steps] + 0.1 * noise * curve.std() * rng.normal(size=len(steps))
    shift = (late_ms + BIAS_MS["height"]) / 1000 * RATE
    everything = np.arange(-100, len(steps) + 100)
    heard = np.interp(everything + 200 - shift, np.arange(len(curve)), curve) + noise * curve.std() * rng.normal(
        size=len(everything)
    )
    return Mouth(first, opened, opened**2), Flux(first - 100, np.maximum(heard, 0).astype(np.float32))


@pytest.mark.parametrize("late_ms", [-500, -333, -40, 0, 77, 250, 500])
def test_a_known_lag_is_found(late_ms: float) -> None:
    found = synchrony(*pair(6, late_ms, seed=abs(late_ms), first=833))
    assert found is not None and found.agreed
    assert found.lag_ms == pytest.approx(late_ms, abs=12)
    assert found.height.peak > 0.4
    assert found.height.chance < 1e-3


def test_the_sound_of_someone_else_fits_no_better_than_chance_says() -> None:
    chances = []
    for seed in range(150):
        mouth, _ = pair(4, 0, seed)
        _, sound = pair(4, 0, seed + 1000)
        found = synchrony(mouth, sound)
        assert found is not None
        chances.append(found.height.chance)
    assert np.mean(np.array(chances) < 0.05) == pytest.approx(0.05, abs=0.05)
    assert np.mean(np.array(chances) < 0.5) == pytest.approx(0.5, abs=0.15)


def test_longer_clips_are_surer() -> None:
    short, long = (synchrony(*pair(seconds, 100, seed=3, noise=1.0)) for seconds in (3, 20))
    assert short is not None and long is not None
    assert long.height.margin > 1.5 * short.height.margin


def test_lips_that_stay_shut_inside_have_a_fit_and_no_lag() -> None:
    mouth, sound = pair(6, 0)
    found = synchrony(Mouth(mouth.first, mouth.height, mouth.area * 0), sound)
    assert found is not None and found.area is None and found.lag_ms is None
    assert found.height.chance < 1e-3


def test_gaps_in_the_mouth_cost_evidence_and_nothing_else() -> None:
    mouth, sound = pair(8, 120)
    height = mouth.height.copy()
    height[200:320] = np.nan
    height[:30] = np.nan
    found = synchrony(Mouth(mouth.first, height, height**2), sound)
    assert found is not None and found.lag_ms == pytest.approx(120, abs=12)
    assert found.height.seconds == pytest.approx(8 - 1.5, abs=0.6)


def test_two_signals_that_disagree_give_no_lag() -> None:
    mouth, sound = pair(6, 0)
    for earlier, agrees in ((0.06, True), (0.3, False)):
        area = np.roll(mouth.area, -round(earlier * RATE))
        found = synchrony(Mouth(mouth.first, mouth.height, area), sound)
        assert found is not None and found.agreed is agrees
        assert (found.lag_ms is not None) is agrees


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda m, s: (m, Flux(s.first, s.values * 0)), "digital silence"),
        (lambda m, s: (m, Flux(0, s.values[:0])), "no sound"),
        (lambda m, s: (Mouth(m.first, m.height * 0 + 0.3, m.area * 0), s), "a frozen mouth"),
        (lambda m, s: (Mouth(m.first, m.height * np.nan, m.area * np.nan), s), "a mouth that is never seen"),
        (lambda m, s: (m.between(m.first, m.first + 80), s), "less than a second"),
        (lambda m, s: (m, Flux(s.first + 100_000, s.values)), "sound of another time"),
        (lambda m, s: (Mouth(0, m.height[:0], m.area[:0]), s), "no mouth"),
    ],
)
def test_what_cannot_be_judged_is_none(spoil, what: str) -> None:
    assert synchrony(*spoil(*pair(5, 0))) is None, what


def test_a_video_that_starts_after_its_sound_keeps_the_clock() -> None:
    mouth, sound = pair(6, 60, first=833)
    early = Flux(0, np.concatenate([NOISE(5).random(sound.first).astype(np.float32), sound.values]))
    found = synchrony(mouth, early)
    assert found is not None and found.lag_ms == pytest.approx(60, abs=12)


def test_speech_is_marked_by_its_turns() -> None:
    assert np.flatnonzero(spoken([(1.0, 1.05), (-3.0, 0.52), (1.5, 9.0)], 50, 102)).tolist() == [
        0, 1, *range(50, 55), 100, 101,
    ]  # fmt: skip
    assert not spoken([(-5.0, -1.0)], 0, 100).any()


def test_offscreen_is_the_share_of_speech_with_a_still_mouth() -> None:
    moving, _ = pair(4, 0, noise=0.0)
    still = np.full(400, moving.height[-1])
    height = np.concatenate([moving.height, still])
    mouth = Mouth(0, height, height**2)
    assert offscreen(mouth, [(0.5, 3.0)]) == 0
    assert offscreen(mouth, [(5.0, 7.5)]) == 1
    assert offscreen(mouth, [(2.0, 6.0)]) == pytest.approx(0.5, abs=0.15)
    assert offscreen(mouth, []) is None
    assert offscreen(Mouth(0, height * np.nan, height), [(0.0, 8.0)]) is None


def test_windows_count_where_someone_speaks_and_the_mouth_is_seen() -> None:
    mouth, sound = pair(22, 80)
    assert windows(mouth, sound, [(0.0, 22.0)]) == (4, 4)
    assert windows(mouth, sound, [(0.0, 6.0)]) == (2, 2)
    assert windows(mouth, sound, []) == (0, 0)
    height = mouth.height.copy()
    height[500:1000] = np.nan
    assert windows(Mouth(0, height, height**2), sound, [(0.0, 22.0)])[0] == 3


def test_an_hour_of_one_face_is_judged_at_once() -> None:
    mouth, sound = pair(1800, -90, noise=2.0)
    found = synchrony(mouth, sound)
    assert found is not None and found.lag_ms == pytest.approx(-90, abs=3)

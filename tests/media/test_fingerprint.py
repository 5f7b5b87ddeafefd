"""Fingerprints depend on what is shown and heard, not on how it is coded; equal parts are found, others are not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from media.candidates import CROWD, NEXT, candidates
from media.fingerprint import (
    LONGEST_HOLD,
    RATE,
    SIDE,
    STEPS,
    Fingerprint,
    PictureFingerprint,
    rooted,
    sound_fingerprint,
    unrooted,
)
from media.matching import Features, Match, along, lively, matches, picture_features, sound_features
from tests.media.moving import Moving, sound_of, speaking


def best(a: Features, b: Features) -> Match | None:
    """The surest common part of two sources, found as among many."""
    seeds = candidates([a, b]).get((0, 1), [])
    return next(iter(matches(a, b, seeds)), None)


def test_small_and_large_changes_keep_their_size() -> None:
    change = np.array([-255.0, -3.0, -0.05, 0.0, 0.016, 0.5, 20.0, 250.0])
    kept = unrooted(rooted(change))
    assert np.sign(kept).tolist() == [-1, -1, -1, 0, 1, 1, 1, 1]
    assert np.sqrt(63 * np.abs(kept)) == pytest.approx(np.sqrt(63 * np.abs(change)), abs=0.51)


def test_frame_rate_does_not_matter() -> None:
    film = Moving(1)
    uneven = np.cumsum(np.random.default_rng(0).choice([0.017, 0.033, 0.05, 0.1], 200))
    uneven = np.concatenate([[0], uneven[uneven < 8]])
    steady = picture_features(film.fingerprint(8))
    other = picture_features(film.fingerprint(8, times=uneven))
    match = best(steady, other)
    assert match is not None and match.sure
    assert match.score > 0.9
    assert match.speed == pytest.approx(1, abs=0.01)


def test_a_picture_held_for_days_costs_no_memory() -> None:
    taker = PictureFingerprint()
    taker.add(np.full((SIDE, SIDE), 50, np.float32), 0.0, 86_400.0 * 30)
    taker.add(np.full((SIDE, SIDE), 90, np.float32), 86_400.0 * 30, 86_400.0 * 30 + 1)
    found = taker.finish()
    assert len(found.steps) <= LONGEST_HOLD + 1 + STEPS
    assert found.steps[-1] == 86_400 * 30 * STEPS + STEPS - 1
    assert unrooted(found.values)[-STEPS, 0] == pytest.approx(40, rel=0.05)


def test_a_source_without_pictures_or_sound_has_an_empty_fingerprint() -> None:
    assert len(PictureFingerprint().finish().steps) == 0
    assert sound_fingerprint([]) is None
    assert sound_fingerprint([(0, np.zeros(100, np.float32))]) is None
    assert len(picture_features(PictureFingerprint().finish())) == 0


def test_sound_in_pieces_is_the_sound_as_a_whole() -> None:
    sound, first = speaking(1, 7), 777
    whole = sound_of(sound, first)
    edges = [0, 10, 1300, 40_000, 40_001, 90_000, len(sound)]
    pieces = [(first + a, sound[a:b]) for a, b in itertools.pairwise(edges)]
    pieced = sound_fingerprint(pieces)
    assert pieced is not None
    assert whole.steps[0] == 1  # the first whole eighth of a second after sample 777
    assert whole.steps.tolist() == pieced.steps.tolist()
    assert np.array_equal(whole.values, pieced.values)


def test_a_sine_has_its_level_in_its_band() -> None:
    time = np.arange(2 * RATE) / RATE
    values = sound_of((0.1 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)).values
    loudest = values[4].max() / 2 - 100
    assert loudest == pytest.approx(-20, abs=3)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("change", "speed", "mirrored", "start"),
    [
        ({"noise": 4.0}, 1.0, False, 0.0),
        ({"crop": 0.05}, 1.0, False, 0.0),
        ({"mirrored": True}, 1.0, True, 0.0),
        ({"speed": 1.05}, 1 / 1.05, False, 0.0),
        ({"speed": 0.95}, 1 / 0.95, False, 0.0),
        ({"start": 2.06}, 1.0, False, 2.06),
    ],
)
def test_altered_pictures_are_found(seed: int, change: dict, speed: float, mirrored: bool, start: float) -> None:
    film = Moving(seed)
    match = best(picture_features(film.fingerprint(10)), picture_features(film.fingerprint(6, **change)))
    assert match is not None and match.sure
    assert match.speed == pytest.approx(speed, abs=0.02)
    assert match.mirrored == mirrored
    assert match.start == pytest.approx(start, abs=0.35)
    assert match.end == pytest.approx(start + 6 / speed, abs=0.5)
    assert (match.other_start, match.other_end) == (pytest.approx(0, abs=0.35), pytest.approx(6, abs=0.35))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("speed", [1.0, 1.05, 0.95])
def test_altered_sound_is_found(seed: int, speed: float) -> None:
    sound = speaking(seed, 10)
    part = sound[3 * RATE : 8 * RATE] * 0.2  # 14 dB softer
    played = np.interp(np.arange(0, len(part) - 1, speed), np.arange(len(part)), part)
    match = best(sound_features(sound_of(sound)), sound_features(sound_of(played.astype(np.float32))))
    assert match is not None and match.sure
    assert match.speed == pytest.approx(1 / speed, abs=0.02)
    assert (match.start, match.end) == (pytest.approx(3, abs=0.4), pytest.approx(8, abs=0.5))


def test_other_takes_in_the_same_studio_are_not_found() -> None:
    films = [picture_features(Moving(seed).fingerprint(8)) for seed in range(12)]
    voices = [sound_features(sound_of(speaking(seed, 8))) for seed in range(12)]
    for features in (films, voices):
        for (i, j), seeds in candidates(features).items():
            assert not any(match.sure for match in matches(features[i], features[j], seeds))


def test_stills_and_silence_match_nothing() -> None:
    stills = []
    for light in (100, 100, 101):
        taker = PictureFingerprint()
        taker.add(np.full((SIDE, SIDE), light, np.float32), 0.0, 9.0)
        stills.append(picture_features(taker.finish()))
    assert candidates(stills) == {}
    assert not lively(stills[0], 0, 9)
    silence = [sound_features(sound_of(np.zeros(9 * RATE, np.float32))) for _ in range(3)]
    assert candidates(silence) == {}


def test_two_parts_in_another_order_are_two_matches() -> None:
    film = Moving(4)
    whole = film.fingerprint(12)
    cut = Fingerprint(whole.steps, np.concatenate([whole.values[48:], whole.values[:48]]))
    a, b = picture_features(whole), picture_features(cut)
    sure = [match for match in matches(a, b, candidates([a, b])[0, 1]) if match.sure]
    assert sorted(round(match.other_start - match.start) for match in sure) == [-6, 6]


def test_sound_is_judged_along_the_pictures() -> None:
    film, sound = Moving(6), speaking(6, 8)
    match = best(picture_features(film.fingerprint(8)), picture_features(film.fingerprint(5, start=2.0)))
    assert match is not None
    whole, part = sound_features(sound_of(sound)), sound_features(sound_of(sound[2 * RATE : 7 * RATE]))
    heard = along(whole, part, match)
    assert heard is not None and heard.score > 0.8
    other = along(whole, sound_features(sound_of(speaking(7, 5))), match)
    assert other is not None and other.score < 0.4


def test_many_copies_of_one_source_stay_linked_without_a_square_of_pairs() -> None:
    count = CROWD + 40
    film = picture_features(Moving(8).fingerprint(4))
    pairs = candidates([film] * count)
    linked = {0}
    for i, j in sorted(pairs):
        if i in linked:
            linked.add(j)
    assert linked == set(range(count))
    assert len(pairs) <= count * (NEXT + 1)


def test_what_is_found_does_not_depend_on_the_order() -> None:
    films = [Moving(seed).fingerprint(6) for seed in (1, 2, 3)]
    films += [Moving(seed).fingerprint(5, start=1.0, noise=2.0) for seed in (1, 3)]
    forward = candidates([picture_features(film) for film in films])
    backward = candidates([picture_features(film) for film in films[::-1]])
    last = len(films) - 1
    assert {(0, 3), (2, 4)} <= set(forward)
    assert {(last - j, last - i) for i, j in backward} == set(forward)


def test_only_pairs_of_different_sides_are_looked_for() -> None:
    film = picture_features(Moving(9).fingerprint(5))
    assert set(candidates([film] * 4, [0, 0, 1, -1])) == {(0, 2), (1, 2)}

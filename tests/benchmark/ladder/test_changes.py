"""What each axis does to pictures, to their order, to faces and to sound."""

import numpy as np
import pytest

from benchmark.controls.face import damped, mean_shapes, mouth_frozen, similarity
from benchmark.controls.planes import Planes, blurred, jpeg, noisy
from benchmark.controls.sound import noisy_sound
from benchmark.controls.times import dropped, frozen, shuffled
from tests.benchmark.ladder.material import SIDE, frame

SEED = (1, 2, 3)


def apart(one: Planes, other: Planes) -> float:
    return float(np.mean([np.abs(a.astype(float) - b).mean() for a, b in zip(one, other, strict=True)]))


@pytest.mark.parametrize(
    ("change", "steps"),
    [(blurred, (1, 2.5, 6, 15)), (jpeg, (70, 30, 12, 4)), (lambda p, s: noisy(p, s, SEED), (2, 6, 14, 30))],
)
def test_each_step_takes_a_picture_further_away_and_keeps_its_form(change, steps) -> None:  # type: ignore[no-untyped-def]
    picture = [np.kron(plane, np.ones((4, 4), np.uint8)) for plane in frame(3, 0)]
    made = [change(picture, step) for step in steps]
    distances = [apart(picture, one) for one in made]
    assert distances == sorted(distances) and distances[0] > 0
    for one in made:
        assert [plane.shape for plane in one] == [plane.shape for plane in picture]
        assert all(plane.dtype == np.uint8 for plane in one)


def test_noise_is_the_same_twice_and_another_in_every_frame() -> None:
    picture = frame(3, 0)
    assert apart(noisy(picture, 6, (1, 0)), noisy(picture, 6, (1, 0))) == 0
    assert apart(noisy(picture, 6, (1, 0)), noisy(picture, 6, (1, 1))) > 1


def test_jpeg_keeps_colours_in_place() -> None:
    flat = [np.full((32, 32), 120, np.uint8), np.full((16, 16), 90, np.uint8), np.full((16, 16), 160, np.uint8)]
    assert all(abs(int(a[0, 0]) - int(b[0, 0])) <= 2 for a, b in zip(flat, jpeg(flat, 90), strict=True))


def test_dropped_frames_show_the_one_before_and_a_larger_share_drops_the_same_and_more() -> None:
    few, many = dropped(50, 0.25, SEED), dropped(50, 0.5, SEED)
    lost = [{k for k in range(50) if places[k] != k} for places in (few, many)]
    assert lost[0] < lost[1] and len(lost[1]) == round(0.5 * 49) and 0 not in lost[1]
    assert all(many[k] == many[k - 1] for k in lost[1])
    assert dropped(1, 0.5, SEED) == [0]


def test_a_frozen_end_begins_where_it_should() -> None:
    assert frozen(8, 0.25) == [0, 1, 2, 3, 4, 5, 6, 6]
    assert frozen(8, 1.0) == [0] * 8
    assert frozen(8, 0.0) == list(range(8))


@pytest.mark.parametrize("window", [2, 4, 32])
def test_shuffled_frames_stay_in_their_window_and_none_is_lost(window: int) -> None:
    places = shuffled(50, window, SEED)
    assert sorted(places) == list(range(50)) and places != list(range(50))
    assert all(place // window == k // window for k, place in enumerate(places))
    assert places == shuffled(50, window, SEED)


def test_windows_of_two_swap_every_pair() -> None:
    assert shuffled(5, 2, SEED) == [1, 0, 3, 2, 4]


def face_at(shift: float = 0.0, opening: float = 0.0) -> np.ndarray:
    """68 landmarks of a plain face, px of 64; the lower lip falls by `opening`."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.3, 0.7, (68, 2)) * SIDE
    points[27:31] = [[32, 24 + 3 * k] for k in range(4)]
    points[31:36] = [[28 + 2 * k, 36] for k in range(5)]
    points[36:48] = [[22 + (k % 6) + 14 * (k // 6), 24 + (k % 3)] for k in range(12)]
    angles = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    points[48:60] = np.stack([32 + 8 * np.cos(angles), 46 + 3 * np.sin(angles)], axis=1)
    points[60:68] = [[26, 46], [30, 45], [32, 45], [34, 45], [38, 46], [34, 47], [32, 47], [30, 47]]
    for k in (*range(55, 60), 65, 66, 67):
        points[k, 1] += opening
    return points + shift


def test_a_frozen_mouth_changes_the_mouth_of_the_last_frames_only() -> None:
    pictures = [frame(1, k) for k in range(8)]
    points = np.stack([face_at(opening=float(k)) for k in range(8)])
    made = mouth_frozen(pictures, points, 0.5)
    assert all(apart(pictures[k], made[k]) == 0 for k in range(4))
    changed = made[7][0].astype(int) != pictures[7][0]
    rows = np.flatnonzero(changed.any(axis=1))
    assert changed.any() and rows.min() > 30 and not changed[:, :12].any()


def test_pictures_without_a_face_stay_as_they_are() -> None:
    pictures = [frame(1, k) for k in range(4)]
    unseen = np.full((4, 68, 2), np.nan)
    for change in (mouth_frozen, damped):
        assert all(apart(a, b) == 0 for a, b in zip(pictures, change(pictures, unseen, 1.0), strict=True))


def test_a_damped_face_moves_towards_its_mean_shape_and_the_border_stays() -> None:
    points = np.stack([face_at(opening=float(k)) for k in range(5)])
    mean = mean_shapes(points)
    assert np.allclose(mean[0], points[2], atol=0.2)  # heads that do not move: the middle opening
    pictures = [frame(1, 0)] * 5
    slight, gross = (damped(pictures, points, share) for share in (0.25, 1.0))
    assert 0 < apart(pictures[4], slight[4]) < apart(pictures[4], gross[4])
    assert apart(pictures[2], gross[2]) < apart(pictures[4], gross[4])
    assert (gross[4][0][0].astype(int) - pictures[4][0][0] == 0).all()


def test_the_similarity_of_a_turned_face_is_found() -> None:
    turn = 1.3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    source = face_at()
    found = similarity(source, source @ turn.T + [5, -7])
    assert np.allclose(found, np.concatenate([turn, [[5], [-7]]], axis=1))


def test_noise_in_sound_has_the_level_that_it_says() -> None:
    time = np.arange(16_000) / 16_000
    sound = (0.2 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)[None]
    blocks = [(0, sound[:, :9_000]), (9_000, sound[:, 9_000:])]
    for decibels in (30, 10, 0):
        made = np.concatenate([block for _, block in noisy_sound(blocks, decibels, SEED)], axis=1)
        level = 10 * np.log10((sound.astype(float) ** 2).mean() / ((made - sound).astype(float) ** 2).mean())
        assert abs(level - decibels) < 0.3
    silence = [(0, np.zeros((1, 100), np.float32))]
    assert not next(iter(noisy_sound(silence, 0, SEED)))[1].any()

"""Measures of the picture: each is known exactly on a picture that the test makes."""

from __future__ import annotations

import numpy as np
import pytest

from perception import occlusion, overlay, picture
from perception.niqe import Niqe
from tests.perception.conftest import need

RANDOM = np.random.default_rng(5)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut())


FACE = (175.0, 70.0, 275.0, 170.0)


def test_noise_is_measured_in_grey_levels() -> None:
    for sigma in (2.0, 5.0, 10.0):
        noisy = np.clip(np.rint(128 + RANDOM.normal(0, sigma, (256, 256))), 0, 255).astype(np.uint8)
        assert picture.noise(noisy) == pytest.approx(sigma, rel=0.1)


def test_a_slope_is_no_noise_and_a_black_picture_has_none_to_measure() -> None:
    slope = np.tile(np.linspace(40, 200, 256).astype(np.uint8), (256, 1))
    assert picture.noise(slope) < 0.2
    assert picture.noise(np.zeros((64, 64), np.uint8)) is None


def test_blocks_of_eight_pixels_stand_out_wherever_the_grid_begins() -> None:
    smooth = np.rint(np.tile(np.linspace(40, 200, 250), (250, 1))).astype(np.uint8)
    blocks = np.kron(RANDOM.integers(90, 110, (32, 32)), np.ones((8, 8))).astype(np.uint8)
    whole = picture.blockiness(blocks)
    assert whole > 4
    assert picture.blockiness(blocks[3:, 5:]) == pytest.approx(whole, rel=0.1)
    assert picture.blockiness(smooth) < 0.2


def test_black_bars_are_counted_in_pixels_and_darkness_is_no_bar(portrait: np.ndarray) -> None:
    grey = picture.luma(portrait).copy()
    grey[:40] = 16
    grey[-24:] = 0
    grey[:, :11] = 8
    assert picture.borders(grey) == picture.Borders(top=40, bottom=24, left=11, right=0)
    assert picture.borders(np.zeros((100, 100), np.uint8)) == picture.Borders(0, 0, 0, 0)


def test_exposure_of_a_face_is_that_of_its_pixels() -> None:
    grey = np.full((200, 200), 30, np.uint8)
    grey[50:150, 50:150] = 120
    grey[50:75, 50:150] = 255
    seen = picture.judge_face(grey, (50, 50, 150, 150))
    assert seen is not None
    assert seen.brightness == pytest.approx(0.75 * 120 + 0.25 * 255)
    assert seen.clipped == 0.25
    assert picture.judge_face(grey, (-50, -50, 4, 4)) is None


def test_darkness_does_not_count_as_blur(portrait: np.ndarray) -> None:
    grey = picture.luma(portrait)
    bright = picture.judge_face(grey, FACE)
    dark = picture.judge_face((grey // 2).astype(np.uint8), FACE)
    assert bright is not None and dark is not None
    assert dark.sharpness == pytest.approx(bright.sharpness, rel=0.15)


def test_niqe_is_the_published_one(portrait: np.ndarray) -> None:
    """scikit-video 1.3.0 on this luma, its zeros moved out of the right side's mean, where LIVE's program has none."""
    need("niqe")
    niqe, grey = Niqe.load(), picture.luma(portrait)
    assert niqe(grey[:480, :480]) == pytest.approx(3.0622, rel=0.002)
    assert niqe(grey[:96, :96]) is None
    assert niqe(np.full((288, 288), 100, np.uint8)) is None


def test_text_is_found_where_it_stands_and_nowhere_else() -> None:
    import cv2

    grey = np.tile(np.linspace(60, 140, 640), (360, 1)).astype(np.uint8)
    empty = overlay.text_map(grey)
    cv2.putText(grey, "Subtitles stand here", (120, 330), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2, cv2.LINE_AA)
    found = overlay.text_map(grey)
    assert not empty.any()
    assert found[27:30, 8:20].mean() > 100
    assert not found[:24].any()


def test_text_that_comes_and_goes_does_not_count() -> None:
    maps = np.zeros((9, 32, 32), np.uint8)
    maps[::2] = 255
    assert overlay.text_share(maps) == 0
    maps[3:6] = 255
    assert overlay.text_share(maps) == pytest.approx(3 / 7, abs=0.2)
    assert overlay.text_share(maps[:0]) is None


def test_a_still_picture_has_no_logo_and_a_still_corner_on_moving_ground_is_one(portrait: np.ndarray) -> None:
    grey = picture.luma(portrait)
    seen, still, branded = overlay.StillEdges(), [], []
    for step in range(8):
        moved = np.roll(grey, 7 * step, axis=1)
        still.append(seen(moved, step == 0))
    for step in range(8):
        moved = np.roll(grey, 7 * step, axis=1)
        moved[8:72, 8:72] = np.kron(np.indices((8, 8)).sum(0) % 2 * 200, np.ones((8, 8)))
        branded.append(seen(moved, step == 0))
    assert still[0] is None
    assert overlay.logo_share(np.stack(still[1:])) < 0.002
    assert overlay.logo_share(np.stack(branded[1:])) > 0.015


def faces(count: int) -> np.ndarray:
    """Warped faces of skin with eyes and lips, made of flat colours with a little noise."""
    face = np.full((24, 24, 3), (205, 150, 125), np.float64)
    face[7:9, 5:10] = face[7:9, 14:19] = (70, 50, 45)
    face[17:19, 9:15] = (185, 100, 95)
    return np.clip(face + RANDOM.normal(0, 3, (count, 24, 24, 3)), 0, 255).astype(np.uint8)


def test_a_bare_face_is_not_covered_and_a_covered_one_is() -> None:
    bare = faces(20)
    assert occlusion.occlusion(bare) < 0.05
    covered = bare.copy()
    covered[:, 14:24] = (80, 80, 85)
    assert occlusion.occlusion(covered) > 0.9
    assert occlusion.occlusion(bare[:0]) is None


def test_a_hand_that_passes_is_seen_though_the_median_face_is_bare() -> None:
    passing = faces(20)
    passing[:4, 14:20] = (150, 130, 150)
    assert occlusion.occlusion(passing) > 0.4


def test_a_face_is_warped_to_the_same_places_wherever_it_lies(portrait: np.ndarray) -> None:
    points = np.zeros((468, 3), np.float32)
    points[[33, 133]] = (200, 110, 0)
    points[[263, 362]] = (250, 112, 0)
    points[152] = (228, 172, 0)
    first = occlusion.warped_face(portrait, points)
    second = occlusion.warped_face(np.roll(portrait, (20, 30), axis=(0, 1)), points + np.array([30, 20, 0]))
    assert first is not None and second is not None
    assert np.abs(first.astype(int) - second).max() <= 2
    points[152] = points[33]
    assert occlusion.warped_face(portrait, points) is None

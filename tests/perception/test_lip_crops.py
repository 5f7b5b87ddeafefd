"""SyncNet's crops against the reference's steps, written plainly, and what is done where a face is not seen."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from scipy.signal import medfilt

from perception.lip_crops import LONGEST, LipCrops, crop, sources, spot_of_mesh

RANDOM = np.random.default_rng(0)
PICTURES = [RANDOM.integers(0, 256, (90, 120, 3)).astype(np.uint8) for _ in range(80)]


def plain_crop(rgb: np.ndarray, x: float, y: float, s: float) -> np.ndarray:
    """Pads the whole picture, then cuts, as the reference does."""
    pad = int(s * 1.8)
    padded = np.pad(rgb, ((pad, pad), (pad, pad), (0, 0)), constant_values=110)
    x, y = x + pad, y + pad
    return cv2.resize(padded[int(y - s) : int(y + s * 1.8), int(x - s * 1.4) : int(x + s * 1.4)], (224, 224))


def walk(frames: int) -> np.ndarray:
    """[frames, 3] spots of a face that wanders and trembles."""
    steps = RANDOM.normal(0, 2, (frames, 3)).cumsum(axis=0) * [1, 1, 0.1] + RANDOM.normal(0, 1, (frames, 3))
    return np.clip(steps + np.array([60, 45, 25]), [20, 15, 12], [100, 75, 40])


def followed(spots: dict[int, np.ndarray], frames: int) -> dict[int, np.ndarray]:
    """Crops of face 3, seen at these frames."""
    crops = LipCrops()
    for frame in range(frames):
        seen = spots.get(frame)
        crops.see(PICTURES[frame], {} if seen is None else {3: tuple(seen)})
    return crops.finish().get(3, {})


@pytest.mark.parametrize("spot", [(60, 45, 20.3), (3.7, 5.2, 30.9), (118.2, 88.8, 17.5), (60.4, 45.6, 70.1)])
def test_a_crop_is_the_reference_s(spot: tuple[float, float, float]) -> None:
    assert (crop(PICTURES[0], spot) == plain_crop(PICTURES[0], *spot)).all()


def test_what_lies_far_outside_is_grey() -> None:
    assert (crop(PICTURES[0], (-300.0, 45.0, 20.0)) == 110).all()


@pytest.mark.filterwarnings("ignore:kernel_size exceeds:UserWarning")
@pytest.mark.parametrize("frames", [7, 8, 13, 40])
def test_spots_are_smoothed_by_scipy_s_median_with_zeros_beyond_both_ends(frames: int) -> None:
    spots = walk(frames)
    found = followed(dict(enumerate(spots)), frames)
    smooth = np.stack([medfilt(column, 13) for column in spots.T], axis=1)
    assert sorted(found) == list(range(frames))
    for frame, spot in enumerate(smooth):
        assert (found[frame] == plain_crop(PICTURES[frame], *spot)).all()


@pytest.mark.parametrize("gap", [2, LONGEST])
def test_a_gap_is_bridged_by_straight_lines(gap: int) -> None:
    spots = walk(60)
    seen = {frame: spots[frame] for frame in (*range(5, 20), *range(19 + gap, 60))}
    found = followed(seen, 60)
    places = np.arange(5, 60)
    whole = np.stack([np.interp(places, sorted(seen), spots[sorted(seen), k]) for k in range(3)], axis=1)
    smooth = np.stack([medfilt(column, 13) for column in whole.T], axis=1)
    assert sorted(found) == places.tolist()
    for frame, spot in zip(places.tolist(), smooth, strict=True):
        assert (found[frame] == plain_crop(PICTURES[frame], *spot)).all()


def test_a_longer_gap_is_not() -> None:
    spots = walk(60)
    first, second = range(5, 20), range(20 + LONGEST, 60)
    found = followed({frame: spots[frame] for frame in (*first, *second)}, 60)
    assert sorted(found) == [*first, *second]
    for part in (first, second):
        smooth = np.stack([medfilt(spots[part, k], 13) for k in range(3)], axis=1)
        for frame, spot in zip(part, smooth, strict=True):
            assert (found[frame] == plain_crop(PICTURES[frame], *spot)).all()


def test_a_face_of_six_frames_has_no_crop() -> None:
    assert followed(dict(enumerate(walk(6))), 20) == {}


def test_faces_are_kept_apart() -> None:
    crops = LipCrops()
    for frame in range(20):
        crops.see(PICTURES[frame], {1: (40.0, 45.0, 20.0), 2: (80.0, 45.0, 15.0)} if frame > 3 else {1: (40, 45, 20)})
    found = crops.finish()
    assert sorted(found[1]) == list(range(20))
    assert sorted(found[2]) == list(range(4, 20))
    assert (found[2][12] == plain_crop(PICTURES[12], 80, 45, 15)).all()


def test_few_pictures_are_held() -> None:
    crops = LipCrops()
    for frame in range(80):
        crops.see(PICTURES[frame], {0: (60.0, 45.0, 20.0)} if frame % 25 == 0 else {})
        assert len(crops._pictures) <= 32
    assert sorted(crops.finish()[0]) == list(range(76))


def test_where_the_detector_s_box_would_be() -> None:
    mesh = np.full((478, 3), 210, np.float32) - [70, -40, 0]
    mesh[0], mesh[1] = (100, 200, 5), (180, 300, -5)
    assert spot_of_mesh(mesh) == pytest.approx((140, 250 - 6.30, 56.64))


def test_frames_of_another_rate_are_the_nearest_in_time() -> None:
    assert sources(10, Fraction(25)).tolist() == list(range(10))
    assert sources(10, Fraction(50)).tolist() == [0, 2, 4, 6, 8]
    # what FFmpeg 5.1 with `-r 25` took of pictures at 20 per second
    ffmpeg = [0, 1, 2, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 14, 15, 16, 17, 18, 18, 19]
    assert sources(20, Fraction(20)).tolist() == ffmpeg
    for fps in (Fraction(30), Fraction(30000, 1001), Fraction(24), Fraction(12)):
        found = sources(61, fps)
        times = np.arange(61) / float(fps)
        assert len(found) == int(61 * 25 / fps)
        for place, taken in enumerate(found):
            assert abs(times[taken] - place / 25) <= np.abs(times - place / 25).min() + 1e-9

"""The face detectors on real frames."""

from __future__ import annotations

import numpy as np
import pytest

from perception.errors import PerceptionError
from perception.faces import FaceDetector


def test_the_full_range_finds_the_seated_woman_in_a_tall_picture(full_range, frames) -> None:
    (face,) = full_range(frames("talk_portrait1080x1920_woman_speech_10s.mp4", 20))[0]
    centre = np.array([face.box[0] + face.box[2], face.box[1] + face.box[3]]) / 2
    assert np.abs(centre - (609, 774)).max() < 25  # seen by eye
    assert 180 < face.box[2] - face.box[0] < 260
    right_eye, left_eye, nose, mouth = face.keypoints[:4]
    assert right_eye[0] < nose[0] < left_eye[0]  # her right eye is on the picture's left
    assert right_eye[1] < nose[1] < mouth[1]


def test_only_the_full_range_sees_a_street_crowd(full_range, short_range, frames) -> None:
    street = frames("crowd_1920x1080_street_4s.mp4", 60)
    assert len(full_range(street)[0]) >= 3
    assert len(short_range(street)[0]) == 0


def test_pictures_of_different_sizes_are_taken_one_by_one(full_range, frames) -> None:
    pictures = [frames(name)[0] for name in ("talk_512_may_speech_5s.mp4", "noface_592x336_river_boat_6s.mp4")]
    both = full_range(pictures)
    assert [len(faces) for faces in both] == [1, 0]
    again = full_range(pictures[:1])[0][0]
    assert (again.box, again.score) == (both[0][0].box, both[0][0].score)
    assert np.array_equal(again.keypoints, both[0][0].keypoints)


def test_the_score_threshold_is_the_callers(full_range, frames) -> None:
    street = frames("crowd_1920x1080_street_4s.mp4", 60)
    assert min(face.score for face in full_range(street)[0]) < 0.7
    with FaceDetector.load("full", score=0.7) as strict:
        (sure,) = strict(street)[0]
        assert sure.score > 0.7


def test_wrong_use_is_one_sentence(full_range) -> None:
    with pytest.raises(PerceptionError, match="uint8 RGB"):
        full_range([np.zeros((10, 10, 3), np.float32)])
    with pytest.raises(PerceptionError, match="'full' or 'short'"):
        FaceDetector.load("middle")
    with pytest.raises(PerceptionError, match="cpu"):
        FaceDetector.load("full", device="cuda")
    closed = FaceDetector.load("full")
    closed.close()
    closed.close()
    with pytest.raises(PerceptionError, match="closed"):
        closed([np.zeros((10, 10, 3), np.uint8)])

"""Hands near a face: a real hand is found where it comes near, chins are none."""

from __future__ import annotations

import numpy as np
import pytest

from perception.errors import PerceptionError
from perception.faces import FaceDetector
from perception.hands import PALMS, POINTS, HandFinder
from tests.perception.conftest import Frames, need


@pytest.fixture(scope="module")
def finder() -> HandFinder:
    need(PALMS)
    need(POINTS)
    return HandFinder.load()


def test_a_head_without_hands_has_none(finder: HandFinder) -> None:
    from skimage.data import astronaut

    assert not finder.near(astronaut(), (175, 70, 275, 170))
    assert finder(np.zeros((64, 64, 3), np.uint8)) == ()


def test_only_the_cpu_is_known() -> None:
    with pytest.raises(PerceptionError, match="CPU"):
        HandFinder.load("cuda")


def test_a_hand_counts_when_it_comes_near_the_face(
    finder: HandFinder, full_range: FaceDetector, frames: Frames
) -> None:
    """The seated man's hand lies in his lap; the same hand, moved to his chin, is near."""
    (rgb,) = frames("talk_portrait1080x1920_man_seated_speech_20s_30fps.mp4", first=80)
    (face,) = full_range([rgb])[0][:1]
    assert not finder.near(rgb, face.box)
    hand = finder(rgb)[0]
    x0, y0, x1, y1 = (round(side) for side in hand.box)
    margin = (x1 - x0) // 3
    piece = rgb[y0 - margin : y1 + margin, x0 - margin : x1 + margin]
    moved = rgb.copy()
    left, top = round(face.box[0]), round(face.box[3]) - margin
    moved[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
    assert finder.near(moved, face.box)


def test_head_shots_have_no_hands(finder: HandFinder, full_range: FaceDetector, frames: Frames) -> None:
    for name in ("talk_512_aoc_hdtf_speech_8s.mp4", "talk_590_aoc_other_clip_speech_5s.mp4"):
        for rgb in frames(name, count=4, every=25):
            assert not finder.near(rgb, full_range([rgb])[0][0].box)

"""TransNetV2 finds the sure cuts of a real clip, however they fall into its windows."""

from pathlib import Path

import numpy as np
import pytest

from media.decode import Decoder
from perception import weights
from perception.shots import TransNetCuts


def cuts_of(pictures: list[np.ndarray]) -> list[int]:
    if not weights.available("transnetv2"):
        pytest.skip("the weights of TransNetV2 are not here: make setup")
    network = TransNetCuts.load()
    found = [cut for picture in pictures for cut in network.see(picture)]
    return found + network.finish()


def test_the_cuts_of_the_stage_clip_are_exact(test_data: Path) -> None:
    with Decoder(test_data / "videos" / "multishot_640x360_stage_people_speech_10s.mp4") as decoder:
        assert cuts_of([frame.scaled(256) for frame in decoder]) == [20, 82, 211]


@pytest.mark.parametrize("frames", [1, 49, 50, 51, 101])
def test_a_still_picture_has_no_cut_at_any_length(frames: int) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)
    assert cuts_of([picture] * frames) == []

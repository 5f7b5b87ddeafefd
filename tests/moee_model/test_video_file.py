"""A generated video is written frame by frame, exact in time, the same bytes every time, whole or not at all."""

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.audio import source_sound, waveform
from media.decode import Decoder
from media.probe import probe
from moee_model.errors import ModelError
from moee_model.video_file import write_video
from tests.moee_model.test_inputs import sound_file, tone


def frames(count: int, side: int = 64) -> Iterator[np.ndarray]:
    """Red that grows from frame to frame, the upper half green."""
    for k in range(count):
        frame = np.zeros((side, side, 3), np.uint8)
        frame[..., 0] = 4 * k
        frame[: side // 2, :, 1] = 200
        yield frame


def test_every_frame_stands_at_its_time_in_its_colour(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(50), 50, 25, 64)
    with Decoder(tmp_path / "a.mp4") as decoder:
        seen = [(frame.pts * frame.time_base, frame.rgb().copy()) for frame in decoder]
    assert [time for time, _ in seen] == [Fraction(k, 25) for k in range(50)]
    for k, (_, rgb) in enumerate(seen):
        assert np.abs(rgb[48, 32].astype(int) - [4 * k, 0, 0]).max() <= 6
        assert np.abs(rgb[16, 32].astype(int) - [4 * k, 200, 0]).max() <= 6


def test_the_sound_lies_under_the_pictures_and_ends_with_them(tmp_path: Path) -> None:
    sound = sound_file(tmp_path / "a.wav", tone(3, 44_100), 44_100, 2)
    write_video(tmp_path / "a.mp4", frames(50), 50, 25, 64, sound)
    facts = probe(tmp_path / "a.mp4")
    assert facts.video is not None and facts.audio is not None
    assert source_sound(tmp_path / "a.mp4") == (44_100, 2)
    heard = waveform(tmp_path / "a.mp4", Fraction(0), Fraction(3))
    inside = slice(4_000, 28_000)
    assert np.abs(heard[inside] - tone(2)[inside]).max() < 0.05
    assert not heard[33_000:].any(), "nothing sounds after the last picture"


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    sound = sound_file(tmp_path / "a.wav", tone(2))
    first = write_video(tmp_path / "a.mp4", frames(20), 20, 25, 64, sound)
    second = write_video(tmp_path / "b.mp4", frames(20), 20, 25, 64, sound)
    assert first == second and (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_frames_are_scaled_to_the_side_asked_for(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames(5, 16), 5, 25, 128)
    facts = probe(tmp_path / "a.mp4").video
    assert facts is not None and (facts.width, facts.height) == (128, 128)


def test_a_long_video_is_not_held_in_memory(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        write_video(tmp_path / "a.mp4", (np.zeros((256, 256, 3), np.uint8) for _ in range(count)), count, 25, 256)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(200) < peak(20) + 2 * 256 * 256 * 3


def test_a_video_that_breaks_off_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_bytes(b"the old one")

    def broken() -> Iterator[np.ndarray]:
        yield from frames(3)
        raise ModelError("The model broke.")

    with pytest.raises(ModelError, match="broke"):
        write_video(target, broken(), 9, 25, 64)
    with pytest.raises(ModelError, match="5 frames were made where 9"):
        write_video(target, frames(5), 9, 25, 64)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"] and target.read_bytes() == b"the old one"


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        write_video(tmp_path / "none" / "a.mp4", frames(1), 1, 25, 64)

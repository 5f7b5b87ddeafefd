"""Frames of a clip at the model's rate, exactly by time."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.decode import Decoder
from media.errors import MediaError
from media.sound import nearest
from moee_model.square_frames import SquareFrames
from tests.media import material

BASE = Fraction(1, 12800)


def film(folder: Path, times: tuple[int, ...], duration: int, size: tuple[int, int] = (96, 96), **more: object) -> Path:
    """A film whose pictures show their number, with these time stamps in 1/12800 s."""
    options = {"preset": "ultrafast", "crf": "12", "bf": "0"}
    rate = Fraction(12800, duration)
    recipe = material.Recipe(
        "film", "mp4", "mp4", "libx264", BASE, times, duration, None, options=options, size=size, rate=rate, **more
    )
    return material.render(folder, recipe)


TIMES = {
    "as the model's": (material.steady(40, 512), 512),
    "twice it": (material.steady(60, 256), 256),
    "less": (material.steady(30, 640), 640),
    "cinema": (material.steady(48, 533), 533),
    "uneven": (material.uneven(50, (200, 300, 512, 900)), 512),
    "one picture": ((0,), 512),
    "begins late": (material.steady(20, 512, start=12800), 512),
    "two as near": ((0, 256, 768, 1280, 1792, 2304), 512),
    "ends between": (material.steady(41, 128), 128),
}


@pytest.mark.parametrize("name", TIMES)
def test_frame_k_is_the_one_nearest_to_its_time(name: str, tmp_path: Path) -> None:
    times, duration = TIMES[name]
    path = film(tmp_path, times, duration)
    with Decoder(path) as decoder:
        pts = [frame.pts for frame in decoder]
        begin, end = pts[0], decoder.report.end_pts
    assert end is not None
    count = max(1, nearest((end - begin) * BASE * 25))
    distances = [[abs(at - begin - Fraction(k * 12800, 25)) for at in pts] for k in range(count)]
    expected = [row.index(min(row)) for row in distances]  # of two as near the earlier
    frames = SquareFrames(path, 25, 64)
    assert [material.read_counter(frame) for frame in frames] == expected
    assert frames.start == begin * BASE


def test_a_frame_is_what_the_square_of_the_picture_shows(tmp_path: Path) -> None:
    import cv2

    path = film(tmp_path, material.steady(3, 512), 512, size=(160, 96))
    with Decoder(path) as decoder:
        pictures = [frame.rgb().copy() for frame in decoder]
    frames = SquareFrames(path, 25, 32, box=(0.2, 0.0, 0.8, 1.0), picture=(320, 192))
    shown = list(frames)
    assert (frames.rect, frames.shown) == ((32, 0, 128, 96), (160, 96))
    for frame, picture in zip(shown, pictures, strict=True):
        assert frame.shape == (32, 32, 3)
        expected = cv2.resize(picture[:, 32:128], (32, 32), interpolation=cv2.INTER_AREA)
        assert np.array_equal(frame, expected)


def test_without_a_box_the_middle_square_is_shown(tmp_path: Path) -> None:
    frames = SquareFrames(film(tmp_path, material.steady(2, 512), 512, size=(160, 96)), 25, 32)
    assert len(list(frames)) == 2
    assert frames.rect == (32, 0, 128, 96)


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    frames = SquareFrames(film(tmp_path, material.steady(3, 512), 512, rotation=90), 25, 64)
    assert [material.read_counter(frame) for frame in frames] == [0, 1, 2]


def test_a_box_of_another_shape_of_picture_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path, material.steady(2, 512), 512)
    with pytest.raises(MediaError, match="measured on a 160x96 picture"):
        list(SquareFrames(path, 25, 32, box=(0.0, 0.0, 1.0, 1.0), picture=(160, 96)))


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no video at all" * 99)
    with pytest.raises(MediaError):
        list(SquareFrames(tmp_path / "film.mp4", 25, 32))

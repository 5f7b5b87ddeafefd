"""What a cut promises beside exactness: options, colour, the same bytes every time, whole or not at all."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.cut import Crop, CutOptions, cut
from media.decode import Decoder
from media.errors import MediaError
from tests.media.clips import read_clip
from tests.media.material import recipe, textured

ROOT = Path(__file__).resolve().parents[2]
Material = Callable[[str], Path]

_HASHES = """
import sys
from fractions import Fraction
from pathlib import Path
from media.cut import Crop, CutOptions, cut
counted, textured, target = (Path(name) for name in sys.argv[1:4])
jobs = [
    (textured, 48600 + 3600, 48600 + 3600 * 70, CutOptions()),
    (counted, 0, 512 * 60, CutOptions(fps=Fraction(25), crop=Crop(0.1, 0.1, 0.9, 0.9, 160, 128), size=(96, 96))),
    (textured, 48600, 48600 + 3600 * 40, CutOptions(preset="medium")),
]
found = {int(i): cut(*jobs[int(i)][:1], target, *jobs[int(i)][1:]).sha256 for i in sys.argv[4]}
print([found[i] for i in range(3)])
"""


def _hashes(sources: list[Path], target: Path, order: str, perturb: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", _HASHES, *map(str, sources), str(target), order],
        env={**os.environ, "MALLOC_PERTURB_": perturb},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_the_bytes_do_not_depend_on_fresh_memory_or_on_earlier_encodes(material: Material, tmp_path: Path) -> None:
    sources = [material("h264_25"), textured(tmp_path / "textured.mpg")]
    runs = [
        _hashes(sources, tmp_path / "clip.mp4", order, perturb)
        for order, perturb in (("012", "0"), ("012", "1"), ("210", "77"), ("102012", "200"))
    ]
    assert len(runs[0]) > 3 * 64
    assert len(set(runs)) == 1


def test_a_constant_rate_shows_the_nearest_picture_at_every_tick(material: Material, tmp_path: Path) -> None:
    times = recipe("h264_vfr").times
    start, end, fps = times[5] - 3, times[80] + 11, Fraction(30000, 1001)
    report = cut(material("h264_vfr"), tmp_path / "clip.mp4", start, end, CutOptions(fps=fps))
    clip = read_clip(tmp_path / "clip.mp4")
    inside = [number for number, pts in enumerate(times) if start <= pts < end]
    count = round(Fraction(end - start, 1000) * fps)
    wanted = [min(inside, key=lambda n: abs(times[n] - (start + Fraction(1000 * k) / fps))) for k in range(count)]
    assert clip.numbers == wanted
    assert report.frames == count
    assert [t * clip.time_base for t in clip.times] == [k / fps for k in range(count)]


def test_a_crop_is_the_even_rectangle_of_the_displayed_picture(material: Material, tmp_path: Path) -> None:
    crop = Crop(0.25, 0.0, 0.5, 0.25, 160, 128)  # the second cell of the first row
    report = cut(material("h264_25"), tmp_path / "clip.mp4", 0, 512 * 32, CutOptions(crop=crop))
    assert (report.width, report.height) == (40, 32)
    assert [level > 128 for level in _levels(tmp_path / "clip.mp4")] == [bool(n & 2) for n in range(32)]


def test_a_crop_of_a_turned_source_is_measured_on_the_upright_picture(material: Material, tmp_path: Path) -> None:
    crop = Crop(0.75, 0.0, 1.0, 0.25, 128, 160)
    report = cut(material("rotated"), tmp_path / "clip.mp4", 0, 512 * 32, CutOptions(crop=crop))
    assert (report.width, report.height) == (32, 40)
    assert [level > 128 for level in _levels(tmp_path / "clip.mp4")] == [bool(n & 8) for n in range(32)]


def test_a_size_scales_and_the_picture_stays_readable(material: Material, tmp_path: Path) -> None:
    report = cut(material("hevc_10bit"), tmp_path / "clip.mp4", 0, 512 * 30, CutOptions(size=(256, 200)))
    assert (report.width, report.height) == (256, 200)
    assert read_clip(tmp_path / "clip.mp4").numbers == list(range(30))


def _levels(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]


def _still(path: Path, width: int, height: int, pixels: str, full: bool, aspect: Fraction | None = None) -> Path:
    """Ten pictures of luma 255 (full range) or 235, losslessly coded in that pixel format."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.color_range = 2 if full else 1
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        frame = av.VideoFrame(width, height, pixels)
        for plane, value in zip(frame.planes, (255 if full else 235, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.color_range = 2 if full else 1
        for number in range(10):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("pixels", "full"), [("yuv420p", False), ("yuv420p", True), ("yuv444p", True)])
def test_white_stays_white_in_limited_range(tmp_path: Path, pixels: str, full: bool) -> None:
    source = _still(tmp_path / "white.mkv", 64, 48, pixels, full)
    cut(source, tmp_path / "clip.mp4", 0, 400)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.format.name, int(frame.color_range)) == ("yuv420p", 1)
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)[:48, :64]
        assert abs(int(luma.mean()) - 235) <= 1


def test_odd_sizes_lose_at_most_one_line_and_pixel_shape_is_kept(tmp_path: Path) -> None:
    source = _still(tmp_path / "odd.mkv", 65, 47, "yuv444p", False, aspect=Fraction(16, 15))
    report = cut(source, tmp_path / "clip.mp4", 0, 400)
    assert (report.width, report.height) == (64, 46)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


def test_an_indexed_source_is_decoded_from_the_key_picture_before_the_span(material: Material, tmp_path: Path) -> None:
    report = cut(material("h264_25"), tmp_path / "clip.mp4", 512 * 125, 512 * 130)
    assert report.frames_decoded <= 5 + 3 + 10  # key pictures are 30 apart: the one before is 120
    report = cut(material("mpeg1_ps"), tmp_path / "clip.mp4", 48600 + 3600 * 80, 48600 + 3600 * 90)
    assert report.frames_decoded >= 90


def test_sound_is_left_out_on_request_and_where_there_is_none(material: Material, tmp_path: Path) -> None:
    for name, options in (("h264_25", CutOptions(audio=False)), ("no_sound", CutOptions())):
        report = cut(material(name), tmp_path / "clip.mp4", 0, 512 * 20, options)
        assert (report.audio_samples, report.audio_rate, report.audio_priming) == (0, 0, 0)
        with av.open(str(tmp_path / "clip.mp4")) as container:
            assert not container.streams.audio


def test_a_failed_cut_leaves_nothing_and_keeps_what_was_there(material: Material, tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"before")
    wrong = [
        (material("h264_25"), 10**9, 10**9 + 5, CutOptions()),
        (material("h264_25"), 5, 5, CutOptions()),
        (material("h264_25"), 0, 5120, CutOptions(crop=Crop(0.2, 0.2, 0.1, 0.9, 160, 128))),
        (material("h264_25"), 0, 5120, CutOptions(crop=Crop(0.2, 0.2, 0.8, 0.9, 1920, 1080))),
        (material("h264_25"), 0, 5120, CutOptions(size=(33, 32))),
        (material("h264_25"), 0, 5120, CutOptions(preset="no such preset")),
        (tmp_path / "absent.mp4", 0, 5120, CutOptions()),
    ]
    for source, start, end, options in wrong:
        with pytest.raises(MediaError):
            cut(source, target, start, end, options)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert target.read_bytes() == b"before"
    with pytest.raises(MediaError):
        cut(material("h264_25"), tmp_path / "no such folder" / "clip.mp4", 0, 5120)


def test_a_cut_of_a_cut_is_the_same_pictures(material: Material, tmp_path: Path) -> None:
    cut(material("h264_late"), tmp_path / "a.mp4", 127995 + 512 * 10, 127995 + 512 * 90)
    cut(tmp_path / "a.mp4", tmp_path / "b.mp4", 512 * 20, 512 * 50)
    assert read_clip(tmp_path / "b.mp4").numbers == list(range(30, 60))


def test_hostile_names_are_only_names(material: Material, tmp_path: Path) -> None:
    folder = tmp_path / "100%d 'quo\"te\n☃"
    folder.mkdir()
    source = folder / "concat:a|b%03d.png"
    source.write_bytes(material("h264_25").read_bytes())
    cut(source, folder / "-.mp4", 0, 5120)
    with Decoder(folder / "-.mp4") as frames:
        assert len(list(frames)) == 10

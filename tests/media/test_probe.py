"""Probe says what the container declares, as displayed."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.decode import Decoder
from media.errors import MediaError
from media.probe import probe
from tests.media.material import recipe

Material = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "bits", "audio"),
    [
        ("h264_25", "h264", "yuv420p", 8, ("aac", 44100, 1)),
        ("h264_vfr", "h264", "yuv420p", 8, ("aac", 48000, 2)),
        ("hevc_10bit", "hevc", "yuv420p10le", 10, ("aac", 32000, 1)),
        ("mpeg1_ps", "mpeg1video", "yuv420p", 8, ("mp2", 44100, 1)),
        ("mpeg4_16khz", "mpeg4", "yuv420p", 8, ("aac", 16000, 2)),
        ("no_sound", "h264", "yuv420p", 8, None),
    ],
)
def test_stream_facts(
    name: str, codec: str, pixels: str, bits: int, audio: tuple[str, int, int] | None, material: Material
) -> None:
    facts = probe(material(name))
    assert facts.video is not None
    assert (facts.video.codec, facts.video.pixel_format, facts.video.bit_depth) == (codec, pixels, bits)
    assert (facts.video.width, facts.video.height, facts.video.rotation) == (160, 128, 0)
    assert facts.bytes == material(name).stat().st_size
    heard = None if facts.audio is None else (facts.audio.codec, facts.audio.sample_rate, facts.audio.channels)
    assert heard == audio


def test_times_are_exact(material: Material) -> None:
    late, odd = probe(material("h264_late")).video, probe(material("h264_22fps")).video
    assert late is not None and odd is not None
    assert (late.time_base, late.start_pts, late.frames) == (Fraction(1, 15360), 127995, 120)
    assert late.frame_rate == 30
    times = recipe("h264_22fps").times
    assert odd.frame_rate is not None
    assert abs(odd.frame_rate * (times[-1] + 512 - times[0]) / (120 * 15360) - 1) < Fraction(1, 100)
    negative = probe(material("negative_start")).video
    assert negative is not None and negative.start_pts == -270000


@pytest.mark.parametrize(("turn", "size"), [(-90, (128, 160)), (90, (128, 160)), (180, (160, 128))])
def test_rotation_is_clockwise_and_the_size_is_the_displayed_one(
    turn: int, size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.set_display_rotation(turn)
        frame = av.VideoFrame.from_ndarray(np.zeros((128, 160, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    video = probe(path).video
    assert video is not None
    assert (video.rotation, (video.width, video.height)) == (-turn % 360, size)


def test_cover_art_is_not_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    cover = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
    with av.open(str(path), "w") as container:
        sound = container.add_stream("mp3", rate=44100, layout="mono")
        art = container.add_stream("mjpeg")
        art.width, art.height, art.pix_fmt, art.time_base = 64, 64, "yuvj420p", Fraction(1, 25)
        art.disposition = av.stream.Disposition.attached_pic
        container.mux(art.encode(cover.reformat(format="yuvj420p")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    facts = probe(path)
    assert facts.video is None
    assert facts.audio is not None and facts.audio.codec == "mp3"
    with pytest.raises(MediaError), Decoder(path):
        pass


def test_a_still_picture_is_one_frame(tmp_path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 120, np.uint8), format="rgb24")
    for name in ("still.png", "still%03d.png", "still.jpg"):
        path = tmp_path / name
        frame.save(tmp_path / ("plain" + path.suffix))
        (tmp_path / ("plain" + path.suffix)).rename(path)
        video = probe(path).video
        assert video is not None
        assert (video.frames, video.width, video.height) == (1, 64, 48)
        with Decoder(path) as decoder:
            assert len(list(decoder)) == 1


def test_hostile_metadata_is_no_error(material: Material, tmp_path: Path) -> None:
    with av.open(str(material("no_sound"))) as reader, av.open(str(tmp_path / "tagged.mp4"), "w") as writer:
        writer.metadata["title"] = "TITLE-TITLE-TITLE"
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    content = (tmp_path / "tagged.mp4").read_bytes()
    assert b"TITLE-TITLE-TITLE" in content
    hostile = b"\xff\xfe\x80\xc3(\xa0\xa1" + b"\xf8" * 10
    (tmp_path / "tagged.mp4").write_bytes(content.replace(b"TITLE-TITLE-TITLE", hostile))
    assert probe(tmp_path / "tagged.mp4").video is not None

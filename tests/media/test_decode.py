"""Decoding gives every picture once, in order, at its exact time; damage is counted and costs itself only."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.decode import Decoder, Frame, feed
from media.errors import MediaError
from media.timeline import PtsRepair, nominal_duration
from tests.media.clips import true_times
from tests.media.material import RECIPES, Recipe, counter, read_counter, recipe

Material = Callable[[str], Path]


def numbers_and_times(path: Path, start_pts: int | None = None) -> list[tuple[int, int]]:
    with Decoder(path, start_pts=start_pts) as frames:
        return [(read_counter(frame.rgb()), frame.pts) for frame in frames]


@pytest.mark.parametrize("kind", RECIPES, ids=lambda r: r.name)
def test_every_picture_comes_once_at_its_time_and_lasts_to_the_next(kind: Recipe, material: Material) -> None:
    times, base = true_times(material(kind.name), kind)
    with Decoder(material(kind.name)) as decoder:
        seen = [(read_counter(f.rgb()), f.pts, f.duration, f.index, f.time_base) for f in decoder]
        report = decoder.report
    ends = [*times[1:], times[-1] + round(kind.duration * kind.time_base / base)]
    assert seen == [(n, t, ends[n] - t, n, base) for n, t in enumerate(times)]
    assert (report.frames, report.start_pts, report.end_pts) == (len(times), times[0], ends[-1])
    assert report.flags == ()


@pytest.mark.parametrize("kind", RECIPES, ids=lambda r: r.name)
def test_starting_inside_gives_the_same_pictures_from_one_at_or_before_the_wanted_time(
    kind: Recipe, material: Material
) -> None:
    whole = numbers_and_times(material(kind.name))
    for wanted in (whole[1][1], whole[len(whole) // 2][1] + 1, whole[-1][1], whole[-1][1] + 10**7):
        part = numbers_and_times(material(kind.name), start_pts=wanted)
        assert part[0][1] <= wanted
        assert part == whole[len(whole) - len(part) :]
    before = numbers_and_times(material(kind.name), start_pts=whole[0][1] - 1000)
    assert before == whole


def test_threads_change_nothing(material: Material) -> None:
    for name in ("h264_open_gop", "hevc_10bit", "mpeg1_ps"):
        pictures = []
        for threads in (1, 3):
            with Decoder(material(name), threads=threads) as decoder:
                pictures.append([frame.rgb().tobytes() for frame in decoder])
        assert pictures[0] == pictures[1]


class Collects:
    """A consumer that reads what the one before it wrote."""

    def __init__(self) -> None:
        self.shots: list[int | None] = []

    def see(self, frame: Frame) -> None:
        self.shots.append(frame.shot)
        frame.shot = (frame.shot or 0) + frame.index


def test_feed_shows_each_frame_to_each_consumer_in_order(material: Material) -> None:
    first, second = Collects(), Collects()
    report = feed(material("no_sound"), [first, second])
    assert report.frames == 60
    assert first.shots == [None] * 60
    assert second.shots == list(range(60))


def test_pictures_are_upright_contiguous_converted_once_and_never_enlarged(material: Material) -> None:
    with Decoder(material("rotated")) as decoder:
        frame = next(iter(decoder))
        assert (frame.width, frame.height) == (128, 160)
        assert frame.rgb().shape == (160, 128, 3)
        assert frame.rgb() is frame.rgb()
        assert frame.scaled(80).shape == (80, 64, 3)
        assert frame.scaled(80) is frame.scaled(80)
        assert frame.scaled(4000) is frame.rgb()
        assert frame.rgb().flags.c_contiguous and frame.scaled(80).flags.c_contiguous
        assert read_counter(frame.scaled(80)) == 0


def test_colours_are_right(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0], red[:, 32:, 2] = 250, 200
    av.VideoFrame.from_ndarray(red, format="rgb24").save(path)
    with Decoder(path) as decoder:
        frames = list(decoder)
        assert len(frames) == 1
        assert np.array_equal(frames[0].rgb(), red)


def raw_h264(path: Path, sizes: list[tuple[int, int]], each: int = 10) -> Path:
    """Pictures of several sizes one after the other in a bare H.264 stream, which has no time stamps."""
    with path.open("wb") as file:
        for part, (width, height) in enumerate(sizes):
            context = av.CodecContext.create("libx264", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.options = Fraction(1, 25), {"bf": "0", "crf": "10"}
            for i in range(each):
                grey = av.VideoFrame.from_ndarray(counter(part * each + i, width, height), format="gray")
                frame = grey.reformat(format="yuv420p", src_color_range=2, dst_color_range=2)
                frame.pts = i
                file.write(b"".join(bytes(packet) for packet in context.encode(frame)))
            file.write(b"".join(bytes(packet) for packet in context.encode(None)))
    return path


def test_pictures_of_another_size_are_scaled_to_the_first_ones(tmp_path: Path) -> None:
    with Decoder(raw_h264(tmp_path / "sizes.h264", [(160, 128), (320, 240), (96, 64)])) as decoder:
        frames = [(f.rgb().shape, f.width, f.height, read_counter(f.rgb())) for f in decoder]
    assert frames == [((128, 160, 3), 160, 128, n) for n in range(30)]


def test_a_stream_without_time_stamps_gets_rising_ones(tmp_path: Path) -> None:
    with Decoder(raw_h264(tmp_path / "bare.h264", [(160, 128)])) as decoder:
        frames = [(f.pts, f.duration) for f in decoder]
    assert all(duration > 0 for _, duration in frames)
    assert [pts for pts, _ in frames] == sorted({pts for pts, _ in frames})


def test_a_truncated_file_keeps_what_decodes_and_says_so(material: Material, tmp_path: Path) -> None:
    for name in ("h264_vfr", "mpeg1_ps", "fast_start"):
        source = material("h264_25") if name == "fast_start" else material(name)
        if name == "fast_start":
            source = fast_start(source, tmp_path / "fast.mp4")
        whole, content = numbers_and_times(source), source.read_bytes()
        for share in (0.3, 0.6, 0.9):
            part = tmp_path / f"part{source.suffix}"
            part.write_bytes(content[: int(len(content) * share)])
            with Decoder(part) as decoder:
                seen = [(read_counter(f.rgb()), f.pts) for f in decoder if not f.corrupt]
                lost = len(seen) < len(whole)
                assert lost or (name, share) == ("mpeg1_ps", 0.9)  # there the end is all sound
                assert not lost or "truncated" in decoder.report.flags, (name, share)
            assert seen[:-1] == whole[: len(seen) - 1]


def fast_start(source: Path, target: Path) -> Path:
    """The same packets with the index in front, so that a truncated copy still opens."""
    with av.open(str(source)) as reader, av.open(str(target), "w", options={"movflags": "faststart"}) as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    return target


def test_damage_costs_pictures_not_the_file(material: Material, tmp_path: Path) -> None:
    content = bytearray(material("h264_25").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    with Decoder(damaged) as decoder:
        seen = [(read_counter(f.rgb()), f.pts) for f in decoder]
        report = decoder.report
    assert report.corrupt_frames + report.decode_errors > 0
    assert {"corrupt_frames", "decode_errors"} & set(report.flags)
    assert seen[0] == (0, 0) and seen[-1] == (149, 149 * 512)
    assert len(seen) > 100


def test_a_decoder_is_read_once(material: Material) -> None:
    with Decoder(material("no_sound")) as decoder:
        list(decoder)
        with pytest.raises(MediaError):
            list(decoder)


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
    with pytest.raises(MediaError), Decoder(path):
        pass


def repaired(stamps: list[tuple[int | None, int | None, int]]) -> tuple[list[int], int]:
    """(time stamps as a decoder gives them, how many count as repaired)."""
    repair, placed = PtsRepair(Fraction(1, 90000), 3600), []
    for pts, guess, duration in stamps:
        following = repair.place(pts, guess, duration)
        if repair.moved_last is not None:
            placed[-1] = repair.moved_last
        placed.append(following)
    return placed, repair.repaired


any_stamp = st.one_of(st.none(), st.integers(-(10**6), 10**6))


@given(st.lists(st.tuples(any_stamp, any_stamp, st.integers(0, 5000)), min_size=1, max_size=60))
def test_repaired_time_stamps_always_rise(stamps: list[tuple[int | None, int | None, int]]) -> None:
    placed, count = repaired(stamps)
    assert all(a < b for a, b in pairwise(placed))
    assert count >= sum(p != pts for p, (pts, _, _) in zip(placed, stamps, strict=True))


@given(st.sets(st.integers(-(10**9), 10**9), min_size=1))
def test_rising_time_stamps_are_never_touched(given_pts: set[int]) -> None:
    assert repaired([(pts, None, 3600) for pts in sorted(given_pts)]) == (sorted(given_pts), 0)


def test_a_clock_that_starts_again_is_continued() -> None:
    stamps = [(pts, None, 3600) for pts in (900000, 903600, 0, 3600, 7200)]
    assert repaired(stamps) == ([900000, 903600, 907200, 910800, 914400], 3)


def test_one_wild_time_stamp_moves_only_its_own_picture() -> None:
    stamps = [(pts, None, 3600) for pts in (0, 3600, 10**9, 10800, 14400)]
    assert repaired(stamps) == ([0, 3600, 7200, 10800, 14400], 1)
    assert repaired([(10**9, None, 3600), (0, None, 3600), (3600, None, 3600)]) == ([-1, 0, 3600], 1)


def test_nominal_duration_is_the_nearest_whole_tick() -> None:
    assert nominal_duration(Fraction(1350, 61), Fraction(1, 15360)) == 694
    assert nominal_duration(None, Fraction(1, 25)) == 1
    assert nominal_duration(Fraction(1000), Fraction(1, 25)) == 1
    assert recipe("h264_22fps").rate == Fraction(1350, 61)

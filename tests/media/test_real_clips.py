"""Exactness on real clips: a cut selects what a plain decode shows at each time, and writes it in its place."""

import random
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.audio import waveform
from media.cut import CutOptions, cut, frames_of
from media.decode import Decoder
from tests.extent import FULL
from tests.media.clips import lag, read_clip

LONGEST = 16  # pictures per span, so that all clips take seconds
FAINT = 0.005  # sound below this is not compared


def sources(folder: Path) -> Iterator[Path]:
    """Every clip, but of the many MEAD ones only two; every second of these where not everything is asked."""
    paths = sorted((folder / "videos").iterdir())
    mead = [path for path in paths if path.name.startswith("emotion_mead")]
    chosen = [path for path in paths if path not in mead or path in (mead[0], mead[11])]
    yield from chosen if FULL else chosen[::2]


def plain_decode(path: Path) -> tuple[list[tuple[int, int]], dict[int, np.ndarray], Fraction]:
    """(time, hash) of every picture by PyAV alone, and every picture's luma made small enough to keep."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        hashes, small = [], {}
        for frame in container.decode(stream):
            hashes.append((frame.pts, digest(frame)))
            small[frame.pts] = luma(frame)
        return hashes, small, stream.time_base


def digest(frame: av.VideoFrame) -> int:
    return zlib.crc32(np.ascontiguousarray(frame.to_ndarray()))


def luma(frame: av.VideoFrame) -> np.ndarray:
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
    step = 1 + frame.width * frame.height // 200_000
    return rows[: frame.height // 2 * 2 : step, : frame.width // 2 * 2 : step].astype(np.int16)


def test_selected_pictures_are_a_plain_decodes_at_each_time_and_are_encoded_in_their_place(
    test_data: Path, tmp_path: Path
) -> None:
    rng = random.Random(3)
    for source in sources(test_data):
        hashes, small, base = plain_decode(source)
        times = [pts for pts, _ in hashes]
        for _ in range(2 if len(times) * next(iter(small.values())).size < 10_000_000 else 1):
            first = rng.randrange(len(times) - 1)
            final = min(len(times) - 1, first + rng.randrange(1, LONGEST))
            start, end = times[first], times[final]
            with Decoder(source, start_pts=start) as decoder:
                selected = [(f.pts, digest(f.picture)) for f in frames_of(decoder, start, end)]
            assert selected == hashes[first:final], source.name
            assert decoder.report.flags == ()
            report = cut(source, tmp_path / "clip.mp4", start, end, CutOptions(crf=3, preset="ultrafast"))
            assert report.frames == final - first
            assert_in_place(tmp_path / "clip.mp4", times, small, first, base)
            assert_sound(source, tmp_path / "clip.mp4", start * base, (end - start) * base)


def assert_in_place(clip: Path, times: list[int], small: dict[int, np.ndarray], first: int, base: Fraction) -> None:
    """Picture k of the clip has the time of source picture first + k, and none of its neighbours looks more like it."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        for k, frame in enumerate(container.decode(stream)):
            number = first + k
            assert frame.pts * stream.time_base == (times[number] - times[first]) * base
            near = range(max(0, number - 3), min(len(times), number + 4))
            seen = luma(frame)
            distance = {n: float(np.abs(seen - small[times[n]]).mean()) for n in near}
            assert distance[number] <= min(distance.values()) + 0.02, (clip, number, distance)


def assert_sound(source: Path, clip: Path, start: Fraction, seconds: Fraction) -> None:
    """The clip is heard at the source's own time, with edit lists honoured and, a constant later, without."""
    wanted = waveform(source, start, start + seconds)
    if len(wanted) < 6000 or np.abs(wanted).max() < FAINT:
        return
    heard = waveform(clip, Fraction(0), seconds)
    assert abs(lag(heard, wanted, 1600)) <= 16
    honoured, ignored = read_clip(clip), read_clip(clip, edit_lists=False)
    assert honoured.sound_start == 0
    assert np.array_equal(ignored.sound[1024:], honoured.sound)
    assert all(packet.pts + packet.duration <= seconds * honoured.rate + 1 for packet in honoured.sounds)


def test_known_times_of_the_edge_cases(test_data: Path) -> None:
    videos = test_data / "videos"
    known = {
        "avoffset_300x350_man_speech_20s.mp4": (127995, Fraction(1, 15360), 351),
        "multishot_640x360_stage_people_speech_10s.mp4": (10214, Fraction(1, 11988), 275),
        "talk_700_man_odd_fps22_speech_6s.mp4": (507, Fraction(1, 15360), 135),
        "talk_360x288_grid_man_a_3s.mpg": (0, Fraction(1, 90000), 75),
    }
    for name, (start, base, frames) in known.items():
        with Decoder(videos / name) as decoder:
            assert sum(1 for _ in decoder) == frames
            assert (decoder.report.start_pts, decoder.time_base) == (start, base)


@pytest.mark.parametrize("name", ["talk_450_obama_speech_20s.mp4", "twopeople_480x360_girls_mono_22s.mp4"])
def test_spans_anywhere_hear_the_same_sound(name: str, test_data: Path) -> None:
    path = test_data / "videos" / name
    whole = waveform(path, Fraction(0), Fraction(20))
    for start in (Fraction(1, 3), Fraction(77, 10), Fraction(15)):
        part = waveform(path, start, start + 2)
        begin = int(start * 16000 + Fraction(1, 2))
        assert np.abs(part - whole[begin : begin + 32000]).max() < 1e-5

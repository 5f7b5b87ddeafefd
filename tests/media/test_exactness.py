"""A cut has exactly the span's pictures and sound: 0 wrong pictures at either end, sound within a millisecond."""

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.cut import CutOptions, cut
from media.decode import Decoder
from media.sound import nearest
from tests.extent import FULL
from tests.media.clips import Clip, lag, read_clip, true_sound, true_times
from tests.media.material import RECIPES, Recipe, read_counter

SPANS = 3 if FULL else 2
AAC_FRAME = 1024
AUDIBLE = [r for r in RECIPES if r.sound is not None and r.name != "avi_mp3"]  # AVI does not tell an MP3's delay


def spans(times: list[int], last: int, seed: str) -> list[tuple[int, int]]:
    """Spans of every kind: between pictures, on pictures, one picture, everything."""
    rng = random.Random(seed)
    found = [(times[0], last), (times[-1], last)]
    for _ in range(SPANS):
        first, final = sorted(rng.sample(range(len(times)), 2))
        found.append((times[first], times[final]))
        low, high = sorted(rng.sample(range(times[0], last), 2))
        if any(low <= t < high for t in times):
            found.append((low, high))
    return found


def expected(times: list[int], start: int, end: int) -> list[int]:
    return [number for number, pts in enumerate(times) if start <= pts < end]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_a_cut_has_exactly_the_pictures_of_its_span_at_their_times(
    recipe: Recipe, material: Callable[[str], Path], tmp_path: Path
) -> None:
    source, target = material(recipe.name), tmp_path / "clip.mp4"
    times, base = true_times(source, recipe)
    last = times[-1] + round(recipe.duration * recipe.time_base / base)
    for start, end in spans(times, last, recipe.name):
        report = cut(source, target, start, end, CutOptions(preset="ultrafast"))
        clip = read_clip(target)
        wanted = expected(times, start, end)
        assert clip.numbers == wanted
        assert report.frames == len(wanted)
        assert [t * clip.time_base for t in clip.times] == [(times[n] - start) * base for n in wanted]
        assert_durations(clip, [(times[n] - start) * base for n in wanted], (end - start) * base, recipe)


def assert_durations(clip: Clip, starts: list[Fraction], end: Fraction, recipe: Recipe) -> None:
    """Each picture lasts to the next, the last to its own end or the span's; nothing lies outside the span."""
    seen = [(p.pts * clip.time_base, (p.pts + p.duration) * clip.time_base) for p in clip.pictures]
    assert [begin for begin, _ in seen] == starts
    assert [stop for _, stop in seen[:-1]] == starts[1:]
    assert starts[0] >= 0 and starts[-1] < seen[-1][1] <= end
    if recipe.exact and starts[-1] + recipe.duration * recipe.time_base >= end:
        assert seen[-1][1] == end
    priming = [packet for packet in clip.sounds if packet.pts < 0]
    assert [(packet.pts, packet.duration) for packet in priming] == [(-AAC_FRAME, AAC_FRAME)] * len(clip.sounds[:1])
    for packet in clip.sounds[1:]:
        assert Fraction(packet.pts + packet.duration, clip.rate) <= end + Fraction(1, 2 * clip.rate)


@pytest.mark.parametrize("recipe", AUDIBLE, ids=lambda r: r.name)
def test_the_sound_of_a_cut_is_the_spans_own_to_the_sample(
    recipe: Recipe, material: Callable[[str], Path], tmp_path: Path
) -> None:
    source, target = material(recipe.name), tmp_path / "clip.mp4"
    assert recipe.sound is not None
    rate = recipe.sound.rate
    times, base = true_times(source, recipe)
    last = times[-1] + round(recipe.duration * recipe.time_base / base)
    compared = 0
    for start, end in spans(times, last, recipe.name + "sound"):
        report = cut(source, target, start, end, CutOptions(preset="ultrafast"))
        count = nearest((end - start) * base * rate)
        assert (report.audio_rate, report.audio_samples) == (rate, count)
        wanted = true_sound(source, recipe, start * base, count, rate)
        honoured, ignored = read_clip(target), read_clip(target, edit_lists=False)
        assert honoured.sound_start == 0
        assert sum(p.duration for p in honoured.sounds) == count + report.audio_priming
        assert [p.pts - report.audio_priming for p in ignored.sounds] == [p.pts for p in honoured.sounds]
        assert 0 < report.audio_priming <= AAC_FRAME
        if np.count_nonzero(wanted) < rate // 5:
            assert np.abs(honoured.sound[:count][wanted == 0]).max(initial=0) < 0.2
            continue
        compared += 1
        assert abs(lag(honoured.sound, wanted, rate // 10)) <= (1 if recipe.exact else rate / 1000)
        assert lag(ignored.sound, wanted, rate // 10) - lag(honoured.sound, wanted, rate // 10) == report.audio_priming
        assert likeness(honoured.sound[:count], wanted) > 0.9
    assert compared >= 2


def likeness(heard: np.ndarray, wanted: np.ndarray) -> float:
    """Normalised correlation of two sounds of one length."""
    return float(heard @ wanted / np.sqrt((heard @ heard) * (wanted @ wanted)))


def test_pictures_start_at_the_same_time_for_readers_that_ignore_edit_lists(
    material: Callable[[str], Path], tmp_path: Path
) -> None:
    source, target = material("h264_open_gop"), tmp_path / "clip.mp4"
    cut(source, target, 512 * 31, 512 * 77)
    assert read_clip(target, edit_lists=False).times == read_clip(target).times
    assert all(p.pts == p.dts for p in read_clip(target).pictures)


def hidden_start(source: Path, target: Path) -> int:
    """Pictures from a key picture on, of which an edit list hides five: what cutting without decoding leaves.

    Returns the number of the first picture that shows, at time 0.
    """
    with av.open(str(source)) as reader:
        packets = [packet for packet in reader.demux(video=0) if packet.dts is not None]
        key = next(packet.pts for packet in packets if packet.is_keyframe and packet.pts > 0)
        shown = key // 512 + 5
        with av.open(str(target), "w") as writer:
            stream = writer.add_stream_from_template(reader.streams.video[0])
            for packet in packets:
                if packet.pts >= key:
                    packet.pts, packet.dts = packet.pts - 512 * shown, packet.dts - 512 * shown
                    packet.stream = stream
                    writer.mux(packet)
    return shown


def test_pictures_that_an_edit_list_hides_are_in_no_cut(material: Callable[[str], Path], tmp_path: Path) -> None:
    source = tmp_path / "hidden.mp4"
    shown = hidden_start(material("h264_25"), source)
    with Decoder(source) as frames:
        seen = [(read_counter(frame.rgb()), frame.pts) for frame in frames]
        assert seen == [(shown + n, 512 * n) for n in range(150 - shown)]
        assert frames.report.flags == ()
    for first, final in ((0, 10), (3, 4), (20, 60)):
        cut(source, tmp_path / "clip.mp4", 512 * first, 512 * final)
        assert read_clip(tmp_path / "clip.mp4").numbers == list(range(shown + first, shown + final))

"""Facts of a file: when pictures come evenly, what a container declares, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.extract import VideoFacts, inspect
from benchmark.extract.facts import Digest, even_rate, from_json, to_json
from media.errors import MediaError
from tests.benchmark.extract.made import moving

RATES = st.sampled_from([Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(22)])


@given(RATES, st.integers(60, 400), st.integers(-10_000, 10_000), st.data())
def test_time_stamps_that_are_off_by_less_than_a_ms_have_the_rate(
    rate: Fraction, count: int, first: int, data: st.DataObject
) -> None:
    base = Fraction(1, 90_000)
    off = data.draw(st.lists(st.integers(-85, 85), min_size=count, max_size=count))
    pts = [first + round(k / rate / base) + (off[k] if k else 0) for k in range(count)]
    assert even_rate(pts, base, rate) == rate


@given(st.integers(3, 200), st.data())
def test_one_picture_that_is_late_by_more_than_2_ms_makes_the_rate_uneven(count: int, data: st.DataObject) -> None:
    late = data.draw(st.integers(1, count - 2))
    pts = [40 * k + (3 if k == late else 0) for k in range(count)]
    found = even_rate(pts, Fraction(1, 1000), Fraction(25))
    assert found is None or any(abs(p * Fraction(1, 1000) - k / found) <= Fraction(1, 1000) for k, p in enumerate(pts))
    if count > 8 and 2 < late < count - 3:
        assert found is None


@given(st.integers(2, 300), st.integers(1, 100), st.integers(1, 7))
def test_a_rate_that_is_told_holds_for_every_picture(count: int, step: int, jitter: int) -> None:
    base = Fraction(1, 1000)
    pts = [step * k + (k % jitter == jitter - 1) for k in range(count)]
    rate = even_rate(pts, base, None) if all(b > a for a, b in pairwise(pts)) else None
    if rate is not None:
        worst = max(abs((p - pts[0]) * base - k / rate) for k, p in enumerate(pts))
        assert worst <= Fraction(1, 1000)


def test_a_single_picture_has_no_rate_and_an_unusual_one_is_simple() -> None:
    assert even_rate([7], Fraction(1, 25), Fraction(25)) is None
    assert even_rate([k * 1000 for k in range(100)], Fraction(1, 17_000), None) == 17
    assert even_rate([0, 33, 67, 100], Fraction(1, 1000), None) == 30


def test_what_the_container_declares_is_told_without_decoding(tmp_path: Path) -> None:
    facts = inspect(moving(tmp_path / "x.mp4", frames=20, sound=0.8))
    assert (facts.frames, facts.width, facts.height, facts.fps) == (20, 96, 64, 25)
    assert facts.has_sound and 0.7 < facts.sound_seconds < 1 and facts.picture_digest is None
    assert facts.bytes == (tmp_path / "x.mp4").stat().st_size


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(MediaError):
        inspect(tmp_path / "text.mp4")
    with pytest.raises(BenchmarkError, match="cannot be read"):
        inspect(tmp_path / "gone.mp4")


def test_facts_survive_json() -> None:
    facts = VideoFacts("ab", 5, 3, 4, 6, Fraction(30000, 1001), Fraction(1, 3), Fraction(2), True, "cd", ("truncated",))
    assert from_json(to_json(facts)) == facts
    bare = VideoFacts("ab", 5, None, 4, 6, None, None, Fraction(0), False)
    assert from_json(to_json(bare)) == bare


def test_the_digest_tells_pictures_of_the_same_bytes_and_other_sizes_apart() -> None:
    found = set()
    for shape in ((2, 6, 3), (6, 2, 3), (3, 4, 3)):
        digest = Digest()
        digest.add(np.zeros(shape, np.uint8))
        found.add(digest.hex())
    assert len(found) == 3


def test_uneven_pictures_have_no_rate(tmp_path: Path) -> None:
    from benchmark.extract import Pair, extract
    from tests.benchmark.extract.made import settings

    times = [0, 40, 80, 130, 160, 200]
    path = moving(tmp_path / "x.mkv", frames=6, times=times)
    found = extract([Pair("c", path, path)], settings("pixels", frames=6), tmp_path / "cache")
    assert found.errors == {} and found.videos["c", "real"][1].fps is None

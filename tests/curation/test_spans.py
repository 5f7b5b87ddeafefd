"""Spans split at pauses: nothing spoken is lost, nothing overlaps, only long silence is cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from curation.stages.spans import Span, inside, limit_length, merged, pauses, speech_share, split_at_pauses

PAUSE = 100


@st.composite
def talks(draw: st.DrawFn) -> tuple[Span, list[Span]]:
    start = draw(st.integers(-5000, 5000))
    span = Span(start, start + draw(st.integers(1, 5000)))
    at, turns = start - draw(st.integers(0, 300)), []
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 600)), max_size=12)):
        turns.append(Span(at + gap, at + gap + length))
        at = turns[-1].end
    return span, turns


@given(talks())
def test_pieces_lie_in_the_span_in_order_without_overlap(case: tuple[Span, list[Span]]) -> None:
    span, turns = case
    pieces = split_at_pauses(span, turns, PAUSE)
    assert all(span.start <= piece.start < piece.end <= span.end for piece in pieces)
    assert all(a.end <= b.start for a, b in itertools.pairwise(pieces))


@given(talks())
def test_no_speech_is_lost_and_no_long_silence_is_kept(case: tuple[Span, list[Span]]) -> None:
    span, turns = case
    pieces = split_at_pauses(span, turns, PAUSE)
    spoken = sum(turn.end - turn.start for turn in inside(turns, span))
    kept = sum(turn.end - turn.start for piece in pieces for turn in inside(turns, piece))
    assert kept == spoken
    if spoken:
        assert all(gap.end - gap.start < PAUSE for piece in pieces for gap in pauses(turns, piece))


def test_a_pause_below_the_limit_does_not_split() -> None:
    turns = [Span(0, 200), Span(299, 500)]
    assert split_at_pauses(Span(0, 500), turns, PAUSE) == [Span(0, 500)]


def test_a_pause_at_the_limit_splits_and_leaves_half_of_it_on_each_side() -> None:
    turns = [Span(0, 200), Span(300, 500)]
    assert split_at_pauses(Span(0, 500), turns, PAUSE) == [Span(0, 250), Span(250, 500)]


def test_long_silence_at_both_ends_is_cut_to_half_a_pause() -> None:
    assert split_at_pauses(Span(0, 1000), [Span(400, 600)], PAUSE) == [Span(350, 650)]


def test_a_span_without_speech_stays_whole_so_that_it_can_be_measured() -> None:
    assert split_at_pauses(Span(7, 900), [], PAUSE) == [Span(7, 900)]


@given(talks(), st.integers(2, 2000))
def test_limited_pieces_tile_the_span_and_are_short_enough(case: tuple[Span, list[Span]], longest: int) -> None:
    span, turns = case
    pieces = limit_length(span, turns, longest)
    assert pieces[0].start == span.start
    assert pieces[-1].end == span.end
    assert all(a.end == b.start for a, b in itertools.pairwise(pieces))
    assert all(0 < piece.end - piece.start <= longest for piece in pieces)


def test_a_long_span_is_split_in_the_middle_of_its_longest_pause_in_reach() -> None:
    turns = [Span(0, 600), Span(610, 700), Span(780, 1500)]
    assert limit_length(Span(0, 1500), turns, 1000) == [Span(0, 740), Span(740, 1500)]


@given(talks())
def test_speech_share_is_a_share(case: tuple[Span, list[Span]]) -> None:
    span, turns = case
    share = speech_share(turns, span)
    assert 0.0 <= share <= 1.0
    silent = sum(gap.end - gap.start for gap in pauses(turns, span))
    assert abs(share + silent / (span.end - span.start) - 1.0) < 1e-12


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_where_two_speak_at_once_is_speech_once(turns: list[tuple[int, int]]) -> None:
    spoken = {tick for start, length in turns for tick in range(start, start + length)}
    joined = merged(Span(start, start + length) for start, length in turns)
    assert sum(turn.end - turn.start for turn in joined) == len(spoken)
    assert all(a.end < b.start for a, b in itertools.pairwise(joined))
    assert speech_share(joined, Span(0, 80)) == len(spoken) / 80
    assert sum(gap.end - gap.start for gap in pauses(joined, Span(0, 80))) == 80 - len(spoken)

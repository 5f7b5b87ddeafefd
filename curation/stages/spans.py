"""Spans of one clock: split at pauses, limit length, measure speech. Integer ticks, no media, no tables."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """Half-open [start, end) in ticks of some clock."""

    start: int
    end: int


def merged(turns: Iterable[Span]) -> list[Span]:
    """The turns in order without overlap: where two speak at once is speech once."""
    joined: list[Span] = []
    for turn in sorted(turns):
        if joined and turn.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, turn.end))
        else:
            joined.append(turn)
    return joined


def inside(turns: Sequence[Span], span: Span) -> list[Span]:
    """The parts of sorted, disjoint `turns` that lie in `span`."""
    return [
        Span(max(turn.start, span.start), min(turn.end, span.end))
        for turn in turns
        if turn.start < span.end and turn.end > span.start
    ]


def pauses(turns: Sequence[Span], span: Span) -> list[Span]:
    """The parts of `span` without speech, its silent beginning and end included."""
    gaps, at = [], span.start
    for turn in inside(turns, span):
        if turn.start > at:
            gaps.append(Span(at, turn.start))
        at = turn.end
    if span.end > at:
        gaps.append(Span(at, span.end))
    return gaps


def speech_share(turns: Sequence[Span], span: Span) -> float:
    """Share of `span` that is speech, in [0, 1]."""
    spoken = sum(turn.end - turn.start for turn in inside(turns, span))
    return spoken / (span.end - span.start) if span.end > span.start else 0.0


def split_at_pauses(span: Span, turns: Sequence[Span], pause: int) -> list[Span]:
    """Cut out silence of at least `pause` ticks, leaving half a pause on each side of speech.

    A span without any speech stays whole: it is measured, and selection drops it.
    """
    spoken = inside(turns, span)
    if not spoken:
        return [span]
    pieces: list[Span] = []
    keep = pause // 2
    start = span.start
    for gap in pauses(turns, span):
        if gap.end - gap.start < pause:
            continue
        if gap.start > span.start:
            pieces.append(Span(start, gap.start + keep))
        start = gap.end - keep
    if spoken[-1].end > start:
        pieces.append(Span(start, span.end))
    return pieces


def limit_length(span: Span, turns: Sequence[Span], longest: int) -> list[Span]:
    """Split a span longer than `longest`: in the middle of the longest pause of the allowed second half."""
    pieces = []
    while span.end - span.start > longest:
        window = Span(span.start + longest // 2, span.start + longest)
        gaps = pauses(turns, window)
        best = max(gaps, key=lambda gap: (gap.end - gap.start, -gap.start), default=None)
        at = (best.start + best.end) // 2 if best else window.end
        pieces.append(Span(span.start, at))
        span = Span(at, span.end)
    return [*pieces, span]

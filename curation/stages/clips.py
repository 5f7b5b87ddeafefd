"""Candidate clips: spans of one face in one shot cut at pauses, or the spans that a dataset gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from curation.stage import Drop, Fail, SourceWork, Stage
from curation.stages.clip_rows import SPEECH_RATE, SourceTables, Track, clip_row
from curation.stages.quality_columns import quality_columns
from curation.stages.spans import Span, limit_length, split_at_pauses

# A face (or None), the span's first frame, the first one after it, and what a dataset says of it (or None).
Candidate = tuple[Track | None, int, int, dict[str, Any] | None]


@dataclass(frozen=True)
class Clips(Stage):
    """Makes candidate clips from tables alone; it discards nothing.

    Args:
        spans: `measured` finds spans of one face; `given` takes those of the dataset's labels (the whole source where
            a label has none), and measures where there is no label.
        pause_seconds: silence of at least this length splits a span; shorter pauses do not.
        max_seconds: a longer span is split at its longest pause in reach.
        min_face: px; smaller faces do not count as another face in the picture.
    """

    name: ClassVar[str] = "clips"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("probe", "shots", "faces", "quality", "labels", "speech", "sound")

    spans: Literal["measured", "given"] = "measured"
    pause_seconds: Annotated[float, Field(gt=0)] = 1.0
    max_seconds: Annotated[float, Field(ge=0.1)] = 30.0
    min_face: Annotated[float, Field(ge=0)] = 64.0

    def run(self, work: SourceWork) -> Drop | Fail | None:
        """Write the `clips` table with every candidate, measured and undecided."""
        from manifests.schema import table_from_rows

        tables = SourceTables(work)
        labels = work.tables["labels"].to_pylist()
        found = self._given if self.spans == "given" and labels else self._measured
        rows = [
            clip_row(tables, track, start, end, self.min_face, label) | quality_columns(tables, work, track, start, end)
            for track, start, end, label in found(tables, labels)
        ]
        work.add("clips", table_from_rows("clips", rows))
        return None if rows else Drop(("faces",))

    def _measured(self, tables: SourceTables, labels: list[dict[str, Any]]) -> Iterator[Candidate]:
        label = next((label for label in labels if label["start_pts"] is None), None)
        pause = round(self.pause_seconds * tables.ticks_per_second)
        longest = round(self.max_seconds * tables.ticks_per_second)
        for track in tables.tracks:
            whole = Span(tables.tick(track.row["start_frame"]), tables.tick(track.row["end_frame"]))
            for piece in split_at_pauses(whole, tables.turns, pause):
                for span in limit_length(piece, tables.turns, longest):
                    start, end = tables.frames_in(span)
                    if end > start:
                        yield track, start, end, label

    def _given(self, tables: SourceTables, labels: list[dict[str, Any]]) -> Iterator[Candidate]:
        for label in labels:
            start, end = 0, len(tables.pts)
            if label["start_pts"] is not None:
                start, end = tables.frames_in(_span(label, tables))
            if end > start:
                track = longest_track(tables.tracks, start, end)
                yield track, start, end, label


def _span(label: dict[str, Any], tables: SourceTables) -> Span:
    """A label's span on the common clock; a frame belongs to it when it begins inside."""
    second = Fraction(label["time_base_num"], label["time_base_den"]) * SPEECH_RATE * tables.den
    start, end = (label[name] * second for name in ("start_pts", "end_pts"))
    return Span(-(-start.numerator // start.denominator), -(-end.numerator // end.denominator))


def longest_track(tracks: list[Track], start: int, end: int) -> Track | None:
    """The face that is seen in most of the frames [start, end), the larger one of two; None when there is none."""

    def seen(track: Track) -> tuple[int, float]:
        rows = track.inside(start, end)
        return rows.stop - rows.start, track.row["face_size"]

    best = max(tracks, key=seen, default=None)
    return best if best is not None and seen(best)[0] else None

"""Candidate clips: spans of one face in one shot, cut at pauses, with every column that selection needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curation.stage import Drop, Fail, SourceWork, Stage
from curation.stages.spans import Span, limit_length, pauses, speech_share, split_at_pauses

SPEECH_RATE = 16000
CROP_SCALE = 2.0  # the crop's side over the median face box's longer side: head, hair and chin fit


@dataclass(frozen=True)
class Clips(Stage):
    """Makes candidate clips from tables alone; it discards nothing.

    Args:
        pause_seconds: silence of at least this length splits a span; shorter pauses do not.
        max_seconds: a longer span is split at its longest pause in reach.
        min_face: px; smaller faces do not count as another face in the picture.
    """

    name: ClassVar[str] = "clips"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("probe", "shots", "faces", "speech")

    pause_seconds: float = 1.0
    max_seconds: float = 30.0
    min_face: float = 64.0

    def run(self, work: SourceWork) -> Drop | Fail | None:
        """Write the `clips` table with every candidate, measured and undecided."""
        from manifests.schema import table_from_rows

        tracks = [track for track in work.tables["tracks"].to_pylist() if track["confirmed"]]
        rows = [row for track in tracks for row in self._candidates(work, track, tracks)]
        work.add("clips", table_from_rows("clips", rows))
        return None if rows else Drop(("faces",))

    def _candidates(self, work: SourceWork, track: dict[str, Any], tracks: list[dict[str, Any]]) -> Iterator[Any]:
        seen = _Seen(work, track)
        whole = Span(int(seen.ticks[0]), seen.end_tick)
        pause = round(self.pause_seconds * seen.ticks_per_second)
        longest = round(self.max_seconds * seen.ticks_per_second)
        for piece in split_at_pauses(whole, seen.turns, pause):
            for span in limit_length(piece, seen.turns, longest):
                first, last = np.searchsorted(seen.ticks, span)
                if last > first:
                    yield self._row(work, track, tracks, seen, int(first), int(last))

    def _row(
        self,
        work: SourceWork,
        track: dict[str, Any],
        tracks: list[dict[str, Any]],
        seen: "_Seen",
        first: int,
        last: int,
    ) -> dict[str, Any]:
        """One candidate: rows [first, last) of the track's frames."""
        from manifests.schema import make_id

        start_frame, end_frame = int(seen.frames[first]), int(seen.frames[last - 1]) + 1
        start_pts = int(seen.pts[first])
        end_pts = int(seen.pts[last]) if last < len(seen.pts) else track["end_pts"]
        span = Span(seen.tick(start_pts), seen.tick(end_pts))
        boxes = seen.boxes[first:last]
        x0, y0, x1, y1 = crop_around(boxes, seen.width, seen.height)
        silent = max((gap.end - gap.start for gap in pauses(seen.turns, span)), default=0)
        return {
            "id": make_id("clip", work.id, track["id"], start_pts, end_pts),
            "source": work.id,
            "shot": track["shot"],
            "track": track["id"],
            "start_pts": start_pts,
            "end_pts": end_pts,
            "time_base_num": track["time_base_num"],
            "time_base_den": track["time_base_den"],
            "start_frame": start_frame,
            "end_frame": end_frame,
            "frames": end_frame - start_frame,
            "seconds": (end_pts - start_pts) * track["time_base_num"] / track["time_base_den"],
            "crop_x0": x0,
            "crop_y0": y0,
            "crop_x1": x1,
            "crop_y1": y1,
            "source_width": seen.width,
            "source_height": seen.height,
            "faces": faces_at_once(tracks, start_frame, end_frame, self.min_face, track["id"]),
            "face_size": float(np.median(np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]))),
            "face_share": (last - first) / (end_frame - start_frame),
            "speech_share": speech_share(seen.turns, span),
            "longest_pause": silent / seen.ticks_per_second,
            "recipe": "",
            "status": "kept",
            "reasons": [],
        }


class _Seen:
    """A track's frames and the source's speech on one integer clock.

    One tick is 1 / (16000 * time base's denominator) s, so frame times and speech samples are both whole.
    """

    def __init__(self, work: SourceWork, track: dict[str, Any]) -> None:
        import pyarrow.compute as pc

        table = work.tables["frames"]
        mine = table.filter(pc.equal(table.column("track"), track["id"]))
        self.frames = mine.column("frame").to_numpy()
        self.pts = mine.column("pts").to_numpy()
        self.boxes = np.stack([mine.column(name).to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)
        self._num, self._den = track["time_base_num"], track["time_base_den"]
        self.ticks_per_second = SPEECH_RATE * self._den
        self.ticks = self.pts * (self._num * SPEECH_RATE)
        self.end_tick = self.tick(track["end_pts"])
        speech = work.tables["speech"]
        starts = speech.column("start_pts").to_pylist()
        ends = speech.column("end_pts").to_pylist()
        self.turns = [Span(a * self._den, b * self._den) for a, b in zip(starts, ends, strict=True)]
        source = work.tables["sources"]
        self.width = source.column("width")[0].as_py()
        self.height = source.column("height")[0].as_py()

    def tick(self, pts: int) -> int:
        """A PTS of the video stream on the common clock."""
        return pts * self._num * SPEECH_RATE


def crop_around(boxes: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    """A square that holds the face over a whole clip, inside the picture.

    Args:
        boxes: [n, 4] x0, y0, x1, y1 in px of the displayed picture.
        width: of the displayed picture, px.
        height: likewise.

    Returns:
        x0, y0, x1, y1 in [0, 1] of width and height; square in pixels.
    """
    x0, y0 = boxes[:, :2].min(axis=0)
    x1, y1 = boxes[:, 2:].max(axis=0)
    face = float(np.median(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])))
    side = min(max(CROP_SCALE * face, float(x1 - x0), float(y1 - y0)), width, height)
    left = min(max((x0 + x1 - side) / 2, 0.0), width - side)
    top = min(max((y0 + y1 - side) / 2, 0.0), height - side)
    return left / width, top / height, (left + side) / width, (top + side) / height


def faces_at_once(
    tracks: list[dict[str, Any]], start: int, end: int, smallest: float, own: str, share: float = 0.05
) -> int:
    """How many faces are seen together for at least `share` of the frames [start, end).

    The clip's own face always counts; others count when their median size is at least `smallest` px.
    """
    counts = np.zeros(end - start, dtype=np.int64)
    for track in tracks:
        if track["id"] == own or track["face_size"] >= smallest:
            low, high = max(track["start_frame"], start), min(track["end_frame"], end)
            counts[low - start : max(high, low) - start] += 1
    enough = share * len(counts)
    return max((n for n in range(1, int(counts.max()) + 1) if (counts >= n).sum() >= enough), default=0)

"""A candidate clip's row: what the tables of a source say about a span of its frames."""

from typing import Any

import numpy as np

from curation.stage import SourceWork
from curation.stages.spans import Span, merged, pauses, speech_share

SPEECH_RATE = 16000
CROP_SCALE = 2.0  # the crop's side over the median face box's longer side: head, hair and chin fit
GIVEN = ("identity", "emotion", "compound", "intensity", "take", "view", "text")


class Track:
    """One confirmed face track and where its face is in each of its frames."""

    def __init__(self, row: dict[str, Any], frames: Any) -> None:
        self.row = row
        self.frames = frames.column("frame").to_numpy()
        self.boxes = np.stack([frames.column(name).to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)

    def inside(self, start: int, end: int) -> slice:
        """Its rows in the source's frames [start, end)."""
        first, last = np.searchsorted(self.frames, (start, end))
        return slice(int(first), int(last))


class SourceTables:
    """A source's frames, speech and tracks on one integer clock.

    One tick is 1 / (16000 * time base's denominator) s, so frame times and speech samples are both whole.
    """

    def __init__(self, work: SourceWork) -> None:
        import pyarrow.compute as pc

        (self.source,) = work.tables["sources"].to_pylist()
        self.num, self.den = self.source["time_base_num"], self.source["time_base_den"]
        self.width, self.height = self.source["width"], self.source["height"]
        self.pts = work.tables["timeline"].column("pts").combine_chunks().values.to_numpy()
        self.end_pts = self.source["end_pts"]
        self.ticks_per_second = SPEECH_RATE * self.den
        self.ticks = self.pts * (self.num * SPEECH_RATE)
        speech = work.tables["speech"].select(["start_pts", "end_pts"]).to_pylist()
        self.turns = merged(Span(turn["start_pts"] * self.den, turn["end_pts"] * self.den) for turn in speech)
        self.shots = work.tables["shots"].to_pylist()
        frames = work.tables["frames"].select(["track", "frame", "x0", "y0", "x1", "y1"])
        self.tracks = [
            Track(row, frames.filter(pc.equal(frames.column("track"), row["id"])))
            for row in work.tables["tracks"].to_pylist()
            if row["confirmed"]
        ]

    def tick(self, frame: int) -> int:
        """When a frame begins; the frame after the last one begins when that ends."""
        return int(self.ticks[frame]) if frame < len(self.ticks) else self.end_pts * self.num * SPEECH_RATE

    def pts_of(self, frame: int) -> int:
        """PTS of a frame, or the end of the last one."""
        return int(self.pts[frame]) if frame < len(self.pts) else self.end_pts

    def frames_in(self, span: Span) -> tuple[int, int]:
        """The frames that begin in a span of ticks: [start, end)."""
        start, end = np.searchsorted(self.ticks, span)
        return int(start), int(end)

    def shot_of(self, frame: int) -> dict[str, Any]:
        """The shot that a frame belongs to."""
        ends = [shot["end_frame"] for shot in self.shots]
        return self.shots[int(np.searchsorted(ends, frame, side="right"))]


def clip_row(
    tables: SourceTables, track: Track | None, start: int, end: int, smallest: float, label: dict[str, Any] | None
) -> dict[str, Any]:
    """The row of frames [start, end), all measured and undecided.

    Args:
        tables: of the source.
        track: the clip's face, or None when the span shows none.
        start: first frame.
        end: first frame after the clip.
        smallest: px; smaller faces do not count as another face.
        label: what a dataset says of the span, a row of `labels`, or None.
    """
    from manifests.schema import make_id

    start_pts, end_pts = tables.pts_of(start), tables.pts_of(end)
    span = Span(tables.tick(start), tables.tick(end))
    silent = max((gap.end - gap.start for gap in pauses(tables.turns, span)), default=0)
    shot = tables.shot_of(start)
    face = track.row["id"] if track else None
    row = {
        "id": make_id("clip", tables.source["id"], face or "no face", start_pts, end_pts, *_take(label)),
        "source": tables.source["id"],
        "shot": shot["id"],
        "track": face,
        "start_pts": start_pts,
        "end_pts": end_pts,
        "time_base_num": tables.num,
        "time_base_den": tables.den,
        "start_frame": start,
        "end_frame": end,
        "frames": end - start,
        "seconds": (end_pts - start_pts) * tables.num / tables.den,
        "source_width": tables.width,
        "source_height": tables.height,
        "faces": faces_at_once([other.row for other in tables.tracks], start, end, smallest, face),
        "cuts": sum(start < other["start_frame"] < end for other in tables.shots),
        "speech_share": speech_share(tables.turns, span),
        "longest_pause": silent / tables.ticks_per_second,
        "recipe": "",
        "status": "kept",
        "reasons": [],
    }
    return row | _face(tables, track, start, end) | _given(tables, label)


def _take(label: dict[str, Any] | None) -> tuple[int, ...]:
    """Two labels of one span are two clips."""
    return (label["index"],) if label is not None and label["start_pts"] is not None else ()


def _face(tables: SourceTables, track: Track | None, start: int, end: int) -> dict[str, Any]:
    rows = track.inside(start, end) if track else slice(0, 0)
    if track is None or rows.start == rows.stop:
        return {"face_share": 0.0}
    boxes = track.boxes[rows]
    x0, y0, x1, y1 = crop_around(boxes, tables.width, tables.height)
    return {
        "crop_x0": x0,
        "crop_y0": y0,
        "crop_x1": x1,
        "crop_y1": y1,
        "crop_from": "face",
        "face_size": float(np.median(np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]))),
        "face_share": len(boxes) / (end - start),
    }


def _given(tables: SourceTables, label: dict[str, Any] | None) -> dict[str, Any]:
    """What the dataset says, its crop in the place of the measured one."""
    if label is None:
        return {}
    given: dict[str, Any] = {f"given_{name}": label[name] for name in GIVEN}
    given["dataset"] = label["dataset"]
    return given | _given_crop(tables, label)


def _given_crop(tables: SourceTables, label: dict[str, Any]) -> dict[str, Any]:
    """The dataset's crop in the place of the measured one, when it fits into the picture.

    A crop made for a picture of another shape (HDTF tells only the height of the stream) keeps its place from the left.
    """
    made_for = (label["crop_width"], label["crop_height"])
    if label["crop_x0"] is None:
        return {}
    stretch = 1.0
    if made_for != (None, None):
        stretch = (made_for[0] / made_for[1]) / (tables.width / tables.height)
    x0, x1 = label["crop_x0"] * stretch, label["crop_x1"] * stretch
    if x1 > 1:
        return {}
    same = made_for in ((None, None), (tables.width, tables.height))
    return {
        "crop_x0": x0,
        "crop_y0": label["crop_y0"],
        "crop_x1": x1,
        "crop_y1": label["crop_y1"],
        "crop_from": "dataset" if same else "dataset_scaled",
    }


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
    tracks: list[dict[str, Any]], start: int, end: int, smallest: float, own: str | None, share: float = 0.05
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

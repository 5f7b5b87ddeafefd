"""The quality columns of a clip: what the tables `quality`, `sound`, `frames` and `sources` say of its span."""

from typing import Any

import numpy as np

from curation.stage import SourceWork
from curation.stages.clip_rows import SourceTables, Track
from curation.stages.spans import Span

MEDIANS = {  # column of clips -> column of quality
    "face_sharpness": "sharpness",
    "face_brightness": "brightness",
    "face_contrast": "contrast",
    "face_clipped": "clipped",
    "niqe": "niqe",
}
POSE = ("yaw", "pitch", "roll")
MOTION_SECONDS = 0.2  # over less, the box's own unrest would count as motion
OPINIONS = ("mos_sig", "mos_bak", "mos_ovr")


def quality_columns(
    tables: SourceTables, work: SourceWork, track: Track | None, start: int, end: int
) -> dict[str, Any]:
    """Measure frames [start, end) of a source.

    Args:
        tables: of the source.
        work: the source, with the tables `quality`, `sound` and `frames`.
        track: the clip's face, or None.
        start: first frame.
        end: first frame after the clip.

    Returns:
        A value or None for every column of `manifests.measures.MEASURES`.
    """
    first, last = tables.tick(start), tables.tick(end)
    name = track.row["id"] if track else None
    seen = work.tables["quality"]
    frames = seen.column("frame").to_numpy()
    low, high = np.searchsorted(frames, (start, end))
    return (
        source_columns(tables)
        | sample_columns(seen.slice(int(low), int(high - low)), name)
        | _pose(tables, work, track, start, end)
        | sound_columns(work.tables["sound"], Span(first // tables.den, last // tables.den))
    )


def source_columns(tables: SourceTables) -> dict[str, Any]:
    """What holds for the whole source."""
    ticks = tables.end_pts - tables.source["start_pts"]
    seconds = ticks * tables.num / tables.den
    rate = tables.source["bytes"] * 8 / 1000 / seconds if tables.source["bytes"] and seconds > 0 else None
    return {"short_side": float(min(tables.width, tables.height)), "video_kbps": rate}


def sample_columns(rows: Any, track: str | None) -> dict[str, Any]:
    """What the sampled frames of a clip show.

    Args:
        rows: its rows of `quality`.
        track: id of the clip's face, or None.
    """
    import pyarrow.compute as pc

    from perception import occlusion, overlay

    pictures = rows.filter(pc.is_null(rows.column("track")))
    faces = rows.filter(pc.equal(rows.column("track"), track)) if track else rows.slice(0, 0)
    shape = (-1, occlusion.SIDE, occlusion.SIDE, 3)
    bars = pictures.column("borders").to_pylist()
    hands = faces.column("hand").drop_null().to_pylist()
    return {
        **{name: _median(faces.column(column)) for name, column in MEDIANS.items()},
        "occlusion": occlusion.occlusion(_bytes(faces.column("warped")).reshape(shape)),
        "hands": float(np.mean(hands)) if hands else None,
        "text": overlay.text_share(_maps(pictures.column("text_map"))),
        "logo": overlay.logo_share(_maps(pictures.column("edge_map"))),
        "border": float(np.min(bars, axis=0).max()) if bars else None,
        "blockiness": _median(pictures.column("blockiness")),
        "noise": _median(pictures.column("noise")),
    }


def _median(column: Any) -> float | None:
    values = column.drop_null().to_numpy()
    return float(np.median(values)) if len(values) else None


def _bytes(column: Any) -> np.ndarray:
    return np.frombuffer(b"".join(column.drop_null().to_pylist()), np.uint8)


def _maps(column: Any) -> np.ndarray:
    from perception.overlay import GRID

    return _bytes(column).reshape(-1, GRID, GRID)


def _pose(tables: SourceTables, work: SourceWork, track: Track | None, start: int, end: int) -> dict[str, Any]:
    import pyarrow.compute as pc

    names = (*POSE, *(f"{axis}_range" for axis in POSE), "head_motion")
    rows = track.inside(start, end) if track else slice(0, 0)
    if track is None or rows.start == rows.stop:
        return dict.fromkeys(names)
    frames = work.tables["frames"]
    own = frames.filter(pc.equal(frames.column("track"), track.row["id"])).slice(rows.start, rows.stop - rows.start)
    found: dict[str, Any] = {}
    for axis in POSE:
        values = own.column(axis).drop_null().to_numpy()
        found[axis] = float(np.median(values)) if len(values) else None
        low, high = np.percentile(values, (5, 95)) if len(values) else (0.0, 0.0)
        found[f"{axis}_range"] = float(high - low) if len(values) else None
    found["head_motion"] = head_motion(
        track.boxes[rows], np.array([tables.tick(int(frame)) for frame in track.frames[rows]]) / tables.ticks_per_second
    )
    return found


def head_motion(boxes: np.ndarray, seconds: np.ndarray) -> float | None:
    """Return the median speed of a face in its own widths per second, over steps of about 0.2 s.

    Args:
        boxes: [n, 4] x0, y0, x1, y1 px.
        seconds: [n] when, rising.
    """
    later = np.searchsorted(seconds, seconds + MOTION_SECONDS)
    inside = later < len(seconds)
    now, then = np.arange(len(seconds))[inside], later[inside]
    if not len(now):
        return None
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    moved = np.linalg.norm((centres[then] - centres[now]).astype(np.float64), axis=1)
    width = float(np.median(boxes[:, 2] - boxes[:, 0]))
    return float(np.median(moved / (seconds[then] - seconds[now]))) / max(width, 1.0)


def sound_columns(sound: Any, span: Span) -> dict[str, Any]:
    """What the sound of a span says.

    Args:
        sound: the source's rows of `sound`.
        span: samples at 16 kHz.
    """
    from perception.loudness import integrated

    starts, ends = (sound.column(name).to_numpy() for name in ("start", "end"))
    steps = np.array([what == "step" for what in sound.column("what").to_pylist()], bool)
    middle = (starts + ends) // 2
    inside = steps & (middle >= span.start) & (middle < span.end)
    energy, clipped, samples, tones, whole = (
        sound.column(name).to_numpy(zero_copy_only=False)[inside]
        for name in ("energy", "clipped", "samples", "tones", "whole")
    )
    loud = integrated(energy, samples)
    total, heard = samples.sum(), whole.sum()
    found = dict.fromkeys(OPINIONS) if loud is None else _opinions(sound, ~steps, starts, ends, span)
    return found | {
        "loudness": loud,
        "audio_clipping": float(clipped.sum() / total) if total else None,
        "music_tones": float(tones.sum() / heard) if heard > 0 and loud is not None else None,
    }


def _opinions(
    sound: Any, windows: np.ndarray, starts: np.ndarray, ends: np.ndarray, span: Span
) -> dict[str, float | None]:
    """The mean of the windows inside the clip; where none is, of those that share most with it."""
    shared = np.where(windows, np.minimum(ends, span.end) - np.maximum(starts, span.start), 0)
    if not len(shared) or shared.max() <= 0:
        return dict.fromkeys(OPINIONS)
    chosen = (shared > 0) & (starts >= span.start) & (ends <= span.end)
    if not chosen.any():
        chosen = shared == shared.max()
    return {name: float(sound.column(name).to_numpy(zero_copy_only=False)[chosen].mean()) for name in OPINIONS}

"""What the tables hold of one clip: its row, its track, its frames, who speaks, and its sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import span
from curation.report.rows import frame_rows, one

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_TURNS: Final = 2_000  # of a clip that are drawn
_LONGEST: Final = 600.0  # s of sound that is listened to


@dataclass(frozen=True)
class Face:
    """The face at one moment.

    moment: s on the source's clock.
    points: [n, 2] landmarks in shares of the displayed picture's width and height; None where none was found near.
    """

    moment: Fraction
    points: np.ndarray | None


@dataclass(frozen=True)
class OneClip:
    """Everything about one clip; times are seconds after its first frame.

    Args:
        row: all columns of `clips`.
        source: of `sources`; None where the table lacks it.
        track: of `tracks`; None where the clip has none.
        length: s.
        seen: [n] s, frames of the track.
        yaw: [n] degree.
        mouth: [n] outer height of the lips over the distance of the eyes.
        judged: [m] s, frames of the track in `expressions`.
        emotions: [m, 8] the panel's probabilities.
        units: [m, 22] intensities of the action units, 0..5.
        turns: of speech: (start, end, speaker or None, model).
        faces: at moments that are spread over the clip.
    """

    row: Mapping[str, Any]
    source: Mapping[str, Any] | None
    track: Mapping[str, Any] | None
    length: float
    seen: np.ndarray
    yaw: np.ndarray
    mouth: np.ndarray
    judged: np.ndarray
    emotions: np.ndarray
    units: np.ndarray
    turns: list[tuple[float, float, str | None, str]]
    faces: list[Face]


def read(manifest: "Manifest", clip: str, faces: int) -> OneClip:
    """Return what a manifest holds of a clip; only its own rows are held in memory.

    Args:
        manifest: an opened one.
        clip: its id.
        faces: moments at which the face is wanted.

    Raises:
        manifests.errors.ManifestError: no such clip, or a damaged table.
    """
    from manifests.errors import ManifestError
    from manifests.text import printable

    row = one(manifest, "clips", clip)
    if row is None:
        raise ManifestError(f"The manifest has no clip {printable(clip)}: give an id of its table clips.")
    start, end = span(row)
    moments = [start + (end - start) * Fraction(2 * place + 1, 2 * faces) for place in range(faces)]
    seen, yaw, mouth, found = _frames(manifest, row, moments)
    judged, emotions, units = expressions(manifest, row)
    return OneClip(
        row=row,
        source=one(manifest, "sources", row["source"]),
        track=one(manifest, "tracks", row["track"]) if row["track"] else None,
        length=max(float(end - start), 1e-3),
        seen=seen,
        yaw=yaw,
        mouth=mouth,
        judged=judged,
        emotions=emotions,
        units=units,
        turns=_turns(manifest, row),
        faces=found,
    )


def _seconds(batch: pa.Table, row: Mapping[str, Any]) -> np.ndarray:
    ticks = batch.column("pts").to_numpy().astype(np.float64) - row["start_pts"]
    seconds: np.ndarray = ticks * row["time_base_num"] / row["time_base_den"]
    return seconds


def expressions(manifest: "Manifest", row: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return seconds [m], the panel's probabilities [m, 8] and action units [m, 22] of a clip; NaN where none is."""
    from manifests.emotions import EMOTIONS
    from perception.action_units import COUNT, intensities

    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    edges = (row["start_frame"], row["end_frame"])
    names = ("pts", "action_units", "emotions")
    for batch in frame_rows(manifest, "expressions", row["source"], row["track"] or "", edges, names):
        emotions = matrix(batch.column("emotions"), len(EMOTIONS)) / 65535
        parts.append((_seconds(batch, row), emotions, intensities(matrix(batch.column("action_units"), COUNT))))
    none = (np.zeros(0), np.zeros((0, len(EMOTIONS))), np.zeros((0, COUNT)))
    seconds, emotions, units = (np.concatenate(columns) for columns in zip(none, *parts, strict=True))
    return seconds, emotions, units


def matrix(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """A list column as [rows, width] float32, NaN for a row that is null or of another length."""
    lists = column.combine_chunks()
    found = np.full((len(lists), width), np.nan, np.float32)
    right = pc.equal(pc.list_value_length(lists), width).fill_null(False).to_numpy(zero_copy_only=False)
    items = lists.filter(pa.array(right)).flatten().to_numpy(zero_copy_only=False)
    found[right] = np.asarray(items, np.float32).reshape(-1, width)
    return found


def _frames(
    manifest: "Manifest", row: Mapping[str, Any], moments: Sequence[Fraction]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Face]]:
    """Seconds, turn to the side and opening of the mouth of each frame, and the faces nearest to some moments."""
    start = span(row)[0]
    wanted = np.array([float(moment - start) for moment in moments])
    near = [Face(moment, None) for moment in moments]
    away = np.full(len(moments), np.inf)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    edges = (row["start_frame"], row["end_frame"])
    names = ("pts", "yaw", "landmarks")
    for batch in frame_rows(manifest, "frames", row["source"], row["track"] or "", edges, names):
        seconds = _seconds(batch, row)
        places, points = _landmarks(batch.column("landmarks"), row)
        parts.append((seconds, _floats(batch.column("yaw")), _mouth(seconds, places, points)))
        for which, moment in enumerate(wanted):
            if not len(places):
                break
            nearest = int(np.abs(seconds[places] - moment).argmin())
            distance = abs(seconds[places[nearest]] - moment)
            if distance < away[which]:
                away[which] = distance
                size = np.array([row["source_width"], row["source_height"]])
                pts = batch.column("pts")[int(places[nearest])].as_py()
                base = Fraction(row["time_base_num"], row["time_base_den"])
                near[which] = Face(pts * base, points[nearest, :, :2] / size)
    none = (np.zeros(0), np.zeros(0), np.zeros(0))
    seconds, yaw, mouth = (np.concatenate(columns) for columns in zip(none, *parts, strict=True))
    once: dict[Fraction, Face] = {face.moment: face for face in near}
    return seconds, yaw, mouth, [once[moment] for moment in sorted(once)]


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _landmarks(column: pa.ChunkedArray, row: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rows with all points of the mesh, and their points [n, points, 3] in px."""
    from manifests.schema import landmark_pixels

    lists = column.combine_chunks()
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    sizes = [size for size in (478 * 3, 468 * 3) if (lengths == size).any()]
    if not sizes:
        return np.zeros(0, np.int64), np.zeros((0, 468, 3), np.float32)
    places = np.flatnonzero(lengths == sizes[0])
    items = lists.take(pa.array(places)).flatten().to_numpy(zero_copy_only=False)
    pixels = landmark_pixels(items, row["source_width"], row["source_height"])
    return places, pixels.reshape(len(places), -1, 3)


def _mouth(seconds: np.ndarray, places: np.ndarray, points: np.ndarray) -> np.ndarray:
    from perception.mouth import measure

    found = np.full(len(seconds), np.nan)
    if len(places):
        mouth = measure(seconds[places], points)
        found[places] = np.where(mouth.size > 1e-3, mouth.height / np.maximum(mouth.size, 1e-3), np.nan)
    return found


def _turns(manifest: "Manifest", row: Mapping[str, Any]) -> list[tuple[float, float, str | None, str]]:
    """Turns of speech in the clip, cut at its edges, by their start."""
    speech = manifest.table("speech", ["source", "start_pts", "end_pts", "time_base_num", "time_base_den", "speaker",
                                       "model"])  # fmt: skip
    mine = speech.filter(pc.equal(speech.column("source"), row["source"]))
    begin, end = span(row)
    found = []
    for turn in mine.to_pylist():
        first, last = span(turn)
        if first < end and last > begin:
            inside = float(max(first, begin) - begin), float(min(last, end) - begin)
            found.append((*inside, turn["speaker"], turn["model"]))
    return sorted(found, key=lambda turn: (turn[0], turn[1], turn[2] or ""))[:_TURNS]


def onsets(clip: OneClip, places: Sequence[tuple[Path, Fraction]]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return how much sound sets in every 10 ms of a clip: seconds [n] and strength [n]; None without sound.

    Args:
        clip: of at most 600 s; longer ones are not listened to.
        places: files that may hold its sound, each with the moment on its clock at which the clip begins, s.
    """
    from media.audio import RATE, source_sound, waveform
    from media.errors import MediaError
    from perception.flux import flux

    if clip.length > _LONGEST:
        return None
    for path, start in places:
        try:
            if source_sound(path) is None:
                continue
            wave = waveform(path, start, start + Fraction(clip.length), RATE)
        except (MediaError, OSError):
            continue
        if wave.any():
            found = flux([(0, wave)])
            return (np.arange(len(found.values)) + found.first) / 100, np.asarray(found.values, np.float64)
    return None

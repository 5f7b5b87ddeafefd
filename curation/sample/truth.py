"""What the sample's videos truly show: one row per video in `truth.parquet`."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.sample.expression import COMPOUNDS
from curation.sample.faces import PORTRAITS
from curation.sample.performance import LIP_RATE, Performance, Take

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "truth.parquet"
SCHEMA_VERSION = 2


def schema() -> "pa.Schema":
    """The columns of `truth.parquet`.

    file: name in the folder. kind: good | no_face | two_faces | silence | digital_silence | blur | short |
    duplicate | truncated.
    expected: kept | dropped | failed, what curation should make of it with the default recipe; reasons: codes that a
    drop must name. fps: mean frames per second (`variable`: unevenly spaced). frames: as rendered, before a truncated
    file was cut off. start_pts: time of the first frame in units of time_base seconds, before a file was cut
    off. cuts: first frames of new shots. shots: frames [start_frame, end_frame), who is seen (null: no one), one of
    the six emotions or neutral, or a compound (the other is null), how strongly (0..1; null: no one) and how many
    faces. speech: where utterances sound, samples [start_sample, end_sample) at 16 kHz on the clock of the video's
    presentation times. audio_offset_ms: how much later the sound comes than the lips. counter: a frame counter is
    burnt in. text: what is said, a line each.
    """
    import pyarrow as pa

    i64, text = pa.int64(), pa.string()
    shot = [("start_frame", i64), ("end_frame", i64), ("identity", text), ("emotion", text), ("compound", text),
            ("strength", pa.float64()), ("faces", pa.int16())]  # fmt: skip
    return pa.schema(
        [
            ("file", text), ("kind", text), ("expected", text), ("reasons", pa.list_(text)),
            ("fps_num", i64), ("fps_den", i64), ("variable", pa.bool_()), ("frames", i64),
            ("width", pa.int32()), ("height", pa.int32()),
            ("start_pts", i64), ("time_base_num", i64), ("time_base_den", i64),
            ("cuts", pa.list_(i64)), ("shots", pa.list_(pa.struct(shot))),
            ("speech", pa.list_(pa.struct([("start_sample", i64), ("end_sample", i64)]))),
            ("audio_offset_ms", pa.int32()), ("counter", pa.bool_()), ("text", text), ("schema_version", pa.int16()),
        ]
    )  # fmt: skip


def row(performance: Performance, counter: bool, start: tuple[int, Fraction]) -> dict[str, Any]:
    """The truth about one video.

    Args:
        performance: the video before it was drawn.
        counter: whether a frame counter is burnt in.
        start: time of the file's first frame and the unit that it is told in.
    """
    scene = performance.scene
    first = round(start[0] * start[1] * LIP_RATE)
    return {
        "file": scene.name,
        "kind": scene.kind,
        "expected": scene.expected,
        "reasons": list(scene.reasons),
        "fps_num": scene.fps.numerator,
        "fps_den": scene.fps.denominator,
        "variable": scene.variable,
        "frames": performance.frames,
        "width": scene.size[0],
        "height": scene.size[1],
        "start_pts": start[0],
        "time_base_num": start[1].numerator,
        "time_base_den": start[1].denominator,
        "cuts": [take.start_frame for take in performance.takes[1:]],
        "shots": [_shot(take) for take in performance.takes],
        "speech": [{"start_sample": a + first, "end_sample": b + first} for a, b in performance.heard()],
        "audio_offset_ms": scene.audio_offset_ms,
        "counter": counter,
        "text": "\n".join(line.text for shot in scene.shots for line in shot.lines),
        "schema_version": SCHEMA_VERSION,
    }


def _shot(take: Take) -> dict[str, Any]:
    shot = take.shot
    seen = shot.subject in PORTRAITS
    compound = shot.emotion if shot.emotion in COMPOUNDS else None
    return {
        "start_frame": take.start_frame,
        "end_frame": take.end_frame,
        "identity": shot.subject if seen else None,
        "emotion": shot.emotion if seen and compound is None else None,
        "compound": compound,
        "strength": shot.strength if seen else None,
        "faces": int(seen) + int(shot.listener is not None),
    }


def write_truth(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write `truth.parquet` aside and put it in place."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, aside = folder / FILE, folder / f".{FILE}.part"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema()), aside)
    aside.replace(path)
    return path


def read_truth(folder: Path) -> "pa.Table":
    """Read `truth.parquet` of a rendered sample."""
    import pyarrow.parquet as pq

    return pq.read_table(folder / FILE, schema=schema())

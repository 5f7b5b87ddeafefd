"""The face of a clip in every frame: the rows of `frames` that lie in the clip, with their place in it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.schema import schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest

OWN: Final = tuple(name for name in schema("frames").names if name not in ("source", "track", "schema_version"))
FRAMES: Final = pa.schema(
    [
        pa.field("clip", pa.string()),
        pa.field("source", pa.string()),
        pa.field("track", pa.string()),
        pa.field("index", pa.int64()),
        pa.field("time", pa.float64()),
        *(schema("frames").field(name) for name in OWN),
    ]
)
ABOUT: Final = {
    "clip": "id of the clip",
    "source": "id of the source",
    "track": "id of the face track",
    "index": "frame of the clip, from 0, counted in the source's own frames",
    "time": "s from the clip's start",
}
_SPAN: Final = ("id", "source", "track", "start_frame", "end_frame", "start_pts", "time_base_num", "time_base_den")
# MediaPipe's order of the 52 weights in `blendshapes`; the names are those of Apple's ARKit.
_ARKIT: Final = """
    _neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
    eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
    jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight
    mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
    mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
    mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight
"""
BLENDSHAPES: Final = tuple(_ARKIT.split())


def clip_frames(manifest: "Manifest", clips: pa.Table) -> Iterator[pa.Table]:
    """Yield the frames of each clip as `FRAMES`, by source and clip; clips without a face track have none.

    Args:
        manifest: holds the frames of each source in a file of its own, read once here.
        clips: rows of `clips`.
    """
    order = [("source", "ascending"), ("id", "ascending")]
    rows = clips.select(list(_SPAN)).take(pc.sort_indices(clips, sort_keys=order)).to_pylist()
    held, frames = "", pa.table({})
    for row in rows:
        if row["track"] is None:
            continue
        if row["source"] != held:
            held, frames = row["source"], manifest.frames_table(row["source"])
        found = _inside(frames, row)
        if found.num_rows:
            yield found


def _inside(frames: pa.Table, clip: dict[str, str | int]) -> pa.Table:
    number = frames.column("frame")
    inside = pc.and_(pc.greater_equal(number, clip["start_frame"]), pc.less(number, clip["end_frame"]))
    rows = frames.filter(pc.and_(pc.equal(frames.column("track"), clip["track"]), inside))
    rows = rows.take(pc.sort_indices(rows, sort_keys=[("frame", "ascending")]))
    ticks = rows.column("pts").to_numpy() - clip["start_pts"]
    columns: dict[str, object] = {
        "clip": pa.array([clip["id"]] * rows.num_rows, pa.string()),
        "source": rows.column("source"),
        "track": rows.column("track"),
        "index": pc.subtract(rows.column("frame"), clip["start_frame"]),
        "time": np.asarray(ticks * float(clip["time_base_num"]) / float(clip["time_base_den"]), np.float64),
    }
    columns |= {name: rows.column(name) for name in OWN}
    return pa.table(columns, schema=FRAMES)

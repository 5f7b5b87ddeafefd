"""The face of a clip in every frame: the rows of `frames` in the clip, what the face says, and their place in it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.schema import schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest

OWN: Final = tuple(name for name in schema("frames").names if name not in ("source", "track", "schema_version"))
SAYS: Final = ("action_units", "emotions")  # of `expressions`, joined by track and frame; null where it has no row
FRAMES: Final = pa.schema(
    [
        pa.field("clip", pa.string()),
        pa.field("source", pa.string()),
        pa.field("track", pa.string()),
        pa.field("index", pa.int64()),
        pa.field("time", pa.float64()),
        *(schema("frames").field(name) for name in OWN),
        *(schema("expressions").field(name).with_nullable(True) for name in SAYS),
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


def clip_frames(manifest: "Manifest", clips: pa.Table) -> Iterator[pa.Table]:
    """Yield the frames of each clip as `FRAMES`, by source and clip; clips without a face track have none.

    Args:
        manifest: holds the frames and expressions of each source in files of their own, read once here.
        clips: rows of `clips`.
    """
    order = [("source", "ascending"), ("id", "ascending")]
    rows = clips.select(list(_SPAN)).take(pc.sort_indices(clips, sort_keys=order)).to_pylist()
    held, frames, faces = "", pa.table({}), pa.table({})
    for row in rows:
        if row["track"] is None:
            continue
        if row["source"] != held:
            held, frames = row["source"], manifest.frames_table(row["source"])
            faces = manifest.expressions_table(row["source"], ["track", "frame", *SAYS])
        found = _inside(frames, faces, row)
        if found.num_rows:
            yield found


def _of_clip(rows: pa.Table, clip: dict[str, str | int]) -> pa.Table:
    number = rows.column("frame")
    inside = pc.and_(pc.greater_equal(number, clip["start_frame"]), pc.less(number, clip["end_frame"]))
    return rows.filter(pc.and_(pc.equal(rows.column("track"), clip["track"]), inside))


def _inside(frames: pa.Table, faces: pa.Table, clip: dict[str, str | int]) -> pa.Table:
    rows = _of_clip(frames, clip)
    rows = rows.take(pc.sort_indices(rows, sort_keys=[("frame", "ascending")]))
    said = _of_clip(faces, clip)
    where = pc.index_in(rows.column("frame").combine_chunks(), value_set=said.column("frame").combine_chunks())
    ticks = rows.column("pts").to_numpy() - clip["start_pts"]
    columns: dict[str, object] = {
        "clip": pa.array([clip["id"]] * rows.num_rows, pa.string()),
        "source": rows.column("source"),
        "track": rows.column("track"),
        "index": pc.subtract(rows.column("frame"), clip["start_frame"]),
        "time": np.asarray(ticks * float(clip["time_base_num"]) / float(clip["time_base_den"]), np.float64),
    }
    columns |= {name: rows.column(name) for name in OWN}
    columns |= {name: said.column(name).take(where) for name in SAYS}
    return pa.table(columns, schema=FRAMES)

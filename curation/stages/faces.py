"""Face tracks on the shared decode: boxes, landmarks, blendshapes and pose of every frame of every track."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from curation.stage import FrameConsumer, PixelStage, Resources, SourceWork, Tables

LONG_SIDE = 1920  # larger pictures are scaled to this for the models; boxes and landmarks stay in source pixels


@dataclass(frozen=True)
class Faces(PixelStage):
    """Follows every face: detector on some frames, landmarks on each, tracks broken at shots.

    Args:
        detect_every: the detector runs on every n-th frame, and at once at a new shot or when a face was lost.
        max_faces: landmarks are found for the n largest faces of a frame.
        bridge_seconds: a face missing for longer ends its track.
    """

    name: ClassVar[str] = "faces"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("shots",)
    resources: ClassVar[Resources] = Resources(cpus=1.0, memory=2 << 30)

    detect_every: Annotated[int, Field(ge=1)] = 5
    max_faces: Annotated[int, Field(ge=1)] = 4
    bridge_seconds: Annotated[float, Field(ge=0, le=10)] = 0.5

    def models(self) -> tuple[str, ...]:
        """The detectors' weights, and those of the landmark model that this machine has."""
        from perception.faces import MODELS
        from perception.landmarks import BUNDLE, MESH
        from perception.weights import available, entry

        names = [*MODELS.values(), BUNDLE if available(BUNDLE) else MESH]
        return tuple(f"{name}@{entry(name).sha256}" for name in names)

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A tracker with fresh state on the process's shared models."""
        return _Tracks(self, work)

    def replay(self, work: SourceWork) -> FrameConsumer:
        """Fills frames with the faces that are stored, when only a later stage looks at the pictures again."""
        return _Replay(work)


@cache
def _models() -> tuple[Any, Any, Any]:
    """Detectors and landmarker, loaded once per process."""
    from perception.faces import FaceDetector
    from perception.landmarks import FaceLandmarker

    return FaceDetector.load("full"), FaceDetector.load("short"), FaceLandmarker.load()


class _Tracks:
    def __init__(self, stage: Faces, work: SourceWork) -> None:
        self.stage = stage
        self.work = work
        self.tracker: Any = None
        self.shot: int | None = None
        self.scale = 1.0
        self.size = (0, 0)
        self.tracks: list[dict[str, Any]] = []
        self.frames: list[Any] = []
        self.after: dict[int, int] = {}  # a track's last PTS -> the PTS of the frame after it
        self.last_pts: int | None = None

    def see(self, frame: Any) -> None:
        if self.tracker is None:
            self._start(frame)
        if self.last_pts is not None:
            self.after[self.last_pts] = frame.pts
        self.last_pts = frame.pts
        new_shot = frame.shot is not None and self.shot is not None and frame.shot != self.shot
        self.shot = frame.shot
        frame.faces = self.tracker.see(frame.index, frame.pts, frame.scaled(LONG_SIDE), new_shot)
        if new_shot:  # what ended is stored now, so memory holds one shot's landmarks, not all
            self._store(self.tracker.drain([]))

    def _start(self, frame: Any) -> None:
        from perception.tracks import FaceTracker, TrackerConfig

        detector, second, landmarker = _models()
        stage = self.stage
        config = TrackerConfig(
            detect_every=stage.detect_every, max_faces=stage.max_faces, bridge_seconds=stage.bridge_seconds
        )
        self.tracker = FaceTracker(detector, landmarker, frame.time_base, config, second_detector=second)
        self.size = (frame.width, frame.height)
        self.scale = max(1.0, max(self.size) / LONG_SIDE)
        self.time_base = frame.time_base

    def finish(self, report: Any) -> Tables:
        import pyarrow as pa

        from manifests.schema import empty, table_from_rows

        shots = self.work.tables["shots"].to_pylist()
        if self.tracker is not None:
            self._store(self.tracker.finish([shot["start_frame"] for shot in shots[1:]]))
        self._place(shots, report.end_pts)
        frames = pa.concat_tables(self.frames) if self.frames else empty("frames")
        return {"tracks": table_from_rows("tracks", self.tracks), "frames": frames}

    def _store(self, found: Sequence[Any]) -> None:
        from manifests.schema import make_id
        from perception.boxes import side

        _, _, landmarker = _models()
        for track in found:
            seen = track.observations
            name = make_id("track", self.work.id, seen[0].pts, len(self.tracks))
            states = [observation.state for observation in seen]
            self.tracks.append(
                {
                    "id": name,
                    "source": self.work.id,
                    "index": len(self.tracks),
                    "start_pts": seen[0].pts,
                    "time_base_num": self.time_base.numerator,
                    "time_base_den": self.time_base.denominator,
                    "start_frame": seen[0].frame,
                    "end_frame": seen[-1].frame + 1,
                    "frames": len(seen),
                    "detected": states.count("detected"),
                    "meshed": states.count("meshed"),
                    "tracked": states.count("tracked"),
                    "confirmed": track.confirmed,
                    "face": track.face,
                    "face_size": float(np.median([side(observation.box) for observation in seen])) * self.scale,
                    "score": float(np.mean([observation.score for observation in seen])),
                    "landmarks_model": landmarker.name,
                    "last_pts": seen[-1].pts,
                }
            )
            self.frames.append(self._frames(name, seen))

    def _frames(self, track: str, seen: Sequence[Any]) -> Any:
        import pyarrow as pa

        from manifests.schema import landmark_units, list_column, table_from_columns

        meshed = np.array([observation.mesh is not None for observation in seen])
        boxes = np.array([observation.box for observation in seen], np.float32) * self.scale
        meshes = [observation.mesh for observation in seen if observation.mesh is not None]
        units = [landmark_units(mesh.points * self.scale, *self.size) for mesh in meshes]
        shapes = [mesh.blendshapes for mesh in meshes if mesh.blendshapes is not None]
        has_shapes = meshed if len(shapes) == len(meshes) and meshes else np.zeros(len(seen), bool)
        pose = {axis: [getattr(o.mesh, axis) if o.mesh else None for o in seen] for axis in ("yaw", "pitch", "roll")}
        return table_from_columns(
            "frames",
            {
                "source": [self.work.id] * len(seen),
                "track": [track] * len(seen),
                "frame": [observation.frame for observation in seen],
                "pts": [observation.pts for observation in seen],
                "state": [observation.state for observation in seen],
                **{side: boxes[:, place] for place, side in enumerate(("x0", "y0", "x1", "y1"))},
                "score": [observation.score for observation in seen],
                **pose,
                "landmarks": list_column(_spread(units, meshed, np.int16), meshed, pa.int16()),
                "blendshapes": list_column(
                    _spread([np.rint(s * 65535).astype(np.uint16) for s in shapes], has_shapes, np.uint16),
                    has_shapes,
                    pa.uint16(),
                ),
            },
        )

    def _place(self, shots: list[dict[str, Any]], end_pts: int) -> None:
        """Give each track its shot and its end: the time of the frame after its last."""
        ends = np.array([shot["end_frame"] for shot in shots])
        for track in self.tracks:
            shot = shots[int(np.searchsorted(ends, track["start_frame"], side="right"))]
            track["shot"] = shot["id"]
            track["end_pts"] = self._after(track.pop("last_pts"), track["end_frame"], shot, end_pts)

    def _after(self, last: int, end_frame: int, shot: dict[str, Any], end_pts: int) -> int:
        return self.after.get(last, end_pts) if end_frame < shot["end_frame"] else shot["end_pts"]


def _spread(rows: list[np.ndarray], valid: np.ndarray, kind: type) -> np.ndarray:
    """Rows of a matrix at the places where `valid` is true; the others are zero."""
    width = len(rows[0]) if rows else 0
    matrix: np.ndarray = np.zeros((len(valid), width), kind)
    if rows:
        matrix[valid] = rows
    return matrix


class _Replay:
    """Gives each frame the faces that the tracker saw in it, from the table; nothing is detected."""

    def __init__(self, work: SourceWork) -> None:
        import pyarrow.compute as pc

        frames = work.tables["frames"]
        seen = frames.filter(pc.not_equal(frames.column("state"), "tracked"))
        self.rows = seen.take(pc.sort_indices(seen, sort_keys=[("frame", "ascending")])).combine_chunks()
        self.numbers = self.rows.column("frame").to_numpy()
        tracks = work.tables["tracks"].select(["id", "face", "start_frame"]).to_pylist()
        self.faces = {track["id"]: track["face"] for track in tracks}
        self.began: dict[int, int] = {}
        for track in tracks:
            self.began[track["face"]] = min(track["start_frame"], self.began.get(track["face"], track["start_frame"]))

    def see(self, frame: Any) -> None:
        low, high = np.searchsorted(self.numbers, (frame.index, frame.index + 1))
        scale = max(1.0, max(frame.width, frame.height) / LONG_SIDE)
        rows = self.rows.slice(int(low), int(high - low)).to_pylist()
        faces = [self._observation(row, scale, frame.width, frame.height) for row in rows]
        frame.faces = tuple(sorted(faces, key=lambda face: (-_side(face), face.box)))

    def _observation(self, row: dict[str, Any], scale: float, width: int, height: int) -> Any:
        from perception.pieces import Observation

        mesh = None if row["landmarks"] is None else _mesh(row, scale, width, height)
        x0, y0, x1, y1 = (row[side] / scale for side in ("x0", "y0", "x1", "y1"))
        face = self.faces[row["track"]]
        box = (x0, y0, x1, y1)
        return Observation(row["frame"], row["pts"], row["state"], box, row["score"], mesh, face, self.began[face])

    def finish(self, report: Any) -> Tables:
        return {}


def _mesh(row: dict[str, Any], scale: float, width: int, height: int) -> Any:
    from manifests.schema import landmark_pixels
    from perception.landmarks import FaceMesh

    shapes = row["blendshapes"]
    return FaceMesh(
        points=landmark_pixels(row["landmarks"], width, height) / np.float32(scale),
        blendshapes=None if shapes is None else np.asarray(shapes, np.float32) / 65535,
        yaw=row["yaw"],
        pitch=row["pitch"],
        roll=row["roll"],
        presence=1.0,
    )


def _side(face: Any) -> float:
    from perception.boxes import side

    return side(face.box)

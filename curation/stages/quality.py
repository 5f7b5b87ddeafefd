"""Picture quality on the shared decode: what every n-th frame and each of its faces look like, as numbers and maps."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from curation.stage import FrameConsumer, PixelStage, SourceWork, Tables
from curation.stages.faces import LONG_SIDE

NIQE_SIDE = 384  # px around the face; four patches of 96 px
TRACED = 4  # a track's first frames may be found by looking back, when the sample has gone by


@dataclass(frozen=True)
class Quality(PixelStage):
    """Measures every n-th frame: sharpness, exposure, compression, noise, bars, text, still edges, the warped face.

    Args:
        every: n.
        max_faces: the n largest faces of a frame are measured.
    """

    name: ClassVar[str] = "quality"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("shots", "faces")

    every: int = 10
    max_faces: int = 2

    def models(self) -> tuple[str, ...]:
        """NIQE's model and the hand networks, where this machine has them."""
        return present("niqe", "palm-detection", "hand-landmark")

    def consumer(self, work: SourceWork) -> FrameConsumer:
        """A fresh consumer; it runs after the one that finds faces, or after its replay."""
        return _Samples(self, work)


def present(*names: str) -> tuple[str, ...]:
    """Those of the optional models that this machine has, with their hashes, for a stage's key."""
    from perception.weights import available, entry

    return tuple(f"{name}@{entry(name).sha256}" if available(name) else f"{name}@absent" for name in names)


@cache
def _niqe() -> Any:
    """NIQE, or None where its model is missing; the stage's key says which."""
    from perception.niqe import MODEL, Niqe
    from perception.weights import available

    return Niqe.load() if available(MODEL) else None


@cache
def _hands() -> Any:
    """The finder of hands, or None where one of its networks is missing."""
    from perception.hands import PALMS, POINTS, HandFinder
    from perception.weights import available

    return HandFinder.load() if available(PALMS) and available(POINTS) else None


class _Samples:
    def __init__(self, stage: Quality, work: SourceWork) -> None:
        self.stage = stage
        self.work = work
        self.rows: list[dict[str, Any]] = []
        self.faces: list[tuple[np.ndarray, dict[str, Any]]] = []  # box in source px, and its row
        self.edges: Any = None
        self.shot: int | None = None

    def see(self, frame: Any) -> None:
        if frame.index % self.stage.every:
            return
        from perception.overlay import StillEdges
        from perception.picture import luma

        if self.edges is None:
            self.edges = StillEdges()
        rgb = frame.scaled(LONG_SIDE)
        grey = luma(rgb)
        scale = max(1.0, max(frame.width, frame.height) / LONG_SIDE)
        place = {"source": self.work.id, "frame": frame.index, "pts": frame.pts}
        fresh, self.shot = frame.shot != self.shot, frame.shot
        self.rows.append(place | picture_row(grey, self.edges, fresh, scale))
        # frames that were traced back are seen in a replay and not at first: they take no other face's place
        faces = [seen for seen in frame.faces if frame.index >= seen.began + TRACED]
        for seen in faces[: self.stage.max_faces]:
            box = np.array(seen.box, np.float32).astype(np.float64)
            points = stored_points(seen, scale, frame.width, frame.height)
            self.faces.append((box * scale, place | face_row(rgb, grey, box, points, _niqe(), _hands())))

    def finish(self, report: Any) -> Tables:
        from manifests.schema import table_from_rows

        tracks = _Tracks(self.work)
        for box, row in self.faces:
            track = tracks.at(row["frame"], box)
            if track is not None:
                self.rows.append(row | {"track": track})
        rows = sorted(self.rows, key=lambda row: (row["frame"], row.get("track") or ""))
        return {"quality": table_from_rows("quality", rows)}


def picture_row(grey: np.ndarray, edges: Any, fresh: bool, scale: float = 1.0) -> dict[str, Any]:
    """What a whole picture shows, as columns of `quality`.

    Args:
        grey: luma [H, W] uint8, long side at most 1920 px.
        edges: the source's `StillEdges`.
        fresh: the picture is the first of its shot.
        scale: px of the source per px of `grey`.
    """
    from perception import overlay, picture

    small = overlay.small(grey)
    still = edges(small, fresh)
    bars = picture.borders(grey)
    return {
        "noise": picture.noise(grey),
        "blockiness": picture.blockiness(grey),
        "borders": [round(side * scale) for side in (bars.top, bars.bottom, bars.left, bars.right)],
        "text_map": overlay.text_map(small).tobytes(),
        "edge_map": None if still is None else still.tobytes(),
    }


def face_row(
    rgb: np.ndarray, grey: np.ndarray, box: np.ndarray, points: Any, niqe: Any, hands: Any = None
) -> dict[str, Any]:
    """What one face of a picture looks like, as columns of `quality`.

    Args:
        rgb: picture [H, W, 3] uint8.
        grey: its luma.
        box: [4] x0, y0, x1, y1 px.
        points: landmarks [n, 3] px, or None.
        niqe: the `Niqe` model, or None.
        hands: the `HandFinder`, or None.
    """
    from perception.occlusion import warped_face
    from perception.picture import judge_face

    seen = judge_face(grey, tuple(box.tolist()))
    warped = None if points is None else warped_face(rgb, points)
    around = _around(grey, box)
    return {
        "sharpness": seen and seen.sharpness,
        "brightness": seen and seen.brightness,
        "contrast": seen and seen.contrast,
        "clipped": seen and seen.clipped,
        "niqe": niqe(around) if niqe is not None else None,
        "hand": hands.near(rgb, tuple(box.tolist())) if hands is not None else None,
        "warped": None if warped is None else warped.tobytes(),
    }


def _around(grey: np.ndarray, box: np.ndarray) -> np.ndarray:
    """At most 384 x 384 px around a face, moved into the picture."""
    spans = []
    for low, high, length in ((box[1], box[3], grey.shape[0]), (box[0], box[2], grey.shape[1])):
        size = min(NIQE_SIDE, length)
        start = min(max(0, round((low + high - size) / 2)), length - size)
        spans.append(slice(start, start + size))
    return grey[spans[0], spans[1]]


def stored_points(seen: Any, scale: float, width: int, height: int) -> np.ndarray | None:
    """A face's landmarks as the `frames` table gives them back: the same when that is replayed."""
    from manifests.schema import landmark_pixels, landmark_units

    if seen.mesh is None:
        return None
    return landmark_pixels(landmark_units(seen.mesh.points * scale, width, height), width, height) / scale


class _Tracks:
    """Which track a face that was seen in a frame became."""

    def __init__(self, work: SourceWork) -> None:
        frames = work.tables["frames"]
        starts = {row["id"]: row["start_frame"] for row in work.tables["tracks"].to_pylist()}
        numbers = frames.column("frame").to_numpy()
        self.order = np.argsort(numbers, kind="stable")
        self.numbers = numbers[self.order]
        self.boxes = np.stack([frames.column(side).to_numpy() for side in ("x0", "y0", "x1", "y1")], axis=1)
        self.names = frames.column("track")
        self.starts = starts

    def at(self, frame: int, box: np.ndarray) -> str | None:
        """The track whose box lies there, or None where the face joined none in time."""
        low, high = np.searchsorted(self.numbers, (frame, frame + 1))
        rows = self.order[low:high]
        if not len(rows):
            return None
        away = np.abs(self.boxes[rows] - box).max(axis=1)
        best = int(np.argmin(away))
        name: str = self.names[int(rows[best])].as_py()
        near = away[best] <= 1.0 + 1e-3 * float(np.abs(box).max())
        return name if near and frame >= self.starts[name] + TRACED else None

"""The main face of a video: which one it is, where it was found, and its 68 landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmark.extract.extractor import Blank, Extractor, Shown, Watch
from benchmark.extract.models import lacking, shared

if TYPE_CHECKING:
    from perception.landmarks import FaceMesh
    from perception.pieces import FaceTrack, Observation

FRAME = 256  # px: landmarks are told as if every picture were so wide and high


@dataclass(frozen=True)
class MainFace:
    """The face that a video is about, in the frames in which its landmarks were found.

    frames: [m] int64, rising.
    numbers: [m] int64, the number under which the face was followed in each (`Observation.face`).
    meshes: [m] its landmarks.
    """

    frames: np.ndarray
    numbers: np.ndarray
    meshes: tuple[FaceMesh, ...]

    @property
    def points(self) -> np.ndarray:
        """[m, 468 or 478, 3] float32 px."""
        return np.stack([mesh.points for mesh in self.meshes]) if self.meshes else np.zeros((0, 478, 3), np.float32)

    def places(self) -> list[tuple[int, int]]:
        """(face number, frame) of each: what others keep of every face is found by it."""
        return list(zip(self.numbers.tolist(), self.frames.tolist(), strict=True))


class Faces(Extractor):
    """Follows every face and tells the main one: MediaPipe's detectors and landmarks on every frame."""

    name: ClassVar[str] = "faces"
    blank: ClassVar[Blank] = "faceless"

    def made_by(self) -> dict[str, str]:
        """`face` and `points68` come from the same landmarks."""
        from perception.landmarks import BUNDLE

        model, sha256 = landmark_model()
        name = self.named("mediapipe-mesh68" if model == BUNDLE else "mediapipe-mesh468-68", sha256)
        return {"face": name, "points68": name}

    def weights(self) -> tuple[str, ...]:
        """The detectors and the landmark model."""
        from perception.faces import MODELS
        from perception.weights import entry

        model, sha256 = landmark_model()
        return (*(f"{name}@{entry(name).sha256}" for name in MODELS.values()), f"{model}@{sha256}")

    def missing(self) -> str | None:
        """MediaPipe, its detectors, or both landmark models."""
        from perception.faces import MODELS
        from perception.landmarks import MESH

        model, _ = landmark_model()
        packages = ("mediapipe", "cv2", *(("ai_edge_litert",) if model == MESH else ()))
        return lacking((*MODELS.values(), model), packages, "curation")

    def sight(self, watch: Watch) -> _Faces:
        """A tracker with fresh state on the process's models."""
        return _Faces(watch)


def landmark_model() -> tuple[str, str]:
    """Name and sha256 of the landmark model that is used here: the one that `perception.landmarks` would open."""
    from perception.landmarks import BUNDLE, MESH
    from perception.weights import available, entry

    name = MESH if not available(BUNDLE) and available(MESH) else BUNDLE
    return name, entry(name).sha256


class _Faces:
    def __init__(self, watch: Watch) -> None:
        from perception.faces import FaceDetector
        from perception.landmarks import FaceLandmarker
        from perception.tracks import FaceTracker, TrackerConfig

        model, _ = landmark_model()
        self.watch = watch
        self.tracker = FaceTracker(
            shared("blazeface-full", lambda: FaceDetector.load("full")),
            shared(model, lambda: FaceLandmarker.load(model=model)),
            watch.time_base,
            TrackerConfig(trace_back=0),  # what is found by looking back comes too late for those that see the picture
            second_detector=shared("blazeface-short", lambda: FaceDetector.load("short")),
        )

    def see(self, frame: Shown) -> None:
        frame.faces = self.tracker.see(frame.index, frame.pts, frame.rgb, new_shot=False)

    def finish(self) -> dict[str, np.ndarray]:
        from perception.points68 import points68

        main = main_face(self.tracker.finish([]))
        self.watch.left[Faces.name] = main
        face = np.zeros(self.watch.frames, np.uint8)
        face[main.frames] = 1
        points = np.full((self.watch.frames, 68, 2), np.nan, np.float32)
        scale = np.array([FRAME / self.watch.width, FRAME / self.watch.height], np.float32)
        points[main.frames] = points68(main.points) * scale
        return {"face": face, "points68": points}


def main_face(tracks: Sequence[FaceTrack]) -> MainFace:
    """Choose the face that is seen most: landmarks in the most frames times its size, the earlier track if equal.

    A face that was lost for longer than a track bridges and is found again at its place goes on: of the tracks that do
    not overlap the chosen ones in time, those are joined whose first box continues the last one before, or whose last
    box the first one after.

    Args:
        tracks: of a video, by first frame; unconfirmed ones (no human faces) are left out.
    """
    left = [seen for seen in (_meshed(track) for track in tracks if track.confirmed) if seen]
    order = sorted(range(len(left)), key=lambda place: (-_weight(left[place]), place))
    chosen: list[list[Observation]] = []
    for place in order:
        if not chosen or _goes_on(chosen, left[place]):
            chosen.append(left[place])
    seen = sorted((observation for part in chosen for observation in part), key=lambda o: o.frame)
    return MainFace(
        np.array([o.frame for o in seen], np.int64),
        np.array([o.face for o in seen], np.int64),
        tuple(o.mesh for o in seen if o.mesh is not None),
    )


def _meshed(track: FaceTrack) -> list[Observation]:
    return [observation for observation in track.observations if observation.mesh is not None]


def _weight(seen: Sequence[Observation]) -> float:
    from perception.boxes import side

    return float(sum(side(observation.box) for observation in seen))


def _goes_on(chosen: Sequence[Sequence[Observation]], part: Sequence[Observation]) -> bool:
    """Whether a track lies between the chosen ones in time, and is where the nearest of them was or will be."""
    from perception.boxes import continues

    first, last = part[0].frame, part[-1].frame
    before = [seen for seen in chosen if seen[-1].frame < first]
    after = [seen for seen in chosen if seen[0].frame > last]
    if len(before) + len(after) < len(chosen):
        return False
    beside: list[tuple[int, Any, Any]] = []
    if before:
        nearest = max(before, key=lambda seen: seen[-1].frame)
        beside.append((first - nearest[-1].frame, nearest[-1].box, part[0].box))
    if after:
        nearest = min(after, key=lambda seen: seen[0].frame)
        beside.append((nearest[0].frame - last, part[-1].box, nearest[0].box))
    _, box, other = min(beside, key=lambda found: found[0])
    return continues(box, other)

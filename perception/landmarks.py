"""Landmarks, blendshapes and pose of the face in a given box, on any picture size."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from perception import weights
from perception.boxes import Box, box_of_mesh, continues
from perception.errors import PerceptionError
from perception.faces import close_task, picture, require_cpu, tasks
from perception.mesh import MeshNetwork
from perception.pose import pose_from_mesh, pose_from_rotation
from perception.quiet import native_logs_hidden

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)

BUNDLE, MESH = "face-landmarker", "face-mesh"
WIDE, TIGHT = 2.0, 1.5
LARGEST_CROP = 512
LEAST_PRESENCE = 0.5
BLENDSHAPES = 52


@dataclass(frozen=True)
class FaceMesh:
    """The landmarks of one face in one picture.

    points: [N, 3] float32; x and y in px of the whole picture, z in px (smaller is nearer to the viewer); N is 478 with
        the face-landmarker bundle (the last 10 are the irises), 468 with face-mesh; the order is MediaPipe's.
    blendshapes: [52] float32 in 0..1 in MediaPipe's order (ARKit's names, the first is `_neutral`), or None with
        face-mesh.
    yaw, pitch, roll: degrees; > 0: nose to the picture's right, face up, head turned counter-clockwise in the picture.
    presence: probability in 0..1 that this is a face; the bundle gives none beyond its yes, which is stored as 1.
    """

    points: np.ndarray
    blendshapes: np.ndarray | None
    yaw: float
    pitch: float
    roll: float
    presence: float


class _Backend(Protocol):
    def look(self, image: np.ndarray, box: Box, roll: float | None, scale: float) -> FaceMesh | None: ...
    def close(self) -> None: ...


class FaceLandmarker:
    """MediaPipe FaceLandmarker on a square crop around each box, or the 468-point mesh where its bundle is missing.

    Deterministic: every picture is taken on its own (IMAGE mode), one thread, and no state is kept between calls.
    `name` is the model in use ("face-landmarker" or "face-mesh"), `model_hashes` its sha256 by name.
    """

    def __init__(self, backend: _Backend, name: str) -> None:
        self._backend: _Backend | None = backend
        self.name = name
        self.points = 478 if name == BUNDLE else 468
        self.model_hashes = {name: weights.entry(name).sha256}

    @classmethod
    def load(cls, device: str = "cpu", model: str | None = None) -> FaceLandmarker:
        """Open the landmarker.

        Args:
            device: only "cpu".
            model: "face-landmarker" or "face-mesh"; None takes the first of them that is on this machine.

        Raises:
            PerceptionError: the model, mediapipe or LiteRT is missing; says how to get it.
        """
        require_cpu(device)
        if model is None:
            model = BUNDLE if weights.available(BUNDLE) else MESH
            if model == MESH:
                log.info("%s is not on this machine: landmarks come from %s, without blendshapes", BUNDLE, MESH)
        if model == BUNDLE:
            return cls(_Bundle(), model)
        if model == MESH:
            return cls(_Mesh(), model)
        raise PerceptionError(f"There is no landmark model {model!r}; use {BUNDLE!r} or {MESH!r}.")

    def __call__(
        self,
        images: Sequence[np.ndarray] | np.ndarray,
        boxes: Sequence[Box],
        rolls: Sequence[float | None] | None = None,
    ) -> list[FaceMesh | None]:
        """Find the landmarks of one face per picture.

        Args:
            images: RGB pictures [H, W, 3] uint8.
            boxes: one face box (x0, y0, x1, y1) in px per picture, roughly right (see `perception.boxes`).
            rolls: degrees by which each head is turned counter-clockwise in the picture, when known: face-mesh then
                needs one look instead of two at a tilted head. The bundle finds it by itself.

        Returns:
            For each picture the mesh of the face in its box, or None: no face there, or only its neighbour.

        Raises:
            PerceptionError: the landmarker is closed, or the lengths differ.
        """
        if self._backend is None:
            raise PerceptionError("The face landmarker is closed; load another one.")
        rolls = [None] * len(images) if rolls is None else rolls
        if not len(images) == len(boxes) == len(rolls):
            raise PerceptionError("Give one box (and one roll, if any) per picture.")
        return [self._one(*item) for item in zip(images, boxes, rolls, strict=True)]

    def _one(self, image: np.ndarray, box: Box, roll: float | None) -> FaceMesh | None:
        assert self._backend is not None
        if min(box[2] - box[0], box[3] - box[1]) < 1:
            return None
        mesh = self._backend.look(image, box, roll, WIDE)
        if mesh is not None and not continues(box, box_of_mesh(mesh.points)):
            mesh = self._backend.look(image, box, roll, TIGHT)  # the first look took a neighbour
        if mesh is None or not continues(box, box_of_mesh(mesh.points)):
            return None
        return mesh

    def close(self) -> None:
        """Free the native objects; closing twice is harmless."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def __enter__(self) -> FaceLandmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Bundle:
    """The FaceLandmarker task: its own short-range detector, 478 landmarks, blendshapes and pose matrix."""

    def __init__(self) -> None:
        path = weights.find(BUNDLE)
        base, vision = tasks()
        options = vision.FaceLandmarkerOptions(
            base_options=base(model_asset_path=str(path)),
            num_faces=1,
            min_face_detection_confidence=LEAST_PRESENCE,
            min_face_presence_confidence=LEAST_PRESENCE,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        with native_logs_hidden():
            self._task: Any = vision.FaceLandmarker.create_from_options(options)
            self._task.detect(picture(np.zeros((48, 64, 3), np.uint8)))
        self.close = weakref.finalize(self, close_task, self._task)

    def look(self, image: np.ndarray, box: Box, roll: float | None, scale: float) -> FaceMesh | None:
        crop, corner, factor = square_crop(image, box, scale)
        result = self._task.detect(picture(crop))
        if not result.face_landmarks:
            return None
        size = crop.shape[0] * factor
        found = np.array([(point.x, point.y, point.z) for point in result.face_landmarks[0]], np.float64)
        points = (found * size + (*corner, 0.0)).astype(np.float32)
        shapes = np.array([shape.score for shape in result.face_blendshapes[0]], np.float32)
        pose = pose_from_rotation(np.asarray(result.facial_transformation_matrixes[0])[:3, :3])
        return FaceMesh(points, shapes, *pose, presence=1.0)


class _Mesh:
    """The 468-point network; pose from its points; no blendshapes."""

    def __init__(self) -> None:
        self._network = MeshNetwork(weights.find(MESH))
        self.close = self._network.close

    def look(self, image: np.ndarray, box: Box, roll: float | None, scale: float) -> FaceMesh | None:
        if scale != WIDE:
            return None  # its crop is tight from the start
        points, presence = self._network(image, box, roll)
        if presence < LEAST_PRESENCE:
            return None
        return FaceMesh(points, None, *pose_from_mesh(points), presence=presence)


def square_crop(image: np.ndarray, box: Box, scale: float) -> tuple[np.ndarray, tuple[int, int], float]:
    """Cut the square of `scale` times the box's side around its centre, black beyond the picture's edge.

    Returns:
        The crop [S, S, 3] uint8 with S <= 512 (larger ones are scaled down); the (x, y) px of its corner in the
        picture; and the picture's px per px of the crop.
    """
    import cv2

    wanted = max(8, round(scale * max(box[2] - box[0], box[3] - box[1])))
    x = round((box[0] + box[2] - wanted) / 2)
    y = round((box[1] + box[3] - wanted) / 2)
    height, width = image.shape[:2]
    inside = image[max(y, 0) : max(min(y + wanted, height), 0), max(x, 0) : max(min(x + wanted, width), 0)]
    if not inside.size:
        return np.zeros((8, 8, 3), np.uint8), (x, y), wanted / 8
    borders = (max(-y, 0), max(y + wanted - height, 0), max(-x, 0), max(x + wanted - width, 0))
    if any(borders):
        inside = cv2.copyMakeBorder(inside, *borders, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    if wanted > LARGEST_CROP:  # area averaging is slow, and needed only against aliasing
        how = cv2.INTER_AREA if wanted >= 2 * LARGEST_CROP else cv2.INTER_LINEAR
        inside = cv2.resize(inside, (LARGEST_CROP, LARGEST_CROP), interpolation=how)
    return inside, (x, y), wanted / inside.shape[0]

"""Finds faces in pictures: BlazeFace full and short range through MediaPipe's task API."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perception import weights
from perception.errors import PerceptionError
from perception.quiet import native_logs_hidden

if TYPE_CHECKING:
    from types import TracebackType

MODELS = {"full": "blazeface-full", "short": "blazeface-short"}
KEYPOINTS = ("right eye", "left eye", "nose tip", "mouth centre", "right ear", "left ear")


@dataclass(frozen=True)
class Face:
    """One detected face.

    box: (x0, y0, x1, y1) in px of the picture, x1 and y1 exclusive; square, from brows to chin and ear to ear; it may
        reach over the picture's edge.
    score: the detector's confidence in 0..1.
    keypoints: [6, 2] float32 px, in the order of `KEYPOINTS`; right and left are the person's own.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: np.ndarray


class FaceDetector:
    """BlazeFace (Bazarevsky et al., 2019) in one of its two ranges; close it, or use it in a `with` block.

    The full range sees faces down to about 1/40 of the picture's long side; the short range wants a face of about
    1/8 or more. Same picture in, same faces out: every picture is taken on its own (IMAGE mode), on one thread.
    """

    def __init__(self, task: Any, name: str, sha256: str) -> None:
        self._task: Any | None = task
        self._close = weakref.finalize(self, close_task, task)
        self.name = name
        self.model_hashes = {name: sha256}

    @classmethod
    def load(cls, range_: str = "full", device: str = "cpu", score: float = 0.5, overlap: float = 0.3) -> FaceDetector:
        """Open the detector.

        Args:
            range_: "full" or "short".
            device: only "cpu".
            score: least confidence of a face, 0..1.
            overlap: faces that overlap by more than this share (IoU) are one face.

        Raises:
            PerceptionError: the range or device is unknown, or the model or mediapipe is missing.
        """
        if range_ not in MODELS:
            raise PerceptionError(f"There is no face detector for the range {range_!r}; use 'full' or 'short'.")
        require_cpu(device)
        name = MODELS[range_]
        path = weights.find(name)
        base, vision = tasks()
        options = vision.FaceDetectorOptions(
            base_options=base(model_asset_path=str(path)),
            min_detection_confidence=score,
            min_suppression_threshold=overlap,
        )
        with native_logs_hidden():
            task = vision.FaceDetector.create_from_options(options)
            detector = cls(task, name, weights.entry(name).sha256)
            detector(np.zeros((1, 48, 64, 3), np.uint8))  # the first inference is the one that talks
        return detector

    def __call__(self, images: Sequence[np.ndarray] | np.ndarray) -> list[tuple[Face, ...]]:
        """Find the faces of each picture.

        Args:
            images: RGB pictures [H, W, 3] uint8, of any sizes.

        Returns:
            For each picture its faces, the most confident first.

        Raises:
            PerceptionError: a picture is not RGB uint8, or the detector is closed.
        """
        if self._task is None:
            raise PerceptionError("The face detector is closed; load another one.")
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> tuple[Face, ...]:
        assert self._task is not None
        result = self._task.detect(picture(image))
        size = np.array([image.shape[1], image.shape[0]], np.float32)
        faces = []
        for found in result.detections:
            box = found.bounding_box
            x, y, w, h = box.origin_x, box.origin_y, box.width, box.height
            points = np.array([(point.x, point.y) for point in found.keypoints], np.float32) * size
            faces.append(Face((float(x), float(y), float(x + w), float(y + h)), found.categories[0].score, points))
        return tuple(sorted(faces, key=lambda face: (-face.score, face.box)))

    def close(self) -> None:
        """Free the native detector; closing twice is harmless."""
        self._task = None
        self._close()

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tasks() -> tuple[Any, Any]:
    """Return MediaPipe's `BaseOptions` and `vision`; raises PerceptionError when they cannot be imported."""
    with native_logs_hidden():
        try:
            from mediapipe.tasks.python import BaseOptions, vision
        except (ImportError, OSError) as error:  # OSError: libEGL or libGLESv2 is missing
            raise PerceptionError(
                f"MediaPipe cannot be loaded ({error}); run `pip install 'moee[curation]'` and, on Debian or Ubuntu, "
                "`apt-get install libegl1 libgles2`."
            ) from error
    return BaseOptions, vision


def close_task(task: Any) -> None:
    """Close a MediaPipe task, without its farewell on the terminal."""
    with native_logs_hidden():
        try:
            task.close()
        except RuntimeError:  # Python is ending and its threads are gone: the process takes the rest with it
            task._handle = None  # or its own __del__ would fail, noisily


def picture(image: np.ndarray) -> Any:
    """Wrap an RGB picture [H, W, 3] uint8 for MediaPipe; raises PerceptionError when it is something else."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise PerceptionError(f"A picture must be [H, W, 3] uint8 RGB, not {image.dtype} {list(image.shape)}.")
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))


def require_cpu(device: str) -> None:
    """Raise PerceptionError unless `device` is "cpu": MediaPipe and LiteRT run on the CPU here."""
    if device != "cpu":
        raise PerceptionError(f"Faces and landmarks run on the CPU, not on {device!r}; use device='cpu'.")

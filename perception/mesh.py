"""The 468-point face mesh network through LiteRT, for machines without the FaceLandmarker bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from perception.errors import PerceptionError
from perception.quiet import native_logs_hidden

SIDE = 192
POINTS = 468
REGION = 1.5
RIGHT_EYE, LEFT_EYE = 33, 263
TURNED = 10.0


class MeshNetwork:
    """MediaPipe's face mesh (Kartynnik et al., 2019): 468 points of one face from a crop of 192 x 192 px."""

    def __init__(self, path: Path) -> None:
        """Open the network on one thread; raises PerceptionError when LiteRT is missing."""
        with native_logs_hidden():
            try:
                from ai_edge_litert.interpreter import Interpreter
            except ImportError as error:
                raise PerceptionError(
                    f"LiteRT cannot be loaded ({error}); run `pip install 'moee[curation]'`."
                ) from error
            self._network: Any = Interpreter(str(path), num_threads=1)
            self._network.allocate_tensors()
            self._input = self._network.get_input_details()[0]["index"]
            outputs = {int(np.prod(o["shape"])): o["index"] for o in self._network.get_output_details()}
            self._points, self._flag = outputs[3 * POINTS], outputs[1]
            self._run(np.zeros((SIDE, SIDE, 3), np.float32))

    def __call__(
        self, image: np.ndarray, box: tuple[float, float, float, float], roll: float | None = None
    ) -> tuple[np.ndarray, float]:
        """Find the mesh of the face in `box`.

        The crop is a square of 1.5 times the box, turned so that the eyes are level. Without `roll` a first look finds
        the eyes, and a second one follows when they are not level within 10 degrees.

        Args:
            image: RGB [H, W, 3] uint8.
            box: (x0, y0, x1, y1) px around the face.
            roll: degrees counter-clockwise by which the head is turned in the picture, when known.

        Returns:
            points [468, 3] float32: x and y in px of the picture, z in px, smaller is nearer to the viewer; and the
            probability in 0..1 that the crop shows a face.
        """
        points, presence = self._look(image, box, roll or 0.0)
        if roll is None:
            seen = eye_roll(points)
            if abs(seen) > TURNED:
                points, presence = self._look(image, box, seen)
        return points, presence

    def _look(self, image: np.ndarray, box: tuple[float, float, float, float], roll: float) -> tuple[np.ndarray, float]:
        import cv2

        side = REGION * max(box[2] - box[0], box[3] - box[1])
        centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        turn = np.radians(-roll)  # the picture's y points down
        scale = side / SIDE
        axes = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        to_picture = np.column_stack([axes, centre - axes @ np.full(2, SIDE / 2)])
        # warpAffine speaks of pixel centres, boxes and landmarks of pixel corners
        sampling = to_picture.copy()
        sampling[:, 2] += axes @ np.full(2, 0.5) - 0.5
        crop = cv2.warpAffine(
            image,
            sampling,
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        raw, presence = self._run(crop.astype(np.float32) / 255.0)
        points = np.empty((POINTS, 3), np.float32)
        points[:, :2] = raw[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        points[:, 2] = raw[:, 2] * scale
        return points, presence

    def _run(self, crop: np.ndarray) -> tuple[np.ndarray, float]:
        self._network.set_tensor(self._input, crop[None])
        self._network.invoke()
        points = self._network.get_tensor(self._points).reshape(POINTS, 3)
        flag = float(self._network.get_tensor(self._flag).reshape(()))
        return points, float(1.0 / (1.0 + np.exp(-flag)))

    def close(self) -> None:
        """Free the network."""
        with native_logs_hidden():
            self._network = None


def eye_roll(points: np.ndarray) -> float:
    """Return by how many degrees counter-clockwise the line through the outer eye corners is turned."""
    across = points[LEFT_EYE, :2] - points[RIGHT_EYE, :2]
    return float(np.degrees(np.arctan2(-across[1], across[0])))

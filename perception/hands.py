"""Hands near a face: MediaPipe's palm detector proposes, its hand landmarks confirm (Zhang et al., 2020), via LiteRT.

The palm detector alone fires on chins (a third of the frames of some head shots); the hand network's own presence
tells these from hands (0.0 to 0.8 against 0.9 to 1.0 over 31 real clips).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from perception import weights
from perception.boxes import Box
from perception.errors import PerceptionError
from perception.quiet import native_logs_hidden

PALMS, POINTS = "palm-detection", "hand-landmark"
SIDE, CROP = 192, 224
LAYERS = ((24, 2), (12, 6))  # cells a side, anchors a cell
PALM_SCORE, PRESENCE = 0.5, 0.9
MOST = 3  # palms looked at per face
WRIST, MIDDLE = 0, 2  # of the palm's seven key points
REGION = 3.0  # face sides: where hands are sought
NEAR = 0.25  # face sides around the face box


@dataclass(frozen=True)
class Hand:
    """A hand: box (x0, y0, x1, y1) px around its 21 points, and the network's presence, 0..1."""

    box: Box
    presence: float


class HandFinder:
    """Finds hands in a picture, on one thread: the same hands every time."""

    def __init__(self, palms: Any, points: Any) -> None:
        self._palms, self._points = palms, points
        self.model_hashes = {name: weights.entry(name).sha256 for name in (PALMS, POINTS)}

    @classmethod
    def load(cls, device: str = "cpu") -> HandFinder:
        """Open both networks; raises PerceptionError when one or LiteRT is missing, or `device` is not "cpu"."""
        if device != "cpu":
            raise PerceptionError(f"Hands are found on the CPU, not on {device!r}; use device='cpu'.")
        return cls(_network(PALMS), _network(POINTS))

    def near(self, rgb: np.ndarray, face: Box) -> bool:
        """Say whether a hand touches a face or comes within a quarter of its side.

        Args:
            rgb: picture [H, W, 3] uint8.
            face: (x0, y0, x1, y1) px.
        """
        side = max(face[2] - face[0], face[3] - face[1])
        x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
        left, top = max(0, round(x - REGION / 2 * side)), max(0, round(y - REGION / 2 * side))
        region = rgb[top : round(y + REGION / 2 * side), left : round(x + REGION / 2 * side)]
        if min(region.shape[:2]) < 16:
            return False
        reach = NEAR * side
        return any(
            hand.box[0] + left < face[2] + reach
            and hand.box[2] + left > face[0] - reach
            and hand.box[1] + top < face[3] + reach
            and hand.box[3] + top > face[1] - reach
            for hand in self(region)
        )

    def __call__(self, rgb: np.ndarray) -> tuple[Hand, ...]:
        """Find the hands of a picture [H, W, 3] uint8, the surest palms first."""
        hands = (self._confirm(rgb, *palm) for palm in self._propose(rgb))
        return tuple(hand for hand in hands if hand.presence >= PRESENCE)

    def _propose(self, rgb: np.ndarray) -> list[tuple[np.ndarray, float, np.ndarray]]:
        """Centre, side and key points [7, 2] of palms, px."""
        import cv2

        height, width = rgb.shape[:2]
        scale = SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        square = np.zeros((SIDE, SIDE, 3), np.float32)
        square[: size[1], : size[0]] = small / np.float32(255)
        raw, logits = _run(self._palms, square, (18, 1))
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -100, 100)))
        found: list[tuple[np.ndarray, float, np.ndarray]] = []
        for place in np.argsort(-scores, kind="stable")[:64]:
            if scores[place] < PALM_SCORE or len(found) == MOST:
                break
            values, anchor = raw[place].astype(np.float64) / SIDE, _anchors()[place]
            centre, side = (values[:2] + anchor) * SIDE / scale, float(values[2:4].max()) * SIDE / scale
            if all(np.abs(centre - other).max() > 0.5 * larger for other, larger, _ in found):
                found.append((centre, side, (values[4:].reshape(7, 2) + anchor) * SIDE / scale))
        return found

    def _confirm(self, rgb: np.ndarray, centre: np.ndarray, side: float, keys: np.ndarray) -> Hand:
        """Look at the palm upright, in a crop 2.6 times as large that reaches towards the fingers."""
        import cv2

        along = keys[MIDDLE] - keys[WRIST]
        turn = np.arctan2(along[0], -along[1])
        axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * (2.6 * side / CROP)
        middle = centre + 0.5 * side * np.array([np.sin(turn), -np.cos(turn)])
        origin = middle - axes @ np.full(2, CROP / 2)
        crop = cv2.warpAffine(
            rgb, np.column_stack([axes, origin]), (CROP, CROP), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        points, presence = _run(self._points, crop.astype(np.float32) / 255, ("Identity", "Identity_1"))
        places = points.reshape(21, 3)[:, :2] @ axes.T + origin
        low, high = places.min(axis=0).tolist(), places.max(axis=0).tolist()
        return Hand((low[0], low[1], high[0], high[1]), float(presence.reshape(())))


def _network(name: str) -> Any:
    with native_logs_hidden():
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise PerceptionError(f"LiteRT cannot be loaded ({error}); run `pip install 'moee[curation]'`.") from error
        network: Any = Interpreter(str(weights.find(name)), num_threads=1)
        network.allocate_tensors()
        network.invoke()  # the first inference is the one that talks
    return network


def _run(network: Any, picture: np.ndarray, wanted: tuple[int, int] | tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Two outputs of a network, known by their name or by the length of their last dimension."""
    network.set_tensor(network.get_input_details()[0]["index"], picture[None])
    network.invoke()
    outputs = {}
    for output in network.get_output_details():
        tensor = network.get_tensor(output["index"])[0]
        outputs[output["name"]] = tensor
        outputs.setdefault(int(output["shape"][-1]), tensor)
    return outputs[wanted[0]], outputs[wanted[1]]


@cache
def _anchors() -> np.ndarray:
    """Centres of the detector's 2016 anchors, [2016, 2] in 0..1."""
    parts = []
    for cells, each in LAYERS:
        centres = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, each, axis=0))
    return np.concatenate(parts)

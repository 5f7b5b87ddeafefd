"""Emotion to displacement: what each facial action does to the landmarks, and which actions an emotion uses.

Actions follow the facial action coding system (AU numbers in the comments). A displacement is given in face units:
x to the right of the picture along the eye line, y downwards across it, both in multiples of the distance between
the outer eye corners (about 9 cm). Each action belongs to a layer, because lips part and lids slide: what moves the
upper lip alone must not drag the lower one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from curation.sample.faces import Still

UPPER_OUTER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
UPPER_INNER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
LOWER_OUTER = (146, 91, 181, 84, 17, 314, 405, 321, 375)
CORNERS = (61, 291, 78, 308)
UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
LOWER_LIDS = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)
EYE_CORNERS = (33, 133, 362, 263)
BROWS_RIGHT = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
BROWS_LEFT = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CHEEKS = (50, 280, 205, 425, 117, 346, 101, 330)
NOSE = (1, 2, 4, 5, 6, 168, 197, 195, 98, 327, 64, 294, 48, 278, 129, 358)
CHIN = (152, 148, 377, 176, 400, 149, 378, 199, 200, 175, 18, 150, 379, 136, 365, 172, 397)
_LIPS = (*UPPER_OUTER, *UPPER_INNER, *LOWER_INNER, *LOWER_OUTER, *CORNERS)

EMOTIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"corner_up": 1.0, "cheek_raise": 0.8, "squint": 0.3},  # 6 + 12
    "sad": {"brow_inner_up": 1.0, "brow_together": 0.5, "corner_down": 1.0, "lid_close": 0.2},  # 1 + 4 + 15
    "angry": {
        "brow_down": 1.0, "brow_together": 0.8, "squint": 0.5, "lip_press": 0.7, "corner_down": 0.2,
    },  # 4 + 7 + 24
    "surprised": {"brow_inner_up": 1.0, "brow_outer_up": 1.0, "lid_wide": 1.0, "jaw_open": 0.35},  # 1 + 2 + 5 + 26
    "fear": {
        "brow_inner_up": 1.0, "brow_outer_up": 0.35, "brow_together": 0.7, "lid_wide": 0.9, "lip_stretch": 1.0,
        "jaw_open": 0.14,
    },  # 1 + 2 + 4 + 5 + 20 + 26
    "disgusted": {
        "nose_wrinkle": 1.0, "upper_lip_raise": 1.0, "brow_down": 0.55, "cheek_raise": 0.6, "squint": 0.6,
        "corner_down": 0.35,
    },  # 9 + 10 + 15
    "angrily-disgusted": {
        "nose_wrinkle": 1.0, "upper_lip_raise": 0.9, "brow_down": 1.0, "brow_together": 0.7, "squint": 0.6,
    },  # 4 + 7 + 9 + 10
    "sadly-surprised": {
        "brow_inner_up": 1.0, "brow_outer_up": 0.3, "brow_together": 0.4, "corner_down": 0.7, "jaw_open": 0.25,
        "lid_wide": 0.4,
    },  # 1 + 4 + 26
    "sadly-fear": {
        "brow_inner_up": 1.0, "brow_together": 0.7, "lid_wide": 0.5, "lip_stretch": 0.9, "corner_down": 0.7,
    },  # 1 + 4 + 5 + 15 + 20
    "happily-surprised": {
        "brow_inner_up": 0.9, "brow_outer_up": 0.9, "lid_wide": 0.7, "corner_up": 0.9, "cheek_raise": 0.3,
        "jaw_open": 0.25,
    },  # 1 + 2 + 5 + 12 + 26
}  # fmt: skip
"""Action amounts of the neutral face, the six emotions and the four compounds (Du, Tao and Martinez 2014)."""
POSED = 1.4
"""How far a strength of 1 goes beyond the amounts above: actors who pose for a data set show emotions strongly."""
COMPOUNDS = tuple(name for name in EMOTIONS if "-" in name)


@dataclass(frozen=True)
class Face:
    """The axes of a face in its picture.

    Attributes:
        points: [478, 2] pixels.
        unit: pixels per face unit across.
        right: [2] pixels that one face unit to the right covers (shortened when the head is turned away).
        down: [2] pixels of one face unit downwards.
        lateral: [478] place along the mouth: -1 at its left corner in the picture, 1 at the right one.
    """

    points: np.ndarray
    unit: float
    right: np.ndarray
    down: np.ndarray
    lateral: np.ndarray

    @classmethod
    def of(cls, still: Still) -> "Face":
        """Measure the axes from the outer eye corners and the mouth corners."""
        points, across = still.points, still.points[263] - still.points[33]
        unit = float(np.hypot(np.linalg.norm(across), still.depth[263] - still.depth[33]))
        axis = across / np.linalg.norm(across)
        middle, half = (points[61] + points[291]) / 2, (points[291] - points[61]) / 2
        lateral = (points - middle) @ half / (half @ half)
        return cls(points, unit, across, np.array([-axis[1], axis[0]]) * unit, lateral)


Moves = np.ndarray
"""[478, 2] displacement in face units (x right, y down)."""


def _blank() -> Moves:
    return np.zeros((478, 2))


def _brow_inner_up(face: Face) -> Moves:
    return _brows(inner=(0.0, -0.125), outer=(0.0, 0.0))


def _brow_outer_up(face: Face) -> Moves:
    return _brows(inner=(0.0, -0.02), outer=(0.0, -0.11))


def _brow_down(face: Face) -> Moves:
    return _brows(inner=(0.0, 0.095), outer=(0.0, 0.045))


def _brow_together(face: Face) -> Moves:
    return _brows(inner=(0.06, 0.01), outer=(0.01, 0.0))


def _brows(inner: tuple[float, float], outer: tuple[float, float]) -> Moves:
    """Move the brows; x is towards the middle of the face."""
    moves = _blank()
    for brow, side in ((BROWS_RIGHT, 1.0), (BROWS_LEFT, -1.0)):
        for place, index in enumerate(brow):
            share = (place % 5) / 4.0
            x, y = (share * i + (1.0 - share) * o for i, o in zip(inner, outer, strict=True))
            moves[index] = side * x, y
    for index in (151, 9, 108, 337, 69, 299, 104, 333):
        moves[index] = 0.0, 0.35 * (inner[1] + outer[1]) / 2
    moves[9] = 0.0, 0.6 * inner[1]
    return moves


def _lid_wide(face: Face) -> Moves:
    moves = _blank()
    moves[list(UPPER_LIDS), 1] = -0.034 * _arch()
    moves[list(LOWER_LIDS), 1] = 0.012 * _arch()
    return moves


def _squint(face: Face) -> Moves:
    moves = _blank()
    moves[list(UPPER_LIDS), 1] = 0.012 * _arch()
    moves[list(LOWER_LIDS), 1] = -0.026 * _arch()
    return moves


def _arch() -> np.ndarray:
    """[14] how far each lid point may go: most in the middle of each eye."""
    one = np.sin(np.pi * np.linspace(0.12, 0.88, 7))
    return np.concatenate([one, one])


def _lid_close(face: Face) -> Moves:
    moves = _blank()
    upper, lower = face.points[list(UPPER_LIDS)], face.points[list(LOWER_LIDS)]
    gap = np.maximum((lower - upper) @ face.down / (face.down @ face.down), 0.0)
    moves[list(UPPER_LIDS), 1] = 0.97 * gap
    return moves


def _cheek_raise(face: Face) -> Moves:
    moves = _blank()
    moves[list(CHEEKS), 1] = -0.04
    moves[list(LOWER_LIDS), 1] = -0.014
    return moves


def _nose_wrinkle(face: Face) -> Moves:
    moves = _blank()
    moves[[98, 327, 64, 294, 48, 278, 129, 358], 1] = -0.06
    moves[[1, 2, 4], 1] = -0.025
    moves[[101, 330], 1] = -0.045
    moves[[6, 168, 9], 1] = 0.02
    return moves


def _corners(face: Face, x: float, y: float, power: float) -> Moves:
    """Move the mouth corners, outwards by x, and the lips between them the less the nearer the middle."""
    moves = _blank()
    for index in _LIPS:
        share = float(np.clip(abs(face.lateral[index]), 0.0, 1.0)) ** power
        moves[index] = np.sign(face.lateral[index]) * x * share, y * share
    near = {57: 0.8, 287: 0.8, 186: 0.7, 410: 0.7, 92: 0.35, 322: 0.35, 216: 0.6, 436: 0.6}
    for index, share in near.items():
        moves[index] = np.sign(face.lateral[index]) * x * share, y * share
    for index in (212, 432, 202, 422, 214, 434, 207, 427):
        moves[index] = np.sign(face.lateral[index]) * x * 0.4, y * 0.45
    return moves


def _corner_up(face: Face) -> Moves:
    moves = _corners(face, 0.06, -0.095, 1.6)
    moves[[205, 425, 187, 411], 1] = -0.03
    return moves


def _corner_down(face: Face) -> Moves:
    return _corners(face, 0.005, 0.06, 1.5)


def _lip_stretch(face: Face) -> Moves:
    return _corners(face, 0.075, 0.02, 1.0)


def _pucker(face: Face) -> Moves:
    return _corners(face, -0.08, 0.0, 1.0)


def _lip_press(face: Face) -> Moves:
    moves = _blank()
    for index in (*UPPER_OUTER, *LOWER_OUTER):
        inner = 13 if index in UPPER_OUTER else 14
        gap = (face.points[index] - face.points[inner]) @ face.down / (face.down @ face.down)
        moves[index, 1] = -0.4 * gap * (1.0 - min(1.0, abs(face.lateral[index])) ** 2)
    return moves


def _upper_lip_raise(face: Face) -> Moves:
    moves = _blank()
    for index in (*UPPER_OUTER, *UPPER_INNER):
        share = 1.0 - min(1.0, abs(face.lateral[index])) ** 2
        moves[index, 1] = (-0.05 if index in UPPER_INNER else -0.065) * share
    return moves


def _jaw_open(face: Face) -> Moves:
    moves = _blank()
    for index in (*LOWER_INNER, *LOWER_OUTER, *CHIN):
        share = max(0.0, 1.0 - min(1.0, abs(face.lateral[index]) / 1.05) ** 2.4)
        moves[index, 1] = 0.30 * share * (1.0 if index in LOWER_INNER else 0.94)
    for index in CHIN:
        moves[index, 1] = 0.24 * max(0.0, 1.0 - (abs(face.lateral[index]) / 2.4) ** 2)
    return moves


def _jaw_corners(face: Face) -> Moves:
    return _corners(face, -0.045, 0.05, 1.5)


def _part_upper(face: Face) -> Moves:
    moves = _blank()
    for index in (*UPPER_OUTER, *UPPER_INNER):
        moves[index, 1] = -0.035 * (1.0 - min(1.0, abs(face.lateral[index])) ** 2)
    return moves


def _seal_upper(face: Face) -> Moves:
    return _seal(face, UPPER_INNER, UPPER_OUTER, 0.45)


def _seal_lower(face: Face) -> Moves:
    return _seal(face, LOWER_INNER, LOWER_OUTER, -0.55)


def _seal(face: Face, inner: tuple[int, ...], outer: tuple[int, ...], share: float) -> Moves:
    """Close the gap between the inner lips of the still, so that the mouth rests shut."""
    moves = _blank()
    gap = face.points[list(LOWER_INNER)] - face.points[list(UPPER_INNER)]
    gap = np.maximum(gap @ face.down / (face.down @ face.down), 0.0)
    moves[list(inner), 1] = share * gap
    moves[list(outer), 1] = 0.7 * share * gap
    return moves


ACTIONS: dict[str, dict[str, Callable[[Face], Moves]]] = {
    "face": {
        "brow_inner_up": _brow_inner_up,
        "brow_outer_up": _brow_outer_up,
        "brow_down": _brow_down,
        "brow_together": _brow_together,
        "lid_wide": _lid_wide,
        "squint": _squint,
        "cheek_raise": _cheek_raise,
        "nose_wrinkle": _nose_wrinkle,
        "corner_up": _corner_up,
        "corner_down": _corner_down,
        "lip_stretch": _lip_stretch,
        "pucker": _pucker,
        "lip_press": _lip_press,
        "jaw_corners": _jaw_corners,
    },
    "upper": {"upper_lip_raise": _upper_lip_raise, "part_upper": _part_upper, "seal_upper": _seal_upper},
    "lower": {"jaw_open": _jaw_open, "seal_lower": _seal_lower},
    "lids": {"lid_close": _lid_close},
}
"""The actions of each layer: `face` moves everything, the others add to it on their own side of a lip or lid line."""


def amounts(emotion: str, strength: float) -> Mapping[str, float]:
    """How much of each action an emotion uses at a strength of 0..1."""
    return {name: POSED * strength * amount for name, amount in EMOTIONS[emotion].items()}

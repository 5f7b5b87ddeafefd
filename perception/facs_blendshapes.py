"""Action units from MediaPipe's 52 blendshapes, each the weight (or the mean of both sides' weights) that shows it.

The names are Apple's (ARKit); which action each stands for follows their descriptions. Two of them are dead in the
published network (cheekSquint, noseSneer: always 0), so action units 6 and 9 are told by the mesh (`facs_geometry`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from perception.action_units import NUMBERS

_ARKIT: Final = """
    _neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
    eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
    jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight
    mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
    mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
    mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight
"""
NAMES: Final = tuple(_ARKIT.split())
_PLACE: Final = {name: place for place, name in enumerate(NAMES)}
DEAD: Final = (6, 9)
_SHAPES: Final[dict[int, str]] = {  # a name without a side stands for the mean of both
    1: "browInnerUp",
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    7: "eyeSquint",
    10: "mouthUpperUp",
    12: "mouthSmile",
    14: "mouthDimple",
    15: "mouthFrown",
    16: "mouthLowerDown",
    17: "mouthShrugLower",
    18: "mouthPucker",
    20: "mouthStretch",
    22: "mouthFunnel",
    23: "mouthRollUpper",
    24: "mouthPress",
    26: "jawOpen",
    28: "mouthRollLower",
    43: "eyeBlink",
}
_UNEQUAL: Final = ("mouthSmile", "mouthDimple")  # the two whose one-sided action is contempt's


def raw_blendshapes(shapes: np.ndarray) -> np.ndarray:
    """What the blendshapes say of each action unit, before any scale.

    Args:
        shapes: [n, 52] in 0..1.

    Returns:
        [n, 23] float64: the action units in the order of `NUMBERS` (NaN for 6 and 9), then how unequal the two lip
        corners are.
    """
    weights = np.asarray(shapes, np.float64)
    columns = []
    for number in NUMBERS:
        if number in DEAD:
            columns.append(np.full(len(weights), np.nan))
        elif number == 25:  # lips part when the jaw opens and the lips do not follow
            columns.append(weights[:, _PLACE["jawOpen"]] - weights[:, _PLACE["mouthClose"]])
        else:
            columns.append(weights[:, _sides(_SHAPES[number])].mean(axis=1))
    unequal = [np.abs(np.subtract(*(weights[:, side] for side in _sides(name)))) for name in _UNEQUAL]
    return np.stack([*columns, np.max(unequal, axis=0)], axis=1)


def _sides(name: str) -> list[int]:
    return [_PLACE[name]] if name in _PLACE else [_PLACE[f"{name}Left"], _PLACE[f"{name}Right"]]

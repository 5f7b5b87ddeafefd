"""What each value of a list column stands for, in order: for the card, and as JSON in every published table."""

import json
from collections.abc import Iterable
from typing import Any, Final

from manifests import action_units
from manifests.emotions import EMOTIONS

# MediaPipe's order of the 52 weights in `blendshapes`; the names are those of Apple's ARKit.
_ARKIT: Final = """
    _neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
    eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
    jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight
    mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
    mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
    mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight
"""
BLENDSHAPES: Final = tuple(_ARKIT.split())

ORDERS: Final[dict[str, tuple[str, ...] | tuple[int, ...]]] = {
    "blendshapes": BLENDSHAPES,
    "action_units": action_units.NUMBERS,
    "action_unit_frames": action_units.NUMBERS,
    "emotions": EMOTIONS,
    "member_probabilities": EMOTIONS,  # of the first member, then of the second, and so on
}
KEY: Final = "moee.orders"  # of a Parquet file's metadata


def orders_of(columns: Iterable[str]) -> dict[str, str]:
    """Return metadata for the schema of a published table: column -> what its values stand for, as JSON."""
    found: dict[str, Any] = {name: list(ORDERS[name]) for name in columns if name in ORDERS}
    return {KEY: json.dumps(found)} if found else {}

"""False responses that were looked into: why a metric answers an axis otherwise than it should."""

from __future__ import annotations

from typing import Final

_FACE_PART: Final = (
    "dlib's embedding reads the whole face, the mouth's shape too: most clips lose a little and all in one direction, "
    "so that a difference of 0.002 to 0.003 in cosine lies beyond noise; another person costs 0.15"
)
EXPLAINED: Final[dict[tuple[str, str], str]] = {
    ("mouth-audio-correlation", "mouth-freeze"): (
        "the correlation knows no scale and takes the best of all lags up to 600 ms: the mouth's opening varies about "
        "20 times less than before, but what is left, the trembling of landmarks, still peaks at 0.35 to 0.67, "
        "as any two signals do; read it beside its lag and details.chance"
    ),
    ("identity", "mouth-freeze"): _FACE_PART,
    ("identity", "expression-damping"): _FACE_PART,
}
"""(metric, axis) -> what was found by looking."""
UNEXPLAINED: Final = "unexplained"


def explanation(metric: str, axis: str) -> str:
    """What is known of a false response, or `unexplained`."""
    return EXPLAINED.get((metric, axis), UNEXPLAINED)

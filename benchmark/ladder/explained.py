"""False responses that were looked into: why a metric answers an axis otherwise than it should."""

from __future__ import annotations

from typing import Final

_FACE_PART: Final = (
    "dlib's embedding reads the whole face, the mouth's shape too: most clips lose a little and all in one direction, "
    "so that a difference of 0.002 to 0.003 in cosine lies beyond noise; another person costs 0.15"
)
_ANY_PEAK: Final = (
    "the correlation knows no scale and takes the best of all lags up to 600 ms: what is left of the mouth's movement, "
    "were it only the trembling of landmarks (a twentieth), peaks at 0.33 to 0.67, as any two signals do, and "
    "six clips with sound are few; what tells is details.chance (0.18 of the ground truth, 0.46 shuffled) and the lag"
)
EXPLAINED: Final[dict[tuple[str, str], str]] = {
    ("mouth-audio-correlation", "mouth-freeze"): _ANY_PEAK,
    ("mouth-audio-correlation", "freeze"): _ANY_PEAK,
    ("mouth-audio-correlation", "shuffle"): _ANY_PEAK,
    ("mouth-audio-correlation", "identity-swap"): _ANY_PEAK,
    ("identity", "mouth-freeze"): _FACE_PART,
    ("identity", "expression-damping"): _FACE_PART,
    ("identity", "freeze"): (
        "one expression is shown instead of eight frames' mean: acted clips that begin calmly lose up to 0.009 "
        "in cosine, most others next to nothing; another person costs 0.15"
    ),
    ("efid", "freeze"): (
        "it grows with every step, 1700-fold in the end, but at which expression a clip stops is chance, and with 8 "
        "persons the jackknife's interval of a set is wide"
    ),
    ("motion", "expression-damping"): (
        "the head's own movement is most of a face's speed, and damping takes away 6 % of it at most; beyond half the "
        "way the mean shape, laid over nose and eyes, carries their trembling into brows and lips, and the speed rises "
        "again: the axis' fault, not the metric's"
    ),
}
"""(metric, axis) -> what was found by looking."""
UNEXPLAINED: Final = "unexplained"


def explanation(metric: str, axis: str) -> str:
    """What is known of a false response, or `unexplained`."""
    return EXPLAINED.get((metric, axis), UNEXPLAINED)

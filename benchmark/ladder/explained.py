"""False responses that were looked into: why a metric answers an axis otherwise than it should."""

from __future__ import annotations

from typing import Final

EXPLAINED: Final[dict[tuple[str, str], str]] = {}
"""(metric, axis) -> what was found by looking."""
UNEXPLAINED: Final = "unexplained"


def explanation(metric: str, axis: str) -> str:
    """What is known of a false response, or `unexplained`."""
    return EXPLAINED.get((metric, axis), UNEXPLAINED)

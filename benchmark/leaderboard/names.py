"""Names that may stand in a file system or an address, made from any text; and the groups of metrics."""

from __future__ import annotations

import hashlib
import re
from typing import Final

DATASETS: Final = ("hdtf", "mead", "dh-faceemovid-150")
"""Protocols that have a page even without a bundle: papers report numbers of them."""
_RESERVED: Final = frozenset({"index", "bundles", "media", "leaderboard", "site"})

GROUPS: Final = {
    "pictures": ("fid", "kid", "fvd", "fid_vid", "fd_pixels", "lpips", "psnr", "ssim"),
    "lips and sound": ("sync", "mouth_audio", "speech_quality"),
    "face and motion": ("akd", "lmd", "efid", "efid_deep3d", "identity", "flicker", "motion"),
    "emotion": ("emotion", "emotion_fan", "emotion_consistency", "compound"),
}
"""Group of metrics -> modules of `benchmark.metrics`."""


def slug(text: str) -> str:
    """A file name made of a-z, 0-9 and hyphens; two texts never share one, as far as a hash can promise it."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    if plain and plain == text and plain not in _RESERVED and not re.search(r"-[0-9a-f]{8}$", plain):
        return plain
    return f"{plain or 'x'}-{hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def group_of(key: str) -> str:
    """The group of a metric's key; `other` for one that this program does not know."""
    from benchmark.metrics import MODULES

    module = next((name for name, held in MODULES.items() if key in held), None)
    return next((group for group, held in GROUPS.items() if module in held), "other")

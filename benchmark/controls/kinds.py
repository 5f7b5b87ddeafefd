"""What each control does to the ground truth, and which clip's video it shows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchmark.testset import TestClip

Rows = Sequence["TestClip"]


@dataclass(frozen=True)
class Control:
    """One control.

    does: for people.
    blur: standard deviation of a Gaussian over the pictures, as a share of their width; 0 for none.
    frozen: whether the first picture is shown throughout.
    sound_late: s by which the sound comes later.
    shows: whose video is shown: `own`, `other-identity` or `other-emotion`.
    """

    does: str
    blur: float = 0.0
    frozen: bool = False
    sound_late: Fraction = Fraction(0)
    shows: str = "own"


CONTROLS: Final[dict[str, Control]] = {
    "ground-truth": Control("the ground truth, encoded again"),
    "blurred": Control("blurred by a Gaussian of 1/85 of the width (6 px of 512)", blur=6 / 512),
    "frozen": Control("its first picture throughout", frozen=True),
    "audio-shifted": Control("its sound comes 400 ms late", sound_late=Fraction(2, 5)),
    "other-identity": Control("another person's video under its sound", shows="other-identity"),
    "other-emotion": Control(
        "another clip of the person, of another emotion where there is one, under its sound", shows="other-emotion"
    ),
}


def shown_clip(kind: str, clip: TestClip, clips: Rows) -> TestClip:
    """Whose video a control shows for a clip; a hash decides among those that fit equally.

    other-identity: a clip of another person, of the same label where there is one, long enough where there is one.
    other-emotion: another clip of the same person and of another label; then any other clip of the person; then a
        clip of another label; then any other clip. Where the list has one clip only, that one.
    """
    control = CONTROLS[kind]
    others = [other for other in clips if other.id != clip.id]
    if control.shows == "own" or not others:
        return clip

    def rank(other: TestClip) -> tuple[bool, bool, bool, str]:
        same_person, same_label = other.identity == clip.identity, other.label == clip.label
        short = other.frames < clip.frames
        draw = hashlib.sha256(f"{kind}\0{clip.id}\0{other.id}".encode()).hexdigest()
        if control.shows == "other-identity":
            return same_person, not same_label, short, draw
        unlike = other.label is not None and not same_label
        return not same_person, not unlike, short, draw

    return min(others, key=rank)

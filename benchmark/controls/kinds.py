"""The controls that tables show: single steps of an axis with names of their own, and whose video a clip shows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from benchmark.testset import TestClip

Rows = Sequence["TestClip"]


@dataclass(frozen=True)
class Control:
    """One control.

    does: for people.
    axis, strength: the step of `benchmark.controls.AXES` that it is; None and 0 for the ground truth itself.
    """

    does: str
    axis: str | None = None
    strength: float = 0.0


CONTROLS: Final[dict[str, Control]] = {
    "ground-truth": Control("the ground truth, encoded again"),
    "blurred": Control("blurred by a Gaussian of 1/85 of the width (6 px of 512)", "blur", 6),
    "frozen": Control("its first picture throughout", "freeze", 1.0),
    "audio-shifted": Control("its sound comes 400 ms late", "audio-shift", 400),
    "other-identity": Control("another person's video under its sound", "identity-swap", 1.0),
    "other-emotion": Control(
        "another clip of the person, of another emotion where there is one, under its sound", "emotion-swap", 1.0
    ),
}
_SHOWS: Final = {"identity-swap": "other-identity", "emotion-swap": "other-emotion"}


def shown_clip(kind: str, clip: TestClip, clips: Rows) -> TestClip:
    """Whose video a control shows for a clip; a hash decides among those that fit equally.

    other-identity: a clip of another person, of the same label where there is one, long enough where there is one.
    other-emotion: another clip of the same person and of another label; then any other clip of the person; then a
        clip of another label; then any other clip. Where the list has one clip only, that one.
    """
    control = CONTROLS[kind]
    return shown_at(control.axis, control.strength, clip, clips)


def shown_at(axis: str | None, strength: float, clip: TestClip, clips: Rows) -> TestClip:
    """Whose video a clip shows at a step of an axis: another one's where the axis swaps, for that share of the clips.

    A larger share swaps the same clips and more.
    """
    others = [other for other in clips if other.id != clip.id]
    kind = _SHOWS.get(axis or "")
    if kind is None or not others:
        return clip
    order = sorted(clips, key=lambda one: hashlib.sha256(f"{axis}\0{one.id}".encode()).hexdigest())
    if clip.id not in {one.id for one in order[: round(strength * len(order))]}:
        return clip

    def rank(other: TestClip) -> tuple[bool, bool, bool, str]:
        same_person, same_label = other.identity == clip.identity, other.label == clip.label
        short = other.frames < clip.frames
        draw = hashlib.sha256(f"{kind}\0{clip.id}\0{other.id}".encode()).hexdigest()
        if kind == "other-identity":
            return same_person, not same_label, short, draw
        unlike = other.label is not None and not same_label
        return not same_person, not unlike, short, draw

    return min(others, key=rank)

"""Which metric must answer which axis, which must not, and why: written down before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

Says = Literal["must", "must not", "same", "may"]
"""must: gets worse with every step. must not: no difference beyond noise at the grossest step. same: not a bit of it
changes, as nothing that it reads does. may: either is right."""


@dataclass(frozen=True)
class Expected:
    """What is expected of a metric on an axis, and one clause that says why."""

    says: Says
    because: str


PIXELS: Final = ("psnr", "ssim", "lpips")
FRAMES_4: Final = (
    "fid-4", "fid-4-corrected", "fid-4-pytorchfid", "fid-4-cleanfid", "kid-4",
)  # fmt: skip
FRAMES_ALL: Final = ("fid-all", "fid-all-corrected", "kid-all")
FRAMES: Final = (*FRAMES_4, *FRAMES_ALL)
VIDEOS: Final = ("fvd", "fvd-corrected", "fvd-videogpt", "fvd-videogpt-corrected", "fid-vid", "fid-vid-corrected")
THUMBS: Final = ("fd-pixels", "fd-pixels-corrected")
FACES_3D: Final = ("efid", "efid-corrected", "efid-deep3d", "efid-deep3d-corrected")
FIT: Final = ("sync-c", "sync-d", "sync-d0", "sync-c-valid", "sync-d-valid")
POINTS: Final = ("akd", "m-lmd", "f-lmd")
LABELS: Final = ("emotion-accuracy", "emotion-normalised", "emotion-f1", "emotion-fan-accuracy")
COMPOUND: Final = ("compound-margin", "compound-top2", "compound-f1", "compound-balance")
SEEN: Final = (
    *PIXELS, *FRAMES, *VIDEOS, *THUMBS, *FACES_3D, *POINTS, "identity", *LABELS, "emotion-consistency", *COMPOUND,
    "flicker", "motion",
)  # fmt: skip
"""All metrics that read pictures and no sound."""

Rule = tuple[Says, tuple[str, ...], str]
_UNTOUCHED: Final = "the sound is not touched"
_SHARP: Final = "landmarks and networks read such a face less surely"
_STILL_TIME: Final = "neither mouth nor sound moves in time"
_SAME_PERSON: Final = "the same person is shown"
_SET: Final = "a set's distance does not ask which video belongs to which clip"
_CHANCE: Final = "any two signals have a peak somewhere"
_OTHER_TIME: Final = "a frame is held against one of another time"
_FEW: Final = "the few frames that it takes are others than before"

RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "blur": (
        ("must", (*PIXELS, *FRAMES, *VIDEOS), "what it compares is detail"),
        ("must", THUMBS, "colours run into each other, also across thumbnail pixels"),
        ("must", ("flicker",), "a blurred picture changes less from frame to frame"),
        ("must", ("identity",), "the detail of a face is lost"),
        ("must not", ("mouth-audio-lag", "sync-offset"), _STILL_TIME),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FACES_3D, *POINTS, *LABELS, *COMPOUND, *FIT, "emotion-consistency", "motion",
                 "mouth-audio-correlation"), _SHARP),
    ),
    "jpeg": (
        ("must", (*PIXELS, *FRAMES, *VIDEOS), "what it compares is detail"),
        ("must not", ("mouth-audio-lag", "sync-offset"), _STILL_TIME),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*THUMBS, "flicker"), "blocks keep the mean colour until the quality is very low"),
        ("may", (*FACES_3D, *POINTS, *LABELS, *COMPOUND, *FIT, "identity", "emotion-consistency", "motion",
                 "mouth-audio-correlation"), _SHARP),
    ),
    "noise": (
        ("must", (*PIXELS, *FRAMES, *VIDEOS), "what it compares is detail"),
        ("must", ("flicker",), "noise is drawn anew for every frame"),
        ("must not", ("mouth-audio-lag", "sync-offset"), _STILL_TIME),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", THUMBS, "noise averages out but for what is cut off at black and white"),
        ("may", (*FACES_3D, *POINTS, *LABELS, *COMPOUND, *FIT, "identity", "emotion-consistency", "motion",
                 "mouth-audio-correlation"), _SHARP),
    ),
    "frame-drop": (
        ("must", (*PIXELS, *POINTS), _OTHER_TIME),
        ("must", VIDEOS, "movement stutters"),
        ("must", ("flicker", "motion"), "a way with fewer stops is shorter"),
        ("must not", ("identity",), _SAME_PERSON),
        ("must not", LABELS, "the same expression is shown, of most frames"),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FRAMES, *THUMBS, *FACES_3D), "single frames are not worse, some count twice"),
        ("may", ("emotion-consistency", *COMPOUND), "some frames count twice"),
        ("may", (*FIT, "sync-offset", "mouth-audio-correlation", "mouth-audio-lag"), "the mouth comes late by a frame"),
    ),
    "freeze": (
        ("must", (*PIXELS, *POINTS), _OTHER_TIME),
        ("must", (*VIDEOS, "flicker", "motion"), "nothing moves"),
        ("must", FACES_3D, "the spread of the expressions shrinks"),
        ("must", (*FIT, "mouth-audio-correlation"), "the mouth does not open with the speech"),
        ("must not", ("identity",), _SAME_PERSON),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FRAMES, *THUMBS), "single frames are not worse, one counts often"),
        ("may", (*LABELS, *COMPOUND, "emotion-consistency"), "the frame that stays may show the emotion or not"),
        ("may", ("mouth-audio-lag", "sync-offset"), _CHANCE),
    ),
    "shuffle": (
        ("must", (*PIXELS, *POINTS), _OTHER_TIME),
        ("must", (*VIDEOS, "flicker", "motion"), "the picture jumps"),
        ("must", (*FIT, "mouth-audio-correlation"), "the mouth opens at other times"),
        ("must not", (*FRAMES_ALL, *FACES_3D), "the set of all frames is the same"),
        ("must not", ("identity",), _SAME_PERSON),
        ("must not", LABELS, "what is read from frames is gathered without their order"),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FRAMES_4, *THUMBS), _FEW),
        ("may", ("emotion-consistency", *COMPOUND), "faces are followed over time, and found a little elsewhere"),
        ("may", ("mouth-audio-lag", "sync-offset"), _CHANCE),
    ),
    "audio-shift": (
        ("same", SEEN, "the pictures are not touched"),
        ("must", ("mouth-audio-lag", "sync-offset", "sync-d0"), "the sound comes later than the mouth"),
        ("may", ("sync-c", "sync-d", "sync-c-valid", "sync-d-valid", "mouth-audio-correlation"),
         "the best lag moves along, but the clip's beginning has no sound"),
        ("may", ("speech-quality",), "the clip's beginning becomes silent"),
    ),
    "sound-noise": (
        ("same", SEEN, "the pictures are not touched"),
        ("must", ("speech-quality",), "the speech lies under noise"),
        ("may", (*FIT, "sync-offset", "mouth-audio-correlation", "mouth-audio-lag"), "noise hides the speech's onsets"),
    ),
    "mouth-freeze": (
        ("must", (*PIXELS, *POINTS), "another mouth is shown than the ground truth's"),
        ("must", VIDEOS, "the mouth does not move"),
        ("must", FACES_3D, "the spread of the expressions shrinks"),
        ("must", ("motion",), "20 of 68 landmarks move with the head only"),
        ("must", ("emotion-consistency",), "another mouth is another expression"),
        ("must", (*FIT, "mouth-audio-correlation"), "the mouth does not open with the speech"),
        ("must not", ("identity",), _SAME_PERSON),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FRAMES, *THUMBS, "flicker"), "the mouth is a small part of the picture"),
        ("may", (*LABELS, *COMPOUND), "an emotion is read from more than the mouth"),
        ("may", ("mouth-audio-lag", "sync-offset"), _CHANCE),
    ),
    "identity-swap": (
        ("must", ("identity",), "another person is shown"),
        ("must", (*PIXELS, *POINTS), "another video is shown"),
        ("must", ("flicker", "motion"), "another video moves by another amount"),
        ("must", ("emotion-consistency",), "another face is read otherwise"),
        ("must", (*FIT, "mouth-audio-correlation"), "another person's mouth says something else"),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FRAMES, *VIDEOS, *THUMBS, *FACES_3D), _SET),
        ("may", (*LABELS, *COMPOUND), "the other clip has the same label where there is one"),
        ("may", ("mouth-audio-lag", "sync-offset"), _CHANCE),
    ),
    "emotion-swap": (
        ("must", LABELS, "another emotion is shown than the label says"),
        ("must", ("compound-margin", "compound-top2", "compound-f1"), "another emotion is shown than the label says"),
        ("must", ("emotion-consistency",), "another emotion is shown than the ground truth's"),
        ("must", (*PIXELS, *POINTS), "another video is shown"),
        ("must", (*FIT, "mouth-audio-correlation"), "the mouth says something else"),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", ("compound-balance",), "balance is no measure of the right emotions"),
        ("may", ("identity",), "the person is the same only where it has other clips"),
        ("may", (*FRAMES, *VIDEOS, *THUMBS, *FACES_3D), _SET),
        ("may", ("flicker", "motion"), "a person moves alike in many clips"),
        ("may", ("mouth-audio-lag", "sync-offset"), _CHANCE),
    ),
    "expression-damping": (
        ("must", (*PIXELS, *POINTS), "brows, eyes and lips lie elsewhere"),
        ("must", FACES_3D, "the spread of the expressions shrinks"),
        ("must", ("motion",), "the landmarks move with the head only"),
        ("must not", ("identity",), _SAME_PERSON),
        ("must not", ("mouth-audio-lag", "sync-offset"), _STILL_TIME),
        ("same", ("speech-quality",), _UNTOUCHED),
        ("may", (*FRAMES, *VIDEOS, *THUMBS, "flicker"), "few pixels change"),
        ("may", (*LABELS, *COMPOUND, "emotion-consistency"), "the mean shape over a clip still shows its emotion"),
        ("may", (*FIT, "mouth-audio-correlation"), "the mouth moves less, yet at the same times"),
    ),
}  # fmt: skip
"""Axis -> rules that together name every metric once."""
NO_AXIS: Final = {
    "compound-balance": "It is best for a face that shows nothing, so that no way of making clips worse must lower it."
}
"""Metrics that must answer no axis, and why."""


@cache
def expected(metric: str, axis: str) -> Expected:
    """What is expected of a metric on an axis.

    Raises:
        KeyError: the table lacks it, which a test forbids.
    """
    found = next((Expected(says, because) for says, keys, because in RULES[axis] if metric in keys), None)
    if found is None:
        raise KeyError(f"no rule for {metric} on {axis}")
    return found

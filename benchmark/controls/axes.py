"""The axes along which real clips are made worse: what each changes, in which unit, and by how much at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Changes = Literal["picture", "order", "face", "sound", "shown"]


@dataclass(frozen=True)
class Axis:
    """One way of making clips worse.

    does: what is done, a clause.
    strength: how a step is written, with `{}` for its number.
    steps: numbers of the steps, from barely visible to gross.
    changes: single pictures, their order in time, the face by its landmarks, the sound, or whose video is shown.
    version: of how it is made; another way of making it gets another one.
    """

    does: str
    strength: str
    steps: tuple[float, ...]
    changes: Changes
    version: int = 1

    def says(self, step: float) -> str:
        """A step as people read it: `6 px of 512`."""
        shown = f"{100 * step:g}" if "{} %" in self.strength else f"{step:g}"
        return self.strength.replace("{}", shown)


_SHARES: Final = (0.25, 0.5, 0.75, 1.0)
AXES: Final[dict[str, Axis]] = {
    "blur": Axis("each picture is blurred by a Gaussian", "{} px of 512", (2, 3.5, 6, 15), "picture"),
    "jpeg": Axis("each picture goes through JPEG", "quality {}", (70, 30, 12, 4), "picture"),
    "noise": Axis("each picture gets Gaussian noise", "sigma {} of 255", (2, 6, 14, 30), "picture"),
    "frame-drop": Axis(
        "frames drawn by chance are replaced by the one before", "{} % of the frames", (0.1, 0.25, 0.5, 0.75), "order"
    ),
    "freeze": Axis("the picture stands still at the end", "{} % of the time", (0.1, 0.25, 0.5, 1.0), "order"),
    "shuffle": Axis("frames change places inside windows", "windows of {} frames", (2, 4, 8, 32), "order"),
    "audio-shift": Axis("the sound comes late", "{} ms", (40, 120, 240, 400), "sound"),
    "sound-noise": Axis("the sound gets white noise", "{} dB signal to noise", (30, 20, 10, 0), "sound"),
    "mouth-freeze": Axis(
        "the mouth of the frame in which it is most closed is put over the mouth, at the end",
        "{} % of the time", (0.1, 0.25, 0.5, 1.0), "face",
    ),
    "identity-swap": Axis("clips show another person's video", "{} % of the clips", _SHARES, "shown"),
    "emotion-swap": Axis(
        "clips show the person's video of another emotion, where there is one", "{} % of the clips", _SHARES, "shown"
    ),
    "expression-damping": Axis(
        "the face's shape is drawn towards its mean over the clip", "{} % of its movement", _SHARES, "face"
    ),
}  # fmt: skip
"""All axes, in the order of tables and pages."""

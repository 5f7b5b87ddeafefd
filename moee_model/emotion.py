"""The emotion that a video shall show, as a user says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from manifests.emotions import BASIC, COMPOUNDS
from manifests.text import nearest, printable
from moee_model.batch import EXPERTS, NONE, Six
from moee_model.errors import ModelError


@dataclass(frozen=True)
class Emotion:
    """What the model is told.

    weights: of the six emotions, in the order of `EXPERTS`; None: no label is told. gates: of the experts; None: the
    model's own gate decides. text: a sentence. from_audio: the sound itself tells. aus: 22 action units, 0..1, in the
    order of `manifests.action_units`.
    """

    weights: Six | None = NONE
    gates: Six | None = NONE
    text: str | None = None
    from_audio: bool = False
    aus: tuple[float, ...] | None = None

    @classmethod
    def described(cls, text: str) -> Emotion:
        """An emotion in words, as a caption says it."""
        return cls(weights=None, gates=None, text=text)

    @classmethod
    def heard(cls) -> Emotion:
        """The emotion of the driving sound."""
        return cls(weights=None, gates=None, from_audio=True)

    @classmethod
    def moved(cls, aus: tuple[float, ...]) -> Emotion:
        """An emotion as intensities of action units."""
        return cls(weights=None, gates=None, aus=aus)


NEUTRAL: Final = Emotion()
"""No emotion: no expert speaks."""


def parse(spec: str) -> Emotion:
    """`happy`, `neutral`, `happily-surprised`, or `happy=0.6,surprised=0.4`.

    One basic emotion is its expert alone; a mixture weighs the experts as it says; one of the four compounds is told as
    half and half, and the model's own gate mixes the experts, as in the paper.

    Raises:
        ModelError: an unknown name (the sentence names the nearest), or weights that are no shares of one.
    """
    said = spec.strip().casefold()
    if "=" in said:
        weights = _mixture(said)
        return Emotion(weights, weights)
    if said == "neutral":
        return Emotion()
    if said in COMPOUNDS:
        first, second = COMPOUNDS[said]
        return Emotion(_six({first: 0.5, second: 0.5}), None)
    if said not in BASIC:
        names = ("neutral", *BASIC, *COMPOUNDS)
        raise ModelError(f"There is no emotion {printable(spec)!r}: {nearest(said, names)}")
    return Emotion(_six({said: 1.0}), _six({said: 1.0}))


def _mixture(said: str) -> Six:
    found: dict[str, float] = {}
    for part in said.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in (*BASIC, "neutral"):
            raise ModelError(f"A mixture has no emotion {printable(name)!r}: {nearest(name, ('neutral', *BASIC))}")
        try:
            weight = float(value)
        except ValueError:
            weight = -1.0
        if name in found or not 0 <= weight <= 1:
            raise ModelError(
                f"{printable(part.strip())!r} is no part of a mixture: write it as happy=0.6,surprised=0.4."
            )
        found[name] = weight
    if not 0 < sum(found.values()) <= 1 + 1e-6:
        raise ModelError(
            f"The weights of {printable(said)!r} add up to {sum(found.values()):g}: they must not exceed 1."
        )
    return _six(found)


def _six(weights: dict[str, float]) -> Six:
    first, second, third, fourth, fifth, sixth = (weights.get(name, 0.0) for name in EXPERTS)
    return (first, second, third, fourth, fifth, sixth)

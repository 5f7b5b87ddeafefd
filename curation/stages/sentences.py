"""What is measured of a face, in words: a clip's plain sentence, and the action units of one frame."""

from collections.abc import Sequence
from typing import Final

from perception.action_units import ACTION_UNITS, PRESENT, ActionUnit

WORDS: Final = {  # `A person who is ...`; neutral is said of the face
    "angry": "angry",
    "disgusted": "disgusted",
    "fear": "afraid",
    "happy": "happy",
    "sad": "sad",
    "surprised": "surprised",
    "contempt": "contemptuous",
}
NEUTRAL: Final = "neutral"
SLIGHT: Final = 1 / 3  # intensity below which it is slight, and
STRONG: Final = 2 / 3  # from which it is strong
MOST: Final = 4  # action units in a sentence
_UNPROVEN: Final = {6, 9}  # hardly in the landmarks (docs/emotion.md)
_BROWS = (ACTION_UNITS[0].text, ACTION_UNITS[1].text)
_BOTH_BROWS = "inner and outer brows raised"


def sentence(
    emotion: str,
    second_emotion: str | None = None,
    intensity: float | None = None,
    ambiguous: bool = False,
    action_units: Sequence[float] | None = None,
) -> str:
    """One sentence on a clip, from its measures alone.

    Args:
        emotion: name of the taxonomy.
        second_emotion: of a compound.
        intensity: 0..1; below 1/3 the sentence says slightly, from 2/3 on strongly.
        ambiguous: whether the emotion is doubtful: the person then seems so.
        action_units: intensities 0..5 in the order of `ACTION_UNITS`; the four strongest that belong to the emotion are
            told, of none that does not; of a neutral face none.
    """
    seems = "seems" if ambiguous else "is"
    if emotion == NEUTRAL:
        said = f"A person whose face {seems} neutral"
    else:
        felt = [WORDS[name] for name in (emotion, second_emotion) if name is not None and name != NEUTRAL]
        said = " ".join(["A person who", seems, *_degree(intensity), " and ".join(dict.fromkeys(felt))])
    texts = [unit.text for unit in _telling(action_units or (), emotion, second_emotion)]
    if set(_BROWS) <= set(texts):
        first = min(texts.index(text) for text in _BROWS)
        texts = [text for text in texts if text not in _BROWS]
        texts.insert(first, _BOTH_BROWS)
    return f"{said}: {', '.join(texts)}." if texts else f"{said}."


def seen_actions(action_units: Sequence[float]) -> str:
    """Every action unit that is seen in a frame, the strongest first, with its intensity: `chin raised (1.4)`."""
    return ", ".join(f"{ACTION_UNITS[place].text} ({action_units[place]:.1f})" for place in _strongest(action_units))


def _telling(action_units: Sequence[float], *emotions: str | None) -> list[ActionUnit]:
    """The actions that people show for these emotions and that are seen, the strongest first."""
    from perception.facs import SHOWN

    numbers = {number for name in emotions if name is not None for number in SHOWN[name]} - _UNPROVEN
    seen = [ACTION_UNITS[place] for place in _strongest(action_units)]
    return [unit for unit in seen if unit.number in numbers][:MOST]


def _degree(intensity: float | None) -> list[str]:
    if intensity is None or SLIGHT <= intensity < STRONG:
        return []
    return ["slightly" if intensity < SLIGHT else "strongly"]


def _strongest(action_units: Sequence[float]) -> list[int]:
    """Places of the action units that are at least a trace, the strongest first; of equals, the first."""
    seen = [place for place, value in enumerate(action_units) if value >= PRESENT]
    return sorted(seen, key=lambda place: (-action_units[place], place))

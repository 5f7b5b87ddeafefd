"""Emotion from action units: how well a frame's actions fit those that people show for each emotion.

The actions of each emotion, and how many of 230 people showed each, are those of Du, Tao and Martinez, Compound facial
expressions of emotion, PNAS 2014, table 1 (an action without a number there was shown by more than 70 % and counts as
85 %). Contempt is not in that table: it is the one-sided action of a lip corner (Ekman and Friesen 1986). An action
that an emotion does not name happens as often as in ordinary talk, so what talkers do anyway says little. Actions that
speech makes by itself are left out. Nothing is fitted to labelled faces; two constants (FOUND, _MIDDLE) were chosen on
rendered ones (docs/emotion.md).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from perception.action_units import ACTION_UNITS, COUNT, NUMBERS, PRESENT

CLASSES: Final = ("angry", "disgusted", "fear", "happy", "sad", "surprised", "neutral", "contempt")
LABEL_SET: Final = "MoEE"
UNEQUAL: Final = COUNT  # the column after the action units: how unequal the lip corners are
_MOST = 0.85
SHOWN: Final[dict[str, dict[int, float]]] = {
    "angry": {4: _MOST, 7: _MOST, 24: _MOST, 10: 0.26, 17: 0.52},
    "disgusted": {9: _MOST, 10: _MOST, 17: _MOST, 4: 0.31, 24: 0.26},
    "fear": {1: _MOST, 4: _MOST, 20: _MOST, 2: 0.57, 5: 0.63},
    "happy": {12: _MOST, 6: 0.51},
    "sad": {4: _MOST, 15: _MOST, 1: 0.60, 6: 0.50, 17: 0.67},
    "surprised": {1: _MOST, 2: _MOST, 5: 0.66},
    "neutral": {},
    "contempt": {},
}
PRIOR: Final = {"contempt": 0.25}
"""Times as likely as another emotion before the face is seen: it rests on one sign, which talkers often show."""
FOUND = 0.8
"""How many of the shown actions are found, roughly; see docs/emotion.md for what it was chosen on."""
_LEFT_OUT = {unit.number for unit in ACTION_UNITS if unit.speech} | {
    23,
    28,
    43,
}  # lips rolled in and blinks: speech too
_RISE = 2.0  # mean intensity at which strength has come 63 % of its way
_NO_STRENGTH = _LEFT_OUT | {14}  # talkers show a dimple at every other word
_MIDDLE, _WIDTH = PRESENT, 0.5  # intensity at which an action is as likely there as not, and how sharply


def fingerprint(folder: Path = Path(__file__).parent) -> str:
    """sha256 over the programs that score faces and pool members, hex: what others made is made anew."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("facs*.py"), *(folder / name for name in ("verdict.py", "action_units.py"))]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def present(prominence: np.ndarray) -> np.ndarray:
    """The probability that an action is there: 0.5 at a fifth of what talkers seldom exceed.

    Args:
        prominence: any shape, 0 and up.
    """
    return np.asarray(1.0 / (1.0 + np.exp((_MIDDLE - np.asarray(prominence, np.float64)) / _WIDTH)))


def score(prominence: np.ndarray, usual: np.ndarray, without: tuple[int, ...] = ()) -> np.ndarray:
    """Probabilities of the emotions, each frame by itself.

    Args:
        prominence: [n, 23], 0 and up: the action units in the order of `NUMBERS`, then how unequal the lip corners are.
        usual: [23] how often each is present in ordinary talk, 0..1.
        without: numbers of further action units to leave out.

    Returns:
        [n, 8] float64, in the order of `CLASSES`; rows sum to 1.
    """
    used = [place for place, number in enumerate(NUMBERS) if number not in _LEFT_OUT and number not in without]
    used.append(UNEQUAL)
    there = present(prominence[:, used])
    rates = np.stack([_rates(name, usual)[used] for name in CLASSES])
    prior = np.log([PRIOR.get(name, 1.0) for name in CLASSES])
    logs = there @ np.log(rates).T + (1 - there) @ np.log1p(-rates).T + prior
    likely = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _rates(name: str, usual: np.ndarray) -> np.ndarray:
    """[23] how often a program finds each action on people who show the emotion."""
    shown = np.zeros(COUNT + 1)
    for number, share in SHOWN[name].items():
        shown[NUMBERS.index(number)] = share
    if name == "contempt":
        shown[UNEQUAL] = _MOST
    return np.asarray(shown * np.maximum(FOUND, usual) + (1 - shown) * usual)


def strength(beyond: np.ndarray, percentile: float) -> float:
    """How strongly a clip shows anything, whatever it is: it rises with every action and nears 1.

    Args:
        beyond: [n, 23] intensities of its frames, 0 and up; values above 5, beyond what talkers show, still count.
        percentile: over the frames, that stands for the clip.

    Returns:
        0..1: 1 - exp(-m / 2) (`_RISE`), m the mean over the actions that speech does not make by itself.
    """
    used = [place for place, number in enumerate(NUMBERS) if number not in _NO_STRENGTH]
    return float(1.0 - np.exp(-np.percentile(beyond[:, used], percentile, axis=0).mean() / _RISE))

"""The facial action units that are told, by their numbers in FACS (Ekman, Friesen and Hager 2002), and their words.

Intensity runs from 0 (at rest) to 5, as coders write A to E as 1 to 5. It is a line through two anchors of this
project, not a coder's judgement: 0 is the face at rest, 5 the most that is seen (`perception.facs_scale`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

STEPS: Final = 51  # stored steps of one intensity, so that 5 is 255
PRESENT: Final = 1.0  # intensity A: a trace


@dataclass(frozen=True)
class ActionUnit:
    """One action.

    number: in FACS.
    name: as FACS calls it.
    text: what is seen, for captions.
    speech: whether speech alone moves it, so that it says little of emotion while someone talks.
    """

    number: int
    name: str
    text: str
    speech: bool = False


ACTION_UNITS: Final = (
    ActionUnit(1, "inner brow raiser", "inner brows raised"),
    ActionUnit(2, "outer brow raiser", "outer brows raised"),
    ActionUnit(4, "brow lowerer", "brows lowered and drawn together"),
    ActionUnit(5, "upper lid raiser", "upper lids raised"),
    ActionUnit(6, "cheek raiser", "cheeks raised"),
    ActionUnit(7, "lid tightener", "lids tightened"),
    ActionUnit(9, "nose wrinkler", "nose wrinkled"),
    ActionUnit(10, "upper lip raiser", "upper lip raised"),
    ActionUnit(12, "lip corner puller", "lip corners pulled up"),
    ActionUnit(14, "dimpler", "lip corners tightened inwards"),
    ActionUnit(15, "lip corner depressor", "lip corners pulled down"),
    ActionUnit(16, "lower lip depressor", "lower lip pulled down", speech=True),
    ActionUnit(17, "chin raiser", "chin raised"),
    ActionUnit(18, "lip pucker", "lips puckered", speech=True),
    ActionUnit(20, "lip stretcher", "lips stretched"),
    ActionUnit(22, "lip funneler", "lips funnelled", speech=True),
    ActionUnit(23, "lip tightener", "lips tightened"),
    ActionUnit(24, "lip pressor", "lips pressed together"),
    ActionUnit(25, "lips part", "lips parted", speech=True),
    ActionUnit(26, "jaw drop", "jaw dropped", speech=True),
    ActionUnit(28, "lip suck", "lips sucked in"),
    ActionUnit(43, "eyes closed", "eyes closed"),
)
NUMBERS: Final = tuple(unit.number for unit in ACTION_UNITS)
BY_NUMBER: Final = {unit.number: unit for unit in ACTION_UNITS}
COUNT: Final = len(ACTION_UNITS)


def place(number: int) -> int:
    """The column of an action unit; raises ValueError for one that is not told here."""
    return NUMBERS.index(number)


def stored(intensities: np.ndarray) -> np.ndarray:
    """Intensities [..., COUNT] float in 0..5 as uint8, the inverse of `intensities` to half a step of 1/51."""
    return np.rint(np.clip(intensities, 0.0, 5.0) * STEPS).astype(np.uint8)


def intensities(values: np.ndarray) -> np.ndarray:
    """Stored intensities [..., COUNT] uint8 as float32 in 0..5."""
    return np.asarray(values, np.float32) / np.float32(STEPS)

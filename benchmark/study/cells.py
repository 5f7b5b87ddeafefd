"""Rated items as arrays, as the statistics take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.study.clustered import Mean
from benchmark.study.model import A, B, Study
from benchmark.study.ratings import Answer


@dataclass(frozen=True)
class Cells:
    """Rated items, one row each; repeats and instructed steps are not among them.

    values: [n, questions]: ratings, or for choices +1 for the system of lower place, -1 for the other, 0 for a tie.
    raters, items, systems, clips: [n] whole numbers; `systems` is [n, 2] for a choice, lower place first.
    """

    values: np.ndarray
    raters: np.ndarray
    items: np.ndarray
    systems: np.ndarray
    clips: np.ndarray

    def only(self, rows: np.ndarray) -> Cells:
        """Some of the rows."""
        return Cells(self.values[rows], self.raters[rows], self.items[rows], self.systems[rows], self.clips[rows])


def cells_of(study: Study, answers: Sequence[Answer]) -> Cells:
    """The rated items of a study, in the order of the answers."""
    systems = {name: place for place, name in enumerate(study.systems)}
    clips = {clip.id: place for place, clip in enumerate(study.clips)}
    rows = []
    for answer in answers:
        step = study.sequences[answer.rater - 1][answer.position]
        if step.kind != "item":
            continue
        shown = [systems[study.media[place].system] for place in step.media]
        values = [answer.values[question] for question in study.questions]
        if study.kind == "choice":
            sign = 1 if shown[0] < shown[1] else -1
            values = [{A: sign, B: -sign}.get(value, 0) for value in values]
        rows.append((values, answer.rater, clips[study.media[step.media[0]].clip], sorted(shown)))
    wide = 2 if study.kind == "choice" else 1
    shown_systems = np.array([row[3] for row in rows], np.int64).reshape(len(rows), wide)
    of_clip = np.array([row[2] for row in rows], np.int64)
    item = of_clip.copy()
    for column in shown_systems.T:
        item = item * len(systems) + column
    values_of = np.array([row[0] for row in rows], np.float64).reshape(len(rows), len(study.questions))
    return Cells(values_of, np.array([row[1] for row in rows], np.int64), item, shown_systems, of_clip)


def grid(cells: Cells) -> np.ndarray:
    """[raters, items, questions], NaN where a rater did not rate an item."""
    raters, rater_of = np.unique(cells.raters, return_inverse=True)
    items, item_of = np.unique(cells.items, return_inverse=True)
    found = np.full((len(raters), len(items), cells.values.shape[1]), np.nan)
    found[rater_of, item_of] = cells.values
    return found


def ends(found: Mean, low: float, high: float) -> tuple[float, float]:
    """The interval of a mean inside its scale; the whole scale where nothing is known."""
    if np.isnan(found.low):
        return float(low), float(high)
    return max(float(low), found.low), min(float(high), found.high)

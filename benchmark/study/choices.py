"""Scores of a study of choices: how often one system is preferred over another, and Bradley-Terry strengths."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmark.study.cells import Cells, ends
from benchmark.study.clustered import Mean, covariance, mean
from benchmark.study.record import PreferenceLine, StrengthLine

if TYPE_CHECKING:
    from benchmark.study.model import Study

_PRIOR: Final = 0.5  # a win and a loss of each pair compared, half of one: who always wins has a finite strength
_ROUNDS: Final = 100


def preferences(study: Study, cells: Cells) -> list[PreferenceLine]:
    """The share of every pair and question, with an interval for other raters and clips."""
    lines = []
    for first, second in combinations(range(len(study.systems)), 2):
        rows = cells.only((cells.systems == (first, second)).all(axis=1))
        for place, question in enumerate(study.questions):
            if len(rows.raters):
                found = _of_one_mind(mean((1 + rows.values[:, place]) / 2, rows.raters, rows.clips))
                lines.append(
                    PreferenceLine(
                        system=study.systems[first], other=study.systems[second], question=question,
                        value=found.value, interval=ends(found, 0, 1), raters=found.raters, items=found.clips,
                        ratings=found.n, ties=int((rows.values[:, place] == 0).sum()),
                    )
                )  # fmt: skip
    return lines


def _of_one_mind(found: Mean) -> Mean:
    """Where all choose alike there is no spread: the interval is then Clopper and Pearson's for the rarer sort."""
    if found.low < found.high or found.value not in (0.0, 1.0):
        return found
    reach = 1 - 0.025 ** (1 / min(found.raters, found.clips))
    return replace(found, low=found.value - reach, high=found.value + reach)


def strengths(study: Study, cells: Cells) -> list[StrengthLine]:
    """Bradley-Terry strengths per question, with intervals for other raters and clips.

    The log odds that a system is chosen over another are the difference of their strengths, which add up to 0
    (Bradley and Terry 1952); a tie is half a win of both. Half a win and half a loss are added to every pair that was
    compared. The intervals come from the two-way clustered covariance of the estimate (`benchmark.study.clustered`);
    with one rater or one clip there are no strengths.
    """
    lines = []
    for place, question in enumerate(study.questions):
        if min(len(np.unique(cells.raters)), len(np.unique(cells.clips))) < 2:
            continue
        values, half = _fitted(cells, place, len(study.systems))
        for number, system in enumerate(study.systems):
            if (cells.systems == number).any():
                ends = (float(values[number] - half[number]), float(values[number] + half[number]))
                lines.append(StrengthLine(system=system, question=question, value=float(values[number]), interval=ends))
    return lines


def _fitted(cells: Cells, place: int, systems: int) -> tuple[np.ndarray, np.ndarray]:
    """Strengths and half widths of their intervals, [systems] each, by Newton's method."""
    from scipy.stats import t

    first, second = cells.systems.T
    won = (1 + cells.values[:, place]) / 2
    rows = np.zeros((len(won), systems))
    rows[np.arange(len(won)), first] = 1
    rows[np.arange(len(won)), second] = -1
    pairs = np.unique(cells.systems, axis=0)
    prior = np.zeros((len(pairs), systems))
    prior[np.arange(len(pairs)), pairs[:, 0]], prior[np.arange(len(pairs)), pairs[:, 1]] = 1, -1
    values = np.zeros(systems)
    for _ in range(_ROUNDS):
        odds, imagined = 1 / (1 + np.exp(-rows @ values)), 1 / (1 + np.exp(-prior @ values))
        slope = rows.T @ (won - odds) + 2 * _PRIOR * prior.T @ (0.5 - imagined)
        bend = (rows.T * (odds * (1 - odds))) @ rows + 2 * _PRIOR * (prior.T * (imagined * (1 - imagined))) @ prior
        inverse = np.linalg.pinv(bend, rcond=1e-10, hermitian=True)  # only differences of strengths are known
        step = inverse @ slope
        values = values + step
        if np.abs(step).max() < 1e-12:
            break
    groups = min(len(np.unique(cells.raters)), len(np.unique(cells.clips)))
    influence = (rows * (won - odds)[:, None]) @ inverse
    spread = np.sqrt(np.maximum(np.diag(covariance(influence, cells.raters, cells.clips)), 0))
    return values, float(t.ppf(0.975, groups - 1)) * spread

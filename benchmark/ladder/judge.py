"""Holds the bundles of all steps against what is expected: rank correlations, effects, false responses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmark.controls import AXES
from benchmark.ladder.expected import expected
from benchmark.ladder.explained import explanation
from benchmark.ladder.record import Answer, AxisFacts, Cell, MetricFacts
from benchmark.metrics import NotApplicable, metric
from benchmark.paired import LEAST, Difference, Scored, difference

if TYPE_CHECKING:
    from benchmark.bundle import Bundle, MetricLine

LEAST_RANKS: Final = 0.95
"""Spearman correlation that a metric must reach on an axis that it must answer."""


def axis_facts(axes: Mapping[str, Sequence[float]]) -> list[AxisFacts]:
    """The axes that were climbed, with their steps."""
    return [
        AxisFacts(
            name=name,
            does=AXES[name].does,
            steps=[float(step) for step in steps],
            says=[AXES[name].says(step) for step in steps],
            version=AXES[name].version,
        )
        for name, steps in axes.items()
    ]


def metric_facts(truth: Bundle) -> tuple[list[MetricFacts], dict[str, str]]:
    """Which metrics are held against the axes, and why the others of the protocol are not."""
    results = truth.results
    left_out = {**results.left_out, **results.not_applicable}
    kept = []
    for line in results.metrics:
        if not line.comparable:
            left_out[line.key] = "its network ran on seeded weights: its number measures nothing"
        else:
            kept.append(
                MetricFacts(
                    key=line.key,
                    name=line.name,
                    title=metric(line.key).title,
                    direction=line.direction,
                    unit=line.unit,
                    n=line.n,
                )
            )
    order = results.protocol.resolved["metrics"]
    return kept, {key: left_out[key] for key in order if key in left_out}


def judge(truth: Bundle, rungs: Mapping[str, Mapping[float, Bundle]]) -> list[Cell]:
    """How every metric answers every axis.

    Args:
        truth: of the ground truth control.
        rungs: axis -> step -> bundle, slightest step first.

    Raises:
        BenchmarkError: a bundle's features do not give its numbers.
    """
    cells = []
    for facts in metric_facts(truth)[0]:
        line = truth.results.line(facts.key)
        assert line is not None
        first = Scored(line, truth)
        cells += [_cell(first, axis, steps) for axis, steps in rungs.items()]
    return cells


def _cell(first: Scored, axis: str, steps: Mapping[float, Bundle]) -> Cell:
    key, sign = first.line.key, 1.0 if first.line.direction == "lower" else -1.0
    lines = [bundle.results.line(key) for bundle in steps.values()]
    found = [
        None if line is None else _held(first, Scored(line, bundle))
        for line, bundle in zip(lines, steps.values(), strict=True)
    ]
    answers = [None if held is None else answer(held[0], first.line) for held in found]
    values = [_value(first.line), *(_value(line) for line in lines)]
    top = found[-1]
    want = expected(key, axis)
    ranks = None if None in lines else spearman([_badness(line, sign) for line in (first.line, *lines)])
    wrong = _wrong(want.says, values, ranks, answers)
    return Cell(
        metric=key,
        axis=axis,
        says=want.says,
        because=want.because,
        values=values,
        spearman=ranks,
        effect=None if top is None else _effect(*top, sign),
        verdict=answers[-1],
        seen_at=_seen_at(list(steps), answers),
        wrong=wrong,
        explanation=None if wrong is None else explanation(key, axis),
    )


def _value(line: MetricLine | None) -> float | None:
    return None if line is None else line.value


def _badness(line: MetricLine | None, sign: float) -> float:
    assert line is not None
    return math.inf if line.value is None else sign * line.value


def spearman(worse: Sequence[float]) -> float:
    """Rank correlation of n numbers with their order; equal numbers share their mean rank; 0 where all are equal.

    Args:
        worse: [n >= 2] how bad each step is; infinite is worst.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.asarray(worse, np.float64)) - (len(worse) + 1) / 2
    steps = np.arange(len(worse)) - (len(worse) - 1) / 2
    size = float(np.sqrt((ranks**2).sum() * (steps**2).sum()))
    return float((ranks * steps).sum() / size) if size else 0.0


def _held(first: Scored, other: Scored) -> tuple[Difference, float | None] | None:
    """The paired difference and its standard error; None where the two cannot be compared."""
    try:
        return difference(first, other), standard_error(first, other)
    except NotApplicable:
        return None


def standard_error(one: Scored, other: Scored) -> float | None:
    """Of the difference of two systems: over clips for means, from the jackknife for numbers of whole sets."""
    from benchmark.statistics.jackknife import jackknife

    if one.line.infinite or other.line.infinite:
        return None
    if one.is_mean and other.is_mean and one.per_clip.keys() == other.per_clip.keys():
        apart = np.array([other.per_clip[clip] - value for clip, value in one.per_clip.items()])
        return float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else None
    a, b = one.deleted, other.deleted
    if a is None or b is None:
        return None
    return float(jackknife(lambda kept: b.found - a.found, a.sizes).error)


def _effect(found: Difference, error: float | None, sign: float) -> float | None:
    if found.value is None or error is None:
        return None
    if found.value == 0:
        return 0.0
    return sign * found.value / error if error > 0 else None


def answer(found: Difference, line: MetricLine) -> Answer:
    """Whether a step is worse or better than the ground truth beyond noise."""
    unsure = found.low <= 0 <= found.high or (found.low == found.high and line.n < LEAST and found.value is not None)
    if unsure:
        return "no difference shown"
    return "worse" if (found.low > 0) == (line.direction == "lower") else "better"


def _seen_at(steps: Sequence[float], answers: Sequence[Answer | None]) -> float | None:
    seen = None
    for step, said in zip(reversed(steps), reversed(answers), strict=True):
        if said != "worse":
            break
        seen = step
    return seen


def _wrong(
    says: str, values: Sequence[float | None], ranks: float | None, answers: Sequence[Answer | None]
) -> str | None:
    """How an answer departs from what is expected."""
    top = answers[-1]
    if says == "must":
        if top != "worse":
            return "the grossest step is not worse beyond noise" if top != "better" else "the grossest step is better"
        if ranks is None or ranks < LEAST_RANKS:
            return "it is worse at the end, but does not fall with every step"
    elif says == "same" and any(value != values[0] for value in values):
        return "it changes, and nothing that it reads does"
    elif says == "must not" and top in ("worse", "better"):
        return f"the grossest step is {top} beyond noise"
    elif top == "better":
        return "the grossest step is better than the ground truth"
    return None

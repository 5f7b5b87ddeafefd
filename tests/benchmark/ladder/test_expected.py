"""The table of expectations is whole: every metric on every axis, once, with a reason."""

from collections import Counter

import pytest

from benchmark.controls import AXES
from benchmark.ladder.expected import NO_AXIS, RULES, expected
from benchmark.ladder.explained import EXPLAINED
from benchmark.metrics import keys


@pytest.mark.parametrize("axis", AXES)
def test_every_metric_has_one_rule_on_every_axis(axis: str) -> None:
    named = Counter(key for _, rule, _ in RULES[axis] for key in rule)
    assert set(named) == set(keys())
    assert [key for key, count in named.items() if count > 1] == []
    assert all(expected(key, axis).because for key in keys())


def test_no_rule_is_about_an_axis_that_is_not_there() -> None:
    assert list(RULES) == list(AXES)


def test_every_metric_has_an_axis_of_its_own_or_a_reason() -> None:
    lacking = {key for key in keys() if all(expected(key, axis).says != "must" for axis in AXES)}
    assert lacking == set(NO_AXIS)


def test_explanations_are_of_metrics_and_axes_that_are_there() -> None:
    assert {metric for metric, _ in EXPLAINED} <= set(keys())
    assert {axis for _, axis in EXPLAINED} <= set(AXES)


def test_steps_grow_from_slight_to_gross() -> None:
    for name, axis in AXES.items():
        falls = name in ("jpeg", "sound-noise")  # quality and signal to noise
        assert list(axis.steps) == sorted(axis.steps, reverse=falls), name
        assert 4 <= len(axis.steps) <= 5, name
        assert len({axis.says(step) for step in axis.steps}) == len(axis.steps), name

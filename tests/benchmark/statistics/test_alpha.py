"""Krippendorff's alpha equals the package that everyone cites, with answers missing."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.statistics.alpha import Level, alpha

LEVELS: tuple[Level, ...] = ("ordinal", "interval")


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), raters=st.integers(2, 9), items=st.integers(2, 12), missing=st.floats(0, 0.7))
def test_it_equals_the_package_krippendorff_to_1e_9(
    level: Level, seed: int, raters: int, items: int, missing: float
) -> None:
    rng = np.random.default_rng(seed)
    answers = rng.integers(1, 6, (raters, items)).astype(float)
    answers[rng.random(answers.shape) < missing] = np.nan
    found = alpha(answers, level)
    if found is None:
        pairable = answers[:, (~np.isnan(answers)).sum(axis=0) >= 2]
        assert len(np.unique(pairable[~np.isnan(pairable)])) < 2
    else:
        assert found == pytest.approx(krippendorff.alpha(answers, level_of_measurement=level), abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_full_agreement_is_one_and_chance_is_near_zero(level: Level) -> None:
    rng = np.random.default_rng(0)
    assert alpha(np.tile(rng.integers(1, 6, 30).astype(float), (4, 1)), level) == pytest.approx(1, abs=1e-12)
    chance = alpha(rng.integers(1, 6, (10, 2000)).astype(float), level)
    assert chance is not None and abs(chance) < 0.01


@pytest.mark.parametrize("level", LEVELS)
def test_what_says_nothing_of_agreement_has_none(level: Level) -> None:
    assert alpha(np.full((3, 4), 3.0), level) is None
    assert alpha(np.array([[1, np.nan], [np.nan, 2]]), level) is None
    assert alpha(np.zeros((0, 0)), level) is None


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="raters x items"):
        alpha(np.zeros(3), "interval")
    with pytest.raises(BenchmarkError, match="finite"):
        alpha(np.array([[1.0, np.inf]]), "interval")

"""BCa intervals are SciPy's, quickly and in bounded memory, and say so where there is nothing to say."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.statistics import intervals
from benchmark.statistics.intervals import bca, paired

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values",
    [
        RNG.exponential(size=40),
        RNG.lognormal(sigma=1.5, size=25),
        (RNG.random(60) < 0.8).astype(float),
        RNG.normal(size=300),
    ],
    ids=["skewed", "very skewed", "shares", "normal"],
)
def test_the_interval_is_that_of_scipy(values: np.ndarray) -> None:
    from scipy.stats import bootstrap

    ours = np.mean([(one.low, one.high) for one in (bca(values, seed=seed) for seed in range(8))], axis=0)
    theirs = [
        bootstrap(
            (values,), np.mean, n_resamples=10_000, method="BCa", rng=np.random.default_rng(seed)
        ).confidence_interval
        for seed in range(8)
    ]
    # Ends differ by chance of the draws: some 2 % of the width in one run, 0.7 % over eight.
    assert ours == pytest.approx(np.mean(theirs, axis=0), abs=0.025 * np.ptp(ours))


def test_chance_is_covered_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    samples = rng.gamma(4, size=(600, 40))
    held = [(one.low <= 4 <= one.high) for one in (bca(sample, 2000) for sample in samples)]
    assert 0.92 <= np.mean(held) <= 0.97
    few = rng.normal(size=(1000, 3))
    assert 0.93 <= np.mean([(one.low <= 0 <= one.high) for one in map(bca, few)]) <= 0.97


def test_one_clip_tells_nothing_about_others() -> None:
    found = bca([0.4])
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert "one clip" in found.method


def test_few_clips_get_a_wide_interval() -> None:
    found = bca([1.0, 2.0])
    assert found.high - found.low == pytest.approx(12.7062, rel=1e-4)  # t of one degree of freedom
    assert "t over 2 clips" in found.method
    assert bca(np.arange(8.0)).method == "bca over clips, 10000 resamples, seed 0"


def test_equal_values_give_a_point_and_say_so() -> None:
    found = bca([0.1] * 9)
    assert (found.low, found.high) == (0.1, 0.1)
    assert "all 9 clips have the same value" in found.method


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=30), st.integers(0, 3))
def test_an_interval_lies_within_the_values_around_the_mean_and_repeats(values: list[float], seed: int) -> None:
    found = bca(values, 200, seed)
    slack = 1e-9 * max(map(abs, values), default=0)
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack
    assert found == bca(values, 200, seed)


def test_scale_and_place_move_the_interval_with_them() -> None:
    values = RNG.exponential(size=50)
    found, moved = bca(values), bca(1000 * values - 7)
    assert (moved.low, moved.high) == pytest.approx((1000 * found.low - 7, 1000 * found.high - 7), rel=1e-9)


def test_more_confidence_is_wider() -> None:
    values = RNG.exponential(size=50)
    narrow, wide = bca(values, confidence=0.8), bca(values, confidence=0.99)
    assert wide.low < narrow.low < values.mean() < narrow.high < wide.high


def test_a_paired_difference_is_the_interval_of_differences() -> None:
    level = RNG.normal(size=100) * 10
    a, b = level + 0.5 + 0.1 * RNG.normal(size=100), level + 0.1 * RNG.normal(size=100)
    found = paired(a, b)
    assert found.difference == pytest.approx(float(np.mean(a - b)))
    assert found.interval == bca(a - b)
    assert 0.4 < found.interval.low < found.interval.high < 0.6  # though each mean is known to +-2 only


def test_many_clips_are_resampled_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RNG.normal(size=500)
    sizes = []
    monkeypatch.setattr(intervals, "CHUNK", 20_000)
    kept = intervals._counts
    monkeypatch.setattr(intervals, "_counts", lambda *asked: sizes.append(asked[0] * asked[1]) or kept(*asked))
    found = bca(values, 1000)
    assert max(sizes) <= 20_000 and sum(sizes) == 500_000
    assert abs(found.high - found.low - 2 * 1.96 * values.std() / np.sqrt(500)) < 0.02


def test_25_metrics_of_1000_clips_take_less_than_3_seconds(table: Callable[[str], None]) -> None:
    metrics = RNG.exponential(size=(25, 1000))
    started = time.process_time()
    for values in metrics:
        bca(values, seed=123)
    spent = time.process_time() - started
    table(f"25 metrics x 1000 clips x 10,000 resamples: {spent:.2f} processor seconds")
    assert spent < 3


def test_wrong_input_is_refused_with_a_sentence() -> None:
    for values, said in [([], "one number per clip"), ([1.0, np.nan], "NaN"), ([[1.0, 2.0]], "one number per clip")]:
        with pytest.raises(BenchmarkError, match=said):
            bca(values)
    with pytest.raises(BenchmarkError, match="same clips"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(BenchmarkError, match="100 resamples"):
        bca([1.0, 2.0], resamples=10)

"""The delete-group jackknife is exact where theory is, with equal and unequal groups."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.statistics.jackknife import Jackknife, delete_groups, jackknife

RNG = np.random.default_rng(0)
EQUAL, UNEQUAL = np.full(20, 5), np.arange(1, 21)


def of(values: np.ndarray, sizes: np.ndarray, estimate: Callable[[np.ndarray], float]) -> Jackknife:
    owners = np.repeat(np.arange(len(sizes)), sizes)
    return jackknife(lambda kept: np.array([estimate(values[one[owners]]) for one in kept]), sizes)


@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL, np.full(4, 6)], ids=["equal", "unequal", "four"])
def test_a_mean_is_not_corrected(sizes: np.ndarray) -> None:
    values = RNG.exponential(size=sizes.sum())
    assert of(values, sizes, np.mean).corrected == pytest.approx(values.mean(), rel=1e-10)


def test_the_error_of_a_mean_is_the_textbook_one() -> None:
    values = RNG.normal(size=100)
    means = values.reshape(20, 5).mean(1)
    for found in (of(values, EQUAL, np.mean), first_order(values, EQUAL)):
        assert found.error == pytest.approx(means.std(ddof=1) / np.sqrt(20), rel=1e-10)
        assert found.degrees == pytest.approx(19)
    low, high = found.interval(found.plain)
    assert (high - low) / 2 == pytest.approx(2.0930 * found.error, rel=1e-4)


def first_order(values: np.ndarray, sizes: np.ndarray) -> Jackknife:
    owners = np.repeat(np.arange(len(sizes)), sizes)
    deleted = np.array([values[owners != group].mean() for group in range(len(sizes))])
    return delete_groups(float(values.mean()), deleted, sizes)


@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_a_bias_in_1_over_n_goes_away(sizes: np.ndarray) -> None:
    """In the textbook the variance divided by n becomes the variance divided by n - 1."""
    values = RNG.normal(size=40)
    deleted = np.array([np.delete(values, i).var() for i in range(40)])
    assert delete_groups(values.var(), deleted, np.ones(40)).corrected == pytest.approx(values.var(ddof=1))
    exact = [7 + 3 / kept for kept in (sizes.sum(), *(sizes.sum() - sizes))]
    assert delete_groups(exact[0], np.array(exact[1:]), sizes).corrected == pytest.approx(7, rel=1e-12)


@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_a_bias_in_1_over_n_squared_goes_away_too(sizes: np.ndarray) -> None:
    found = of(np.zeros(sizes.sum()), sizes, lambda rows: 7 + 3 / len(rows) - 50 / len(rows) ** 2)
    assert found.corrected == pytest.approx(7, rel=1e-9)
    assert found.plain == 7 + 3 / sizes.sum() - 50 / sizes.sum() ** 2


def test_the_error_of_a_square_counts_pairs_of_groups_once(table: Callable[[str], None]) -> None:
    """|mean|^2 of noise is nothing but pairs: the plain jackknife says twice its variance."""
    rng = np.random.default_rng(2)
    plain, simple, ours = [], [], []
    for _ in range(300):
        values = rng.normal(size=(100, 30))
        found = of(values, EQUAL, lambda rows: float((rows.mean(0) ** 2).sum()))
        owners = np.repeat(np.arange(20), 5)
        deleted = np.array([(values[owners != group].mean(0) ** 2).sum() for group in range(20)])
        plain.append(found.plain)
        simple.append(delete_groups(found.plain, deleted, EQUAL).error ** 2)
        ours.append(found.error**2)
    true = np.var(plain)
    table(f"variance said over true: plain jackknife {np.mean(simple) / true:.2f}, ours {np.mean(ours) / true:.2f}")
    assert 1.6 < np.mean(simple) / true < 2.6
    assert 0.85 < np.mean(ours) / true < 1.5


@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL, np.array([3, 9, 4])], ids=["equal", "unequal", "three"])
def test_a_mean_of_groups_is_covered(sizes: np.ndarray) -> None:
    rng, held = np.random.default_rng(3), []
    for _ in range(800):
        values = rng.normal(size=sizes.sum())
        found = of(values, sizes, np.mean) if len(sizes) < 10 else first_order(values, sizes)
        low, high = found.interval(found.corrected)
        held.append(low <= 0 <= high)
    assert 0.925 <= np.mean(held) <= 0.975


def test_few_groups_fall_back_and_the_method_says_which() -> None:
    values = RNG.normal(size=100)
    assert of(values, EQUAL, np.var).method.startswith("second-order delete-group jackknife, 20 groups, t with")
    assert of(values[:24], np.full(4, 6), np.var).method == "delete-group jackknife, 4 groups, t"


def test_numbers_that_never_move_have_no_error() -> None:
    found = of(np.zeros(100), EQUAL, np.mean)
    assert (found.plain, found.corrected, found.error) == (0, 0, 0)
    assert found.interval(0.0) == (0, 0)


def test_wrong_input_is_refused_with_a_sentence() -> None:
    with pytest.raises(BenchmarkError, match="2 groups"):
        jackknife(lambda kept: np.zeros(len(kept)), np.array([5]))
    with pytest.raises(BenchmarkError, match="2 groups"):
        delete_groups(1.0, np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    with pytest.raises(BenchmarkError, match="NaN"):
        jackknife(lambda kept: np.full(len(kept), np.nan), EQUAL)

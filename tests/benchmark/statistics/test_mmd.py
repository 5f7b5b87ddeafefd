"""KID equals its definition; its subsets are those that other programs draw; groups cost sums only."""

from itertools import pairwise

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.statistics import mmd
from benchmark.statistics.mmd import kid, kid_delete_groups, kid_subsets
from tests.benchmark.statistics.material import features, kid_exact

X, Y = features(60, 10, 1), features(50, 10, 2, 0.3)


def subsets_reference(x: np.ndarray, y: np.ndarray, subsets: int, size: int, seed: int) -> tuple[float, float]:
    """As torch-fidelity's documentation has it: polynomial kernel of degree 3, gamma 1/d, coefficient 1, unbiased."""
    rng, found = np.random.RandomState(seed), []
    for _ in range(subsets):
        a, b = x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)]
        aa, bb, ab = ((np.matmul(p, q.T) * (1 / x.shape[1]) + 1) ** 3 for p, q in ((a, a), (b, b), (a, b)))
        np.fill_diagonal(aa, 0)
        np.fill_diagonal(bb, 0)
        found.append((aa.sum() + bb.sum()) / (size * (size - 1)) - 2 * ab.sum() / size**2)
    return float(np.mean(found)), float(np.std(found))


def test_kid_equals_its_definition_in_fractions() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(-4, 5, (9, 5)), rng.integers(-3, 7, (7, 5))
    assert kid(x, y) == pytest.approx(kid_exact(x, y), rel=1e-13)


def test_kid_is_unbiased_for_sets_that_do_not_differ() -> None:
    rng = np.random.default_rng(1)
    found = [kid(rng.standard_normal((20, 4)), rng.standard_normal((15, 4))) for _ in range(2000)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0


@pytest.mark.parametrize("cached", [True, False])
def test_subsets_are_those_of_the_legacy_form(cached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmd, "CACHED", 4096 if cached else 10)
    found = kid_subsets(X, Y, subsets=20, size=30, seed=2020)
    assert found == pytest.approx(subsets_reference(X, Y, 20, 30, 2020), abs=1e-9)
    assert found != kid_subsets(X, Y, subsets=20, size=30, seed=0)


def test_one_subset_of_everything_is_kid() -> None:
    assert kid_subsets(X[:50], Y, subsets=1, size=50)[0] == pytest.approx(kid(X[:50], Y), rel=1e-12)


def test_deleting_groups_equals_leaving_their_rows_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmd, "BLOCK", 7)  # stripes that end within groups
    groups_x, groups_y = np.arange(60) % 6, np.arange(50) // 9
    again = [kid(X[groups_x != group], Y[groups_y != group]) for group in range(6)]
    assert kid_delete_groups(X, groups_x, Y, groups_y) == pytest.approx(np.array(again), rel=1e-11)


def test_kid_grows_with_the_difference() -> None:
    assert all(a < b for a, b in pairwise([kid(X, X[:50] + shift) for shift in (0.0, 0.5, 1.0)]))


def test_wrong_input_is_refused_with_a_sentence() -> None:
    with pytest.raises(BenchmarkError, match="Subsets of 1000 rows"):
        kid_subsets(X, Y)
    with pytest.raises(BenchmarkError, match="10 and 9 columns"):
        kid(X, Y[:, :9])
    with pytest.raises(BenchmarkError, match="2 rows"):
        kid_delete_groups(X, np.zeros(60, int), Y, np.zeros(50, int))

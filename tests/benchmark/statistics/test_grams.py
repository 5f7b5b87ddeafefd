"""Any resample from inner products equals the distance of the rows it stands for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.statistics import dense
from benchmark.statistics.frechet import frechet
from benchmark.statistics.grams import Grams
from tests.benchmark.statistics.material import features

X, Y = features(14, 20, 1), features(11, 20, 2, 0.5)
GRAMS = Grams.of(X, Y)


def test_all_rows_give_the_distance() -> None:
    assert GRAMS.frechet() == pytest.approx(frechet(X, Y), rel=1e-11)
    assert GRAMS.frechet(ddof=0) == pytest.approx(frechet(X, Y, ddof=0), rel=1e-11)


@settings(deadline=None, max_examples=60)
@given(
    rows_x=st.lists(st.integers(0, 13), min_size=2, max_size=30),
    rows_y=st.lists(st.integers(0, 10), min_size=2, max_size=30),
    ddof=st.integers(0, 1),
)
def test_any_resample_equals_the_distance_of_its_rows(rows_x: list[int], rows_y: list[int], ddof: int) -> None:
    found = GRAMS.frechet(rows_x, rows_y, ddof)
    assert found == pytest.approx(frechet(X[rows_x], Y[rows_y], ddof), rel=1e-9, abs=1e-9)


def test_more_rows_than_features_are_as_exact() -> None:
    x, y = features(90, 7, 1), features(60, 7, 2, 0.5)
    assert Grams.of(x, y).frechet(np.arange(50)) == pytest.approx(frechet(x[:50], y), rel=1e-9)


def test_deleting_groups_equals_leaving_their_rows_out() -> None:
    groups_x, groups_y = np.arange(14) % 4, np.arange(11) % 5  # the fifth group has rows on one side only
    found = GRAMS.delete_groups(groups_x, groups_y)
    again = [frechet(X[groups_x != group], Y[groups_y != group]) for group in range(5)]
    assert found == pytest.approx(np.array(again), rel=1e-9)


def test_threads_over_deletions_give_the_same_and_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    groups_x, groups_y, threads = np.arange(14) % 4, np.arange(11) % 4, torch.get_num_threads()
    found = GRAMS.delete_groups(groups_x, groups_y)
    monkeypatch.setattr(dense, "LARGE", 2)
    assert GRAMS.delete_groups(groups_x, groups_y) == pytest.approx(found, rel=1e-11)
    with pytest.raises(BenchmarkError):
        GRAMS.without(np.ones((3, 14), bool), np.ones((3, 11), bool))
    assert torch.get_num_threads() == threads


def test_features_far_from_zero_keep_their_digits() -> None:
    far = Grams.of(X + 1e5, Y + 1e5)
    assert far.frechet([1, 1, 4, 7], [2, 3, 5]) == pytest.approx(GRAMS.frechet([1, 1, 4, 7], [2, 3, 5]), rel=1e-8)


def test_wrong_rows_are_refused_with_a_sentence() -> None:
    with pytest.raises(BenchmarkError, match=r"outside of 0\.\.13"):
        GRAMS.frechet([0, 14])
    with pytest.raises(BenchmarkError, match="2 rows"):
        GRAMS.frechet([0], [1, 2])
    with pytest.raises(BenchmarkError, match="whole numbers"):
        GRAMS.frechet([0.5, 1.5])

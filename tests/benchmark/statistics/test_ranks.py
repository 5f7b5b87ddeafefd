"""Holm's correction is the one of the literature, and a rank counts only systems that are better beyond doubt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.statistics.ranks import LEVEL, from_pairs, holm, ranks

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_gives_what_the_textbook_gives() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).size == 0


@given(SHARES)
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    found = holm(np.array(p))
    assert (found >= np.array(p)).all() and (found <= np.minimum(1, len(p) * np.array(p)) + 1e-15).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("wrong", [[-0.1], [1.1], [float("nan")]])
def test_holm_refuses_what_is_no_p_value(wrong: list[float]) -> None:
    with pytest.raises(BenchmarkError, match="from 0 to 1"):
        holm(np.array(wrong))


def test_systems_share_a_rank_unless_all_pairs_across_a_cut_are_told_apart() -> None:
    better = np.zeros((4, 4), bool)
    assert ranks(better).tolist() == [1, 1, 1, 1]
    better[0, 2] = better[0, 3] = better[1, 3] = True
    assert ranks(better).tolist() == [1, 1, 1, 1], "2 is told apart from 0 and not from 1"
    better[1, 2] = True
    assert ranks(better).tolist() == [1, 1, 3, 3]
    better[3, 2] = True
    assert ranks(better).tolist() == [1, 1, 4, 3]


@given(st.integers(1, 7), st.integers(0, 2**32))
def test_two_systems_of_different_ranks_are_always_told_apart_themselves(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    better = np.triu(rng.random((n, n)) < 0.8, 1)[np.ix_(*[rng.permutation(n)] * 2)]
    found = ranks(better)
    ahead = found[:, None] < found[None, :]
    assert (better[ahead]).all() and found.min() == 1
    assert all(rank == 1 + (found < rank).sum() for rank in found)


def test_the_better_direction_decides_and_doubt_never_does() -> None:
    values, sure = np.array([3.0, 1.0, 2.0]), np.zeros((3, 3))
    assert from_pairs(values, sure, higher=True)[0].tolist() == [1, 3, 2]
    assert from_pairs(values, sure, higher=False)[0].tolist() == [3, 1, 2]
    doubt = np.full((3, 3), LEVEL / 2)  # three times this is above the level
    assert from_pairs(values, doubt, higher=True)[0].tolist() == [1, 1, 1]


def test_infinitely_bad_systems_come_last() -> None:
    found, adjusted = from_pairs(np.array([1.0, np.inf, np.inf]), np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1.0]]), False)
    assert found.tolist() == [1, 2, 2] and adjusted[1, 2] == 1


def test_one_system_alone_is_first() -> None:
    assert from_pairs(np.array([1.0]), np.ones((1, 1)), True)[0].tolist() == [1]

"""Proof at real sizes: the fast Frechet distance is exact, and where others differ they are the inexact ones."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmark.statistics import dense
from benchmark.statistics.frechet import frechet
from benchmark.statistics.grams import Grams
from benchmark.statistics.sets import frechet_sets
from tests.benchmark.statistics.material import by_eigvals, by_mpmath, by_sqrtm, features

pytestmark = pytest.mark.proof


@pytest.mark.parametrize(("n", "m", "d"), [(600, 500, 64), (900, 1100, 400), (1400, 1300, 600)])
def test_with_more_rows_than_features_all_programs_agree(n: int, m: int, d: int, table: Callable[[str], None]) -> None:
    x, y = features(n, d, 1), features(m, d, 2, 0.2)
    found = frechet(x, y)
    eigvals, sqrtm = abs(by_eigvals(x, y) / found - 1), abs(by_sqrtm(x, y) / found - 1)
    table(f"n={n}, m={m}, d={d}: eigvals(S1 S2) {eigvals:.1e} apart, sqrtm {sqrtm:.1e}")
    assert eigvals < 1e-9
    assert sqrtm < 1e-9


@pytest.mark.parametrize(("n", "m", "d"), [(60, 50, 64), (24, 40, 64), (64, 64, 64), (40, 200, 64), (30, 30, 256)])
def test_with_fewer_rows_than_features_ours_is_the_exact_one(
    n: int, m: int, d: int, table: Callable[[str], None]
) -> None:
    x, y = features(n, d, 3), features(m, d, 4, 0.2)
    exact = by_mpmath(x, y, digits=30)
    ours, grams = abs(frechet(x, y) / exact - 1), abs(Grams.of(x, y).frechet() / exact - 1)
    eigvals, sqrtm = abs(by_eigvals(x, y) / exact - 1), abs(by_sqrtm(x, y) / exact - 1)
    table(
        f"n={n}, m={m}, d={d}, against 30 digits: ours {ours:.1e} off, from Grams {grams:.1e}, "
        f"eigvals(S1 S2) {eigvals:.1e}, sqrtm {sqrtm:.1e}"
    )
    assert ours < 1e-9
    assert grams < 1e-9
    assert ours < eigvals  # the difference is theirs


def test_large_matrices_go_to_other_libraries_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grams and stacks of covariances are shared among threads, and the threads are given back."""
    import torch

    threads = torch.get_num_threads()
    sets = [(features(900, 600, 5), features(800, 600, 6)), (features(550, 600, 7), features(560, 600, 8))]
    found = [frechet(x, y) for x, y in sets]
    many, few = sets
    owners, groups = np.arange(800), np.arange(800) % 5
    of_stack = frechet_sets(many[0][:800], owners, many[1], owners, groups)
    of_grams = Grams.of(*few).delete_groups(np.arange(550) % 5, np.arange(560) % 5)
    assert torch.get_num_threads() == threads
    monkeypatch.setattr(dense, "LARGE", 10**6)
    assert [frechet(x, y) for x, y in sets] == pytest.approx(found, rel=1e-11)
    again = frechet_sets(many[0][:800], owners, many[1], owners, groups)
    assert again.interval_corrected == pytest.approx(of_stack.interval_corrected, rel=1e-9)
    assert Grams.of(*few).delete_groups(np.arange(550) % 5, np.arange(560) % 5) == pytest.approx(of_grams, rel=1e-11)

"""The Frechet distance equals its closed forms, other programs where they are exact, and never fails on odd input."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.statistics.frechet import frechet, frechet_from_moments
from tests.benchmark.statistics.material import by_eigvals, by_mpmath, by_sqrtm, features, moments

SHAPES = [(80, 70, 6), (9, 8, 12), (5, 40, 12), (40, 5, 12), (13, 13, 12), (12, 12, 12)]


def test_unit_gaussians_one_apart_in_each_of_2048_features_are_2048_apart() -> None:
    eye = np.eye(2048)
    assert frechet_from_moments(np.zeros(2048), eye, np.ones(2048), eye) == pytest.approx(2048, rel=1e-10)


def test_covariances_that_commute_give_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    turned, _ = np.linalg.qr(rng.standard_normal((50, 50)))
    a, b = rng.uniform(0.01, 9, (2, 50))
    mean_x, mean_y = rng.standard_normal((2, 50))
    exact = ((mean_x - mean_y) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    found = frechet_from_moments(mean_x, turned * a @ turned.T, mean_y, turned * b @ turned.T)
    assert found == pytest.approx(exact, rel=1e-10)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-3, 3), min_size=8, max_size=8))
def test_two_by_two_covariances_give_the_closed_form(numbers: list[float]) -> None:
    a, b = (
        np.reshape(part, (2, 2)) @ np.reshape(part, (2, 2)).T + 0.01 * np.eye(2) for part in (numbers[:4], numbers[4:])
    )
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a) * np.linalg.det(b)))
    exact = np.trace(a) + np.trace(b) - 2 * root
    found = frechet_from_moments(np.zeros(2), a, np.zeros(2), b)
    assert found == pytest.approx(exact, abs=1e-10 * np.trace(a + b))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), factor=st.floats(0.01, 100))
def test_the_distance_is_invariant(shape: tuple[int, int, int], seed: int, factor: float) -> None:
    n, m, d = shape
    x, y = features(n, d, seed), features(m, d, seed + 1, 0.7)
    rng = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(rng.standard_normal((d, d)))
    value = frechet(x, y)
    close = {"rel": 1e-9, "abs": 1e-12}
    assert frechet(y, x) == pytest.approx(value, **close)
    assert frechet(x @ turned, y @ turned) == pytest.approx(value, **close)
    assert frechet(x + 5 * turned[0], y + 5 * turned[0]) == pytest.approx(value, **close)
    assert frechet(factor * x, factor * y) == pytest.approx(factor**2 * value, **close)
    assert frechet(rng.permutation(x), rng.permutation(y)) == pytest.approx(value, **close)
    columns = rng.permutation(d)
    assert frechet(x[:, columns], y[:, columns]) == pytest.approx(value, **close)
    assert frechet(x, x) == pytest.approx(0, abs=1e-11 * np.trace(np.cov(x.T)))


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("shape", [(80, 70, 6), (400, 500, 64), (200, 150, 100)], ids=str)
def test_many_rows_agree_with_eigvals_and_sqrtm(shape: tuple[int, int, int], ddof: int) -> None:
    n, m, d = shape
    x, y = features(n, d, 1), features(m, d, 2, 0.3)
    assert frechet(x, y, ddof) == pytest.approx(by_eigvals(x, y, ddof), rel=1e-9)
    assert frechet(x, y, ddof) == pytest.approx(by_sqrtm(x, y, ddof), rel=1e-9)
    assert frechet_from_moments(*moments(x, ddof), *moments(y, ddof)) == pytest.approx(frechet(x, y, ddof), rel=1e-10)


@pytest.mark.parametrize("shape", [(8, 7, 12), (20, 16, 24), (5, 40, 12), (13, 13, 12), (40, 30, 12)], ids=str)
def test_any_number_of_rows_agrees_with_50_digits(shape: tuple[int, int, int], table: Callable[[str], None]) -> None:
    n, m, d = shape
    x, y = features(n, d, 3), features(m, d, 4, 0.3)
    exact = by_mpmath(x, y)
    ours, usual = abs(frechet(x, y) / exact - 1), abs(by_eigvals(x, y) / exact - 1)
    table(f"n={n}, m={m}, d={d}: off by {ours:.1e}, eigvals(S1 S2) by {usual:.1e}")
    assert ours < 1e-12


def test_covariances_alone_are_enough_where_they_are_singular() -> None:
    x, y = features(8, 12, 3), features(7, 12, 4, 0.3)
    assert frechet_from_moments(*moments(x), *moments(y)) == pytest.approx(by_mpmath(x, y), rel=1e-9)


def test_covariances_near_singularity_lose_no_digits() -> None:
    """Cholesky goes through, but half of the eigenvalues are near rounding: the roots of the product would be noise."""
    scales = np.repeat([1.0, 1e-7], 6)
    x, y = features(60, 12, 5) * scales, features(50, 12, 6) * scales
    assert frechet(x, y) == pytest.approx(by_mpmath(x, y), rel=1e-12)


def singular() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    many, few = features(60, 8, 7), features(5, 8, 8)
    constant, twin = many.copy(), many.copy()
    constant[:, 3] = 2.5
    twin[:, 4] = twin[:, 2]
    return {
        "duplicated rows": (np.repeat(few, 10, axis=0), many),
        "duplicated rows on both sides": (np.repeat(few, 10, axis=0), np.repeat(few + 1, 9, axis=0)),
        "a constant column": (constant, many),
        "constant columns on both sides": (constant, constant + 1),
        "equal columns": (twin, many),
        "all rows equal": (np.ones((20, 8)), many),
        "all rows equal on both sides": (np.ones((20, 8)), np.zeros((20, 8))),
        "two rows": (few[:2], few[3:5]),
        "one feature": (many[:, :1], few[:, :1]),
        "large numbers": (many * 1e8 + 1e9, many * 1e8),
        "tiny numbers": (many * 1e-12, few * 1e-12),
        "zeros": (np.zeros((9, 8)), np.zeros((9, 8))),
    }


@pytest.mark.parametrize("name", singular())
def test_singular_sets_give_the_exact_value_and_never_nan(name: str) -> None:
    x, y = singular()[name]
    exact = by_mpmath(x, y)
    scale = x.var(0).sum() + y.var(0).sum() + ((x.mean(0) - y.mean(0)) ** 2).sum()
    for found in (frechet(x, y), frechet(y, x)):
        assert np.isfinite(found) and found >= 0
        assert found == pytest.approx(exact, rel=1e-9, abs=1e-12 * scale)
    assert frechet_from_moments(*moments(x), *moments(y)) == pytest.approx(exact, rel=1e-7, abs=1e-7 * scale)


def test_any_real_dtype_is_computed_in_float64() -> None:
    x, y = features(40, 6, 1).astype(np.float32), features(30, 6, 2).astype(np.float32)
    assert frechet(x, y) == frechet(x.astype(np.float64), y.astype(np.float64))
    whole = np.arange(30, dtype=np.uint8).reshape(10, 3)
    assert frechet(whole, whole + 1) == pytest.approx(3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torch_gives_the_same_on_the_cpu(shape: tuple[int, int, int]) -> None:
    n, m, d = shape
    x, y = features(n, d, 1), features(m, d, 2, 0.3)
    assert frechet(x, y, device="cpu:0") == pytest.approx(frechet(x, y), rel=1e-11)
    parts = (*moments(x), *moments(y))
    assert frechet_from_moments(*parts, device="cpu:0") == pytest.approx(frechet_from_moments(*parts), rel=1e-7)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_gpu_gives_the_same(shape: tuple[int, int, int]) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA GPU")
    n, m, d = shape
    x, y = features(n, d, 1), features(m, d, 2, 0.3)
    assert frechet(x, y, device="cuda") == pytest.approx(frechet(x, y), rel=1e-11)
    parts = (*moments(x), *moments(y))
    assert frechet_from_moments(*parts, device="cuda") == pytest.approx(frechet_from_moments(*parts), rel=1e-7)


GOOD = np.arange(12.0).reshape(4, 3)
HOLED = np.where(GOOD == 5, np.nan, GOOD)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (HOLED, GOOD, "first set holds NaN"),
        (GOOD, np.where(GOOD == 5, np.inf, GOOD), "second set holds NaN"),
        (GOOD[:1], GOOD, "At least 2 rows"),
        (GOOD, GOOD[:0], "At least 2 rows"),
        (GOOD, GOOD[:, :2], "3 and 2 columns"),
        (GOOD[0], GOOD, r"shape \(3,\)"),
        (GOOD.astype(complex), GOOD, "complex"),
        (GOOD.astype(str), GOOD, "real numbers"),
    ],
)
def test_wrong_features_are_refused_with_a_sentence(x: np.ndarray, y: np.ndarray, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        frechet(x, y)


def test_wrong_moments_options_and_devices_are_refused_with_a_sentence() -> None:
    mean, cov = np.zeros(2), np.eye(2)
    for parts, said in [
        ((mean, cov, np.zeros(3), np.eye(3)), "shapes"),
        ((mean, cov, mean, np.full((2, 2), np.nan)), "finite"),
        ((mean, cov, mean, np.array([[1.0, 1.0], [0.0, 1.0]])), "symmetric"),
        ((mean, -cov, mean, -cov), "semidefinite"),
    ]:
        with pytest.raises(BenchmarkError, match=said):
            frechet_from_moments(*parts)
    with pytest.raises(BenchmarkError, match="ddof"):
        frechet(GOOD, GOOD, ddof=2)
    with pytest.raises(BenchmarkError, match="use cpu"):
        frechet(GOOD, GOOD, device="cuda:99")

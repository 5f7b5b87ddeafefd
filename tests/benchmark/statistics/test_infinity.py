"""FID-infinity finds what the distance tends to, and is the same for the same seed."""

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.statistics.frechet import frechet
from benchmark.statistics.infinity import frechet_infinity

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((1500, 16)), RNG.standard_normal((1500, 16)) + 0.1  # 0.16 apart


def test_the_line_ends_nearer_to_the_population_than_the_distance() -> None:
    found = frechet_infinity(X, Y)
    assert abs(found.value - 0.16) < 0.04 < frechet(X, Y) - 0.16
    assert found.slope > 0


def test_sizes_and_points_are_told_and_end_with_everything() -> None:
    found = frechet_infinity(X, Y, count=5, smallest=0.2)
    assert found.sizes == (300, 600, 900, 1200, 1500)
    assert found.points[-1] == pytest.approx(frechet(X, Y), rel=1e-12)
    slope, value = np.polyfit(1 / np.array(found.sizes), found.points, 1)
    assert (found.value, found.slope) == pytest.approx((value, slope))


def test_a_seed_decides_the_draws() -> None:
    assert frechet_infinity(X[:200], Y[:200], seed=3) == frechet_infinity(X[:200], Y[:200], seed=3)
    assert frechet_infinity(X[:200], Y[:200], seed=3).value != frechet_infinity(X[:200], Y[:200], seed=4).value


def test_whole_clips_are_drawn_the_same_on_both_sides() -> None:
    effects = np.repeat(RNG.standard_normal((60, 4)), 5, axis=0)
    owners = np.repeat(np.arange(60), 5)
    found = frechet_infinity(effects, effects, owners, owners)
    assert found.sizes[-1] == 60
    assert found.points == pytest.approx([0.0] * 15, abs=1e-9)  # other clips on one side would be seen
    # Rows pretend to be independent and miss most of the bias; clips do not.
    noisy = effects + 0.1 * RNG.standard_normal((300, 4))
    other = np.repeat(RNG.standard_normal((60, 4)), 5, axis=0)
    assert frechet_infinity(noisy, other, owners, owners + 60).value < frechet_infinity(noisy, other).value


def test_wrong_input_is_refused_with_a_sentence() -> None:
    with pytest.raises(BenchmarkError, match="neither"):
        frechet_infinity(X, Y, owners_x=np.arange(1500))
    with pytest.raises(BenchmarkError, match="two sizes"):
        frechet_infinity(X, Y, count=1)
    with pytest.raises(BenchmarkError, match="several sizes"):
        frechet_infinity(X[:2], Y[:2])

"""PSNR, SSIM and LPIPS: of two pictures by hand and against other programs, and over clips."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.metrics import metric
from benchmark.metrics.psnr import CAP_DB, mean_squared_error, psnr_of
from benchmark.metrics.ssim import gaussian, ssim
from tests.benchmark.metrics.material import pairs


def picture(seed: int, height: int = 40, width: int = 52) -> np.ndarray:
    """A smooth picture with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [100 + 80 * np.sin(x / rng.uniform(3, 9) + y / rng.uniform(3, 9)) for _ in range(3)]
    return np.clip(np.stack(waves, 2) + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def ssim_by_loops(one: np.ndarray, other: np.ndarray) -> float:
    """Wang et al. (2004), equation 13, window by window."""
    at = np.arange(11) - 5
    line = np.exp(-(at**2) / (2 * 1.5**2))
    window = np.outer(line, line) / np.outer(line, line).sum()
    c1, c2 = 2.55**2, 7.65**2
    found = []
    for channel in range(3):
        for y in range(one.shape[0] - 10):
            for x in range(one.shape[1] - 10):
                a = one[y : y + 11, x : x + 11, channel].astype(float)
                b = other[y : y + 11, x : x + 11, channel].astype(float)
                ma, mb = (window * a).sum(), (window * b).sum()
                va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                cov = (window * (a - ma) * (b - mb)).sum()
                found.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(found))


def test_ssim_is_the_paper_s_formula_over_whole_windows() -> None:
    one, other = picture(0, 17, 21), picture(1, 17, 21)
    assert ssim(one, other) == pytest.approx(ssim_by_loops(one, other), abs=1e-12)


def test_ssim_is_scikit_image_s_of_a_population() -> None:
    from skimage.metrics import structural_similarity

    one, other = picture(2, 150, 70), picture(3, 150, 70)
    theirs = structural_similarity(
        one, other, gaussian_weights=True, use_sample_covariance=False, sigma=1.5, channel_axis=-1, data_range=255
    )
    assert ssim(one, other) == pytest.approx(theirs, abs=1e-10)


def test_ssim_of_black_and_white_is_all_but_nothing() -> None:
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert ssim(black, white) == pytest.approx(2.55**2 / (255**2 + 2.55**2), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), height=st.integers(11, 90), width=st.integers(11, 40))
def test_ssim_is_symmetric_and_one_for_the_same_picture(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    assert ssim(one, one) == pytest.approx(1, abs=1e-12)
    assert ssim(one, other) == pytest.approx(ssim(other, one), abs=1e-12)
    assert -1 <= ssim(one, other) < 1


def test_the_window_is_even_sided_and_whole() -> None:
    assert gaussian().sum() == pytest.approx(1, abs=1e-15)
    assert np.array_equal(gaussian(), gaussian()[::-1])


def test_mean_squared_error_is_exact_for_the_worst_pictures_and_for_odd_sizes() -> None:
    black, white = np.zeros((7, 19, 3), np.uint8), np.full((7, 19, 3), 255, np.uint8)
    assert mean_squared_error(black, white) == 255.0**2
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 333, 217, 3), dtype=np.uint8)
    exact = int(((one.astype(np.int64) - other) ** 2).sum()) / one.size
    assert mean_squared_error(one, other) == exact == mean_squared_error(other, one)


def test_psnr_is_scikit_image_s() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    one, other = picture(4), picture(5)
    theirs = peak_signal_noise_ratio(one, other, data_range=255)
    assert float(psnr_of(np.array(mean_squared_error(one, other)))) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8), "uint8"),
        (np.zeros((20, 20, 3)), np.zeros((20, 20, 3)), "float64"),
        (np.zeros((20, 20, 3), np.uint8), np.zeros((20, 21, 3), np.uint8), "one size"),
    ],
)
def test_what_are_not_two_pictures_is_refused(one: np.ndarray, other: np.ndarray, said: str) -> None:
    for compare in (ssim, mean_squared_error):
        with pytest.raises(BenchmarkError, match=said):
            compare(one, other)


def test_a_picture_below_the_window_has_no_ssim() -> None:
    small = np.zeros((10, 40, 3), np.uint8)
    with pytest.raises(BenchmarkError, match="at least 11 x 11"):
        ssim(small, small)


def test_psnr_is_the_mean_of_decibels_over_frames_and_then_over_clips() -> None:
    # 255^2 / 10 and 255^2 / 1000 are 10 and 30 dB; an exact copy counts as 100 dB.
    found = metric("psnr").compute(pairs("mse", np.array([255.0**2 / 10, 255.0**2 / 1000]), np.array([0.0])))
    assert found.per_clip == {"c0": pytest.approx(20), "c1": CAP_DB}
    assert found.value == pytest.approx(60) and found.details == {"frames_at_cap": 1, "frames": 3}


def test_ssim_and_lpips_are_means_over_frames_and_then_over_clips() -> None:
    arrays = np.array([0.2, 0.4, 0.6]), np.array([0.8])
    for key in ("ssim", "lpips"):
        found = metric(key).compute(pairs(key, *arrays))
        assert found.value == pytest.approx(0.6) and found.details["frames"] == 4


def test_a_clip_counts_as_at_most_one_in_lpips() -> None:
    assert metric("lpips").compute(pairs("lpips", np.array([1.3]), np.array([0.5]))).value == pytest.approx(0.75)


@pytest.mark.parametrize(("key", "name", "value"), [("psnr", "mse", -1.0), ("ssim", "ssim", 1.1), ("psnr", "mse", 7e4)])
def test_numbers_that_the_feature_cannot_have_are_refused_by_name(key: str, name: str, value: float) -> None:
    with pytest.raises(BenchmarkError, match=f"c1: {name} lies outside"):
        metric(key).compute(pairs(name, np.array([0.5]), np.array([0.5, value])))


def test_the_cap_is_100_decibels() -> None:
    assert math.isclose(float(psnr_of(np.array(0.0))), 100.0)

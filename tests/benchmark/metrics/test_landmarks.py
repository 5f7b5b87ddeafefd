"""Distances of landmarks and the amount of motion, by hand and against the plainest program."""

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.metrics import NotApplicable, metric
from tests.benchmark.metrics.material import one

NONE = np.full((1, 68, 2), np.nan, np.float32)


def still(frames: int = 4, seed: int = 0) -> np.ndarray:
    """The same face in every frame."""
    face = np.random.default_rng(seed).integers(50, 200, (1, 68, 2)).astype(np.float32)
    return np.repeat(face, frames, axis=0)


def lmd_by_loops(real: np.ndarray, generated: np.ndarray, points: range) -> float:
    """EAT's landmark distance, point by point."""
    count = min(len(real), len(generated))
    total = []
    for at_real, at_other in zip(
        np.linspace(0, len(real) - 1, count).astype(int), np.linspace(0, len(generated) - 1, count).astype(int),
        strict=True,
    ):  # fmt: skip
        a, b = real[at_real].astype(float)[list(points)], generated[at_other].astype(float)[list(points)]
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        total.append(np.mean([np.hypot(*(a[place] - b[place])) for place in range(len(points))]))
    return float(np.mean(total))


def test_akd_is_the_mean_absolute_difference_of_coordinates() -> None:
    real = still()
    moved = real + np.array([3, -1], np.float32)  # mean of 3 and 1
    found = metric("akd").compute(one("points68", (real, moved), (real, real)))
    assert found.per_clip == {"c0": pytest.approx(2), "c1": 0} and found.value == pytest.approx(1)


def test_akd_does_not_align() -> None:
    real = still()
    for key in ("m-lmd", "f-lmd"):
        assert metric(key).compute(one("points68", (real, real + 10))).value == pytest.approx(0, abs=1e-9)
    assert metric("akd").compute(one("points68", (real, real + 10))).value == pytest.approx(10)


def test_a_lost_face_costs_256_px_and_a_face_that_the_truth_lacks_costs_nothing() -> None:
    real, generated = still(), still() + np.float32(4)
    real[3], generated[0] = np.nan, np.nan
    found = metric("akd").compute(one("points68", (real, generated)))
    assert found.value == pytest.approx((256 + 4 + 4) / 3)
    assert found.details == {
        "frames_compared": 2, "frames_without_face": 1, "frames_without_face_in_ground_truth": 1
    }  # fmt: skip


def test_a_video_without_any_face_costs_256_px() -> None:
    for key in ("akd", "m-lmd", "f-lmd", "motion"):
        assert metric(key).compute(one("points68", (still(), np.full_like(still(), np.nan)))).value == 256


@pytest.mark.parametrize(("key", "points"), [("m-lmd", range(48, 68)), ("f-lmd", range(68))])
def test_landmark_distances_are_those_of_the_plain_program(key: str, points: range) -> None:
    rng = np.random.default_rng(1)
    sides = [
        (
            rng.uniform(0, 256, (frames, 68, 2)).astype(np.float32),
            rng.uniform(0, 256, (other, 68, 2)).astype(np.float32),
        )
        for frames, other in ((9, 9), (9, 5), (4, 11), (1, 1))
    ]
    found = metric(key).compute(one("points68", *sides))
    wanted = {f"c{place}": lmd_by_loops(*side, points) for place, side in enumerate(sides)}
    assert found.per_clip == {clip: pytest.approx(value, abs=1e-10) for clip, value in wanted.items()}


def test_the_mouth_moves_m_lmd_more_than_f_lmd() -> None:
    real, open_mouth = still(), still()
    open_mouth[:, 56:59, 1] += 10
    mouth, face = (metric(key).compute(one("points68", (real, open_mouth))).value for key in ("m-lmd", "f-lmd"))
    assert mouth > face > 0


def test_akd_refuses_videos_of_different_length() -> None:
    with pytest.raises(BenchmarkError, match=r"c0: points68 has 4 rows of the ground truth and 3 of the system"):
        metric("akd").compute(one("points68", (still(4), still(3))))


def test_motion_is_the_difference_of_mean_speeds() -> None:
    steps = np.arange(4, dtype=np.float32)[:, None, None]
    real = still() + steps * np.array([3, 4], np.float32)  # 5 px per frame
    faster = still() + steps * np.array([-6, 8], np.float32)  # 10 px per frame
    found = metric("motion").compute(one("points68", (real, faster), (real, still())))
    assert found.per_clip == {"c0": pytest.approx(5), "c1": pytest.approx(5)}
    assert found.details["ground_truth"] == pytest.approx(5)
    assert found.details["generated"] == pytest.approx(5)
    assert found.details["signed_difference"] == pytest.approx(0, abs=1e-6)


def test_motion_compares_pairs_of_frames_in_which_both_show_a_face() -> None:
    steps = np.arange(5, dtype=np.float32)[:, None, None]
    real = still(5) + steps * np.array([3, 4], np.float32)
    lost = real.copy()
    lost[4] = np.nan  # of 4 pairs the last one is lost
    found = metric("motion").compute(one("points68", (real, lost)))
    assert found.value == pytest.approx(256 / 4, abs=1e-4)
    unseen = real.copy()
    unseen[0] = np.nan
    assert metric("motion").compute(one("points68", (unseen, real))).value == pytest.approx(0, abs=1e-6)


def test_motion_is_not_measured_from_the_end_of_a_clip_to_the_start_of_the_next() -> None:
    far = still(4, seed=5)
    found = metric("motion").compute(one("points68", (still(), far), (far, still())))
    assert found.value == 0


def test_a_clip_without_two_neighbouring_frames_has_no_motion() -> None:
    gaps = np.concatenate([still(1), NONE, still(1)])
    with pytest.raises(NotApplicable, match="two frames one after the other"):
        metric("motion").compute(one("points68", (gaps, still(3))))
    found = metric("motion").compute(one("points68", (gaps, still(3)), (still(3), still(3))))
    assert found.n == 1 and list(found.per_clip) == ["c1"]


def test_flicker_is_the_difference_of_mean_changes() -> None:
    found = metric("flicker").compute(
        one("frame_difference", (np.array([1.0, 3.0]), np.array([5.0, 5.0])), (np.array([2.0]), np.array([1.0])))
    )
    assert found.per_clip == {"c0": 3, "c1": 1} and found.details["signed_difference"] == pytest.approx(1)


def test_a_clip_of_one_frame_has_no_flicker() -> None:
    with pytest.raises(NotApplicable):
        metric("flicker").compute(one("frame_difference", (np.empty(0), np.empty(0))))


def test_identity_is_the_cosine_to_the_mean_of_the_real_frames() -> None:
    real = np.zeros((8, 128), np.float32)
    real[:4, 0], real[4:, 1] = 1, 1  # mean: half of each axis
    generated = np.zeros((8, 128), np.float32)
    generated[:, 0] = 7
    found = metric("identity").compute(one("identity", (real, generated)))
    assert found.value == pytest.approx(np.sqrt(0.5)) and found.details["ceiling"] == pytest.approx(np.sqrt(0.5))


def test_identity_counts_a_lost_face_as_the_opposite_person() -> None:
    real = np.tile(np.float32(1), (8, 128))
    generated = real.copy()
    generated[:2] = np.nan
    unseen = real.copy()
    unseen[:2] = np.nan
    assert metric("identity").compute(one("identity", (real, generated))).value == pytest.approx((6 - 2) / 8)
    found = metric("identity").compute(one("identity", (unseen, generated)))
    assert found.value == pytest.approx(1) and found.details["frames_without_face_in_ground_truth"] == 2
    assert metric("identity").compute(one("identity", (real, -real))).value == pytest.approx(-1)


def test_a_vector_without_length_is_like_nobody() -> None:
    real = np.tile(np.float32(1), (8, 128))
    assert metric("identity").compute(one("identity", (real, np.zeros_like(real)))).value == 0

"""SyncNet's distances, mouth against sound, and speech quality."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.features import Clip
from benchmark.metrics import NotApplicable, metric
from benchmark.metrics.sync import sync_distances
from tests.benchmark.metrics.material import features, one, pairs


def sync(key: str, *arrays: np.ndarray) -> float:
    return metric(key).compute(pairs("sync_distances", *arrays)).value


def curve(least_at: int, least: float = 7.0, others: float = 12.0, windows: int = 40) -> np.ndarray:
    """Distances [windows, 31] that are the same in all windows."""
    found = np.full((windows, 31), others)
    found[:, least_at] = least
    return found


def test_distances_are_those_of_the_authors_program() -> None:
    """What `calc_pdist` of SyncNetInstance does, in PyTorch's own operations."""
    import torch

    rng = np.random.default_rng(0)
    video, audio = rng.normal(0, 0.25, (2, 37, 1024)).astype(np.float32)
    padded = torch.nn.functional.pad(torch.tensor(audio), (0, 0, 15, 15))
    theirs = torch.stack(
        [
            torch.nn.functional.pairwise_distance(torch.tensor(row)[None].repeat(31, 1), padded[place : place + 31])
            for place, row in enumerate(video)
        ]
    )
    ours = sync_distances(video, audio)
    assert np.abs(ours - theirs.numpy()).max() < 1e-4  # theirs is float32
    mean = theirs.double().mean(dim=0)
    offset = 15 - int(mean.argmin())
    assert sync("sync-d", theirs.numpy()) == pytest.approx(float(mean.min()), abs=1e-5)
    assert sync("sync-c", theirs.numpy()) == pytest.approx(float(mean.median() - mean.min()), abs=1e-5)
    assert sync("sync-offset", theirs.numpy()) == abs(offset)


def test_distances_of_double_precision_are_exact() -> None:
    import torch

    rng = np.random.default_rng(1)
    video, audio = rng.normal(0, 1, (2, 20, 64))
    padded = torch.nn.functional.pad(torch.tensor(audio), (0, 0, 15, 15))
    theirs = [
        torch.nn.functional.pairwise_distance(torch.tensor(row)[None].repeat(31, 1), padded[place : place + 31])
        for place, row in enumerate(video)
    ]
    assert np.abs(sync_distances(video, audio) - torch.stack(theirs).numpy()).max() < 1e-12


@settings(max_examples=20, deadline=None)
@given(shift=st.integers(-10, 10), seed=st.integers(0, 1000))
def test_sound_that_comes_later_has_its_offset(shift: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = rng.normal(0, 1, (80, 32))
    found = sync_distances(stream[15:65], stream[15 - shift : 65 - shift])
    result = metric("sync-offset").compute(pairs("sync_distances", found))
    assert result.value == abs(shift) and result.details["mean_signed_frames"] == -shift
    assert result.details["mean_absolute_ms"] == 40 * abs(shift)


@pytest.mark.parametrize(
    ("video", "audio"),
    [
        (np.zeros((3, 4)), np.zeros((4, 4))),
        (np.zeros((0, 4)), np.zeros((0, 4))),
        (np.full((3, 4), np.nan), np.zeros((3, 4))),
    ],
)
def test_embeddings_that_are_none_are_refused(video: np.ndarray, audio: np.ndarray) -> None:
    with pytest.raises(BenchmarkError, match="Embeddings"):
        sync_distances(video, audio)


def test_confidence_is_the_median_minus_the_least() -> None:
    assert sync("sync-d", curve(15)) == 7 and sync("sync-c", curve(15)) == 5
    assert sync("sync-offset", curve(12)) == 3 and sync("sync-d0", curve(12)) == 12


def test_a_late_video_has_the_same_confidence_and_only_offset_and_zero_shift_tell() -> None:
    for key in ("sync-c", "sync-d"):
        assert sync(key, curve(5)) == sync(key, curve(15))
    assert sync("sync-offset", curve(5)) == 10 and sync("sync-d0", curve(5)) > sync("sync-d0", curve(15))


def test_a_clip_is_the_mean_curve_of_its_windows_rather_than_the_mean_of_their_scores() -> None:
    two = np.concatenate([curve(10, windows=1), curve(20, windows=1)])
    assert sync("sync-d", two) == pytest.approx(9.5)


def test_valid_windows_leave_out_what_met_zeros() -> None:
    found = curve(15, windows=20)
    for window in range(20):
        for shift in range(31):
            if not 0 <= window + shift - 15 < 20:
                found[window, shift] = 5.0  # zeros are near to everything: the padding's bias
    assert sync("sync-c-valid", found) == 5 and sync("sync-d-valid", found) == 7
    assert sync("sync-c", found) < 5


def test_shifts_that_no_window_has_sound_at_are_left_out() -> None:
    found = np.full((3, 31), 1.0)
    found[:, 13:18] = [9.0, 8.0, 6.0, 8.5, 9.5]  # with 3 windows only shifts of -2 to 2 meet sound
    assert sync("sync-d-valid", found) == 6 and sync("sync-c-valid", found) == 2.5


def test_a_window_without_a_face_counts_as_the_worst_in_proportion() -> None:
    found = curve(15)
    found[:10] = np.nan  # a quarter
    assert sync("sync-d", found) == pytest.approx(0.75 * 7 + 0.25 * 20)
    assert sync("sync-c", found) == pytest.approx(0.75 * 5)
    assert sync("sync-offset", found) == pytest.approx(0.25 * 15)
    assert [sync(key, np.full((9, 31), np.nan)) for key in ("sync-c", "sync-d", "sync-offset")] == [0, 20, 15]


def test_a_failed_clip_counts_in_sync_if_its_ground_truth_has_sound() -> None:
    sound = np.array([[0.5, 10.0, 3.0, 0.01, 1.0]])
    good = Clip("a", "p", real={"mouth_audio": sound}, pair={"sync_distances": curve(15)})
    silent = Clip("b", "p", failure="none")
    heard = Clip("c", "p", real={"mouth_audio": sound}, failure="none")
    assert metric("sync-d").compute(features([good, silent])).n == 1
    assert metric("sync-d").compute(features([good, silent, heard])).value == pytest.approx((7 + 20) / 2)


def row(correlation: float = 0.5, lag: float = 0.0, known: float = 1.0) -> np.ndarray:
    return np.array([[correlation, lag, 4.0, 0.02, known]])


def test_the_lag_is_held_against_the_ground_truth_s_own() -> None:
    found = metric("mouth-audio-lag").compute(
        one("mouth_audio", (row(lag=30), row(lag=-50)), (row(lag=100), row(lag=110)), (row(known=0), row()))
    )
    assert found.per_clip == {"c0": 80, "c1": 10}
    assert found.details["mean_absolute_lag_ms"] == 80 and found.details["mean_absolute_lag_ms_of_ground_truth"] == 65


def test_a_mouth_without_an_answer_counts_as_600_ms_and_a_lag_that_is_not_known_as_it_is() -> None:
    blank = np.full((1, 5), np.nan)
    found = metric("mouth-audio-lag").compute(
        one("mouth_audio", (row(), row(lag=0, known=0)), (row(), blank), (row(-1, -590), row(1, 590)))
    )
    assert list(found.per_clip.values()) == [0, 600, 600] and found.details["clips_without_known_lag"] == 2


def test_no_known_lag_in_the_ground_truth_is_no_number() -> None:
    with pytest.raises(NotApplicable, match="lag between mouth and sound"):
        metric("mouth-audio-lag").compute(one("mouth_audio", (row(known=0), row())))


def test_the_correlation_is_the_system_s_and_silence_counts_as_its_opposite() -> None:
    blank = np.full((1, 5), np.nan)
    found = metric("mouth-audio-correlation").compute(
        one("mouth_audio", (row(0.5), row(0.3)), (row(0.7), blank), (blank, row(0.9)))
    )
    assert found.per_clip == {"c0": pytest.approx(0.3), "c1": -1}
    assert found.details == {"ground_truth": pytest.approx(0.6), "chance": 0.02, "clips_without_answer": 1}


def test_speech_quality_is_the_overall_opinion_with_the_others_beside() -> None:
    real, generated = np.array([[3.0, 4.0, 3.5]]), np.array([[2.0, 3.0, 2.5]])
    found = metric("speech-quality").compute(one("dnsmos", (real, generated)))
    assert found.value == 2.5 and (found.details["signal"], found.details["background"]) == (2, 3)
    assert found.details["overall_of_ground_truth"] == 3.5


def test_two_rows_where_a_clip_has_one_are_refused_by_name() -> None:
    with pytest.raises(BenchmarkError, match="c0: dnsmos has one row, here 2"):
        metric("speech-quality").compute(one("dnsmos", (np.ones((1, 3)), np.ones((2, 3)))))

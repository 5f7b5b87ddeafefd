"""What holds for every metric: who counts, what failures cost, that nothing is better than the truth itself."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics import NotApplicable, keys, metric
from tests.benchmark.metrics.material import MADE_BY, PAIR, changed, clips, failed, features

KEYS = keys()
OVER_CLIPS = [key for key in KEYS if metric(key).paired]
OVER_SETS = [key for key in KEYS if not metric(key).paired]
MEANS = [key for key in OVER_CLIPS if not key.endswith("-f1")]
RUN = features(clips(20, large=True))
BEST = {
    "akd": 0, "m-lmd": 0, "f-lmd": 0, "motion": 0, "flicker": 0, "lpips": 0, "psnr": 100, "ssim": 1,
    "mouth-audio-lag": 0, "sync-offset": 0, "emotion-accuracy": 1, "emotion-normalised": 1, "emotion-f1": 1,
    "emotion-consistency": 0, "compound-top2": 1, "compound-f1": 1, "sync-d": 0, "sync-d0": 0, "sync-d-valid": 0,
    "fid-4": 0, "fid-all": 0, "fvd": 0, "fvd-videogpt": 0, "fd-pixels": 0, "efid": 0, "fid-4-corrected": 0,
    "fid-all-corrected": 0, "fvd-corrected": 0, "fvd-videogpt-corrected": 0, "fd-pixels-corrected": 0,
    "efid-corrected": 0,
}  # fmt: skip


@pytest.mark.parametrize("key", BEST)
def test_the_ground_truth_against_itself_is_as_good_as_can_be(key: str) -> None:
    found = metric(key).compute(features(clips(20, same=True, large=True)))
    assert found.value == pytest.approx(BEST[key], abs=1e-12)
    assert found.interval[0] - 1e-9 <= found.value <= found.interval[1] + 1e-9


@pytest.mark.parametrize("key", KEYS)
def test_a_result_says_how_it_was_made(key: str) -> None:
    asked, found = metric(key), metric(key).compute(RUN)
    assert found.name == f"{key}/{MADE_BY[asked.needs[0]]}/v1"
    assert (found.direction, found.unit) == (asked.direction, asked.unit) and found.method
    assert found.interval[0] <= found.value <= found.interval[1]
    assert json.loads(json.dumps(dict(found.details), allow_nan=False)) == found.details
    if key in MEANS:
        assert found.value == pytest.approx(np.mean(list(found.per_clip.values())))
        assert len(found.per_clip) == found.n
    else:
        assert not found.per_clip


@pytest.mark.parametrize("key", KEYS)
def test_the_same_features_give_the_same_result(key: str) -> None:
    assert metric(key).compute(features(RUN.clips)) == metric(key).compute(features(RUN.clips))


@pytest.mark.parametrize("key", MEANS)
def test_a_failed_clip_counts_as_the_worst_value(key: str) -> None:
    before = metric(key).compute(RUN)
    victim = next(iter(before.per_clip))
    held = [failed(clip) if clip.id == victim else clip for clip in RUN.clips]
    after = metric(key).compute(features(held))
    worst = metric(key).worst
    assert worst is not None
    assert after.per_clip[victim] == pytest.approx(worst)
    assert after.n == before.n and after.details["failed_clips"] == 1
    assert after.value == pytest.approx(before.value + (worst - before.per_clip[victim]) / before.n)


@pytest.mark.parametrize("key", MEANS)
def test_no_clip_can_score_worse_than_a_failed_one(key: str) -> None:
    worst, sign = metric(key).worst, 1 if metric(key).direction == "higher" else -1
    far = [changed(clip, "generated", points68=clip.generated["points68"] * 1e3) for clip in RUN.clips]
    far = [changed(clip, "pair", lpips=clip.pair["lpips"] * 50) for clip in far]
    far = [changed(clip, "pair", sync_distances=clip.pair["sync_distances"] * 50) for clip in far]
    assert worst is not None
    assert all(sign * (value - worst) >= 0 for value in metric(key).compute(features(far)).per_clip.values())


@pytest.mark.parametrize("key", [key for key in OVER_CLIPS if key.endswith("-f1")])
def test_failed_clips_cost_f1(key: str) -> None:
    held = clips(20, same=True)
    some = [failed(clip) if number % 5 in (3, 4) else clip for number, clip in enumerate(held)]
    assert metric(key).compute(features(some)).value < metric(key).compute(features(held)).value == 1


@pytest.mark.parametrize("key", OVER_CLIPS)
def test_a_run_in_which_everything_failed_is_the_worst(key: str) -> None:
    found = metric(key).compute(features([failed(clip) for clip in RUN.clips]))
    assert found.value == pytest.approx(metric(key).worst)


@pytest.mark.parametrize("key", OVER_SETS)
def test_a_set_that_lacks_a_clip_is_infinitely_bad_and_says_so(key: str) -> None:
    found = metric(key).compute(features([failed(RUN.clips[0]), *RUN.clips[1:]]))
    assert found.value == math.inf and found.interval == (math.inf, math.inf) and found.n == len(RUN.clips)
    assert found.details["failed_clips"] == 1 and "1 of 20 clips failed" in found.details["reason"]


@pytest.mark.parametrize("key", KEYS)
def test_without_its_feature_a_metric_is_not_applicable_rather_than_wrong(key: str) -> None:
    bare = features([Clip(clip.id, clip.identity, clip.emotion, clip.compound) for clip in RUN.clips])
    with pytest.raises(NotApplicable):
        metric(key).compute(bare)
    with pytest.raises(NotApplicable):
        metric(key).compute(features([]))


@pytest.mark.parametrize("key", [key for key in KEYS if metric(key).needs[0] not in PAIR])
def test_a_clip_whose_ground_truth_lacks_the_feature_does_not_count(key: str) -> None:
    name = metric(key).needs[0]
    counted = [clip for clip in RUN.clips if not key.startswith("compound") or clip.compound]
    counted = [clip for clip in counted if not key.startswith("emotion-") or clip.emotion]
    out = changed(counted[0], "real", **{name: None})
    found = metric(key).compute(features([out, *counted[1:]]))
    assert found.n == len(counted) - 1 and out.id not in found.per_clip
    blank = np.full_like(counted[0].real[name], np.nan)
    blank_clip = changed(counted[0], "real", **{name: blank})
    assert metric(key).compute(features([blank_clip, *counted[1:]])).value == found.value


@pytest.mark.parametrize("key", [key for key in KEYS if not key.startswith("sync-")])  # these come with sound only
def test_a_system_cannot_leave_a_clip_out_by_leaving_a_feature_out(key: str) -> None:
    name = metric(key).needs[0]
    side = "pair" if name in PAIR else "generated"
    counted = [clip for clip in RUN.clips if (clip.compound if key.startswith("compound") else clip.emotion)]
    held = features([changed(counted[0], side, **{name: None}), *counted[1:]])
    if name in ("mouth_audio", "dnsmos"):  # it made a silent video
        assert metric(key).compute(held).per_clip[counted[0].id] == metric(key).worst
    else:
        with pytest.raises(BenchmarkError, match=rf"{counted[0].id} lacks the feature {name}"):
            metric(key).compute(held)


@pytest.mark.parametrize("side", ["real", "generated"])
@pytest.mark.parametrize("key", [key for key in KEYS if metric(key).needs[0] not in PAIR])
def test_a_row_that_is_partly_no_number_is_refused_by_name(key: str, side: str) -> None:
    name = metric(key).needs[0]
    counted = [clip for clip in RUN.clips if (clip.compound if key.startswith("compound") else clip.emotion)]
    broken = getattr(counted[2], side)[name].copy()
    # In a row that metrics of four frames look at as well.
    broken.reshape(len(broken), -1)[3 * len(broken) // 8, -1] = np.nan
    held = [changed(clip, side, **{name: broken}) if clip is counted[2] else clip for clip in counted]
    with pytest.raises(BenchmarkError, match=rf"{counted[2].id}: {name} holds a number that is not finite"):
        metric(key).compute(features(held))


@pytest.mark.parametrize("key", [key for key in KEYS if metric(key).needs[0] in PAIR])
def test_a_pair_with_a_number_that_is_none_is_refused_by_name(key: str) -> None:
    name = metric(key).needs[0]
    broken = RUN.clips[2].pair[name].copy()
    broken[(1, 3) if broken.ndim == 2 else 1] = np.inf
    held = [changed(clip, "pair", **{name: broken}) if clip is RUN.clips[2] else clip for clip in RUN.clips]
    with pytest.raises(BenchmarkError, match=rf"{RUN.clips[2].id}: {name} holds a number that is not finite"):
        metric(key).compute(features(held))


@pytest.mark.parametrize("key", KEYS)
def test_rows_of_another_shape_are_refused_by_name(key: str) -> None:
    name = metric(key).needs[0]
    side = "pair" if name in PAIR else "generated"
    counted = [clip for clip in RUN.clips if (clip.compound if key.startswith("compound") else clip.emotion)]
    array = getattr(counted[1], side)[name]
    broken = changed(counted[1], side, **{name: array[..., None]})
    with pytest.raises(BenchmarkError, match=rf"{counted[1].id}: {name} has rows of the shape"):
        metric(key).compute(features([counted[0], broken, *counted[2:]]))


def test_features_that_do_not_say_what_made_them_have_no_name() -> None:
    with pytest.raises(BenchmarkError, match="do not say what made points68"):
        metric("akd").compute(Features(RUN.clips))


def test_one_clip_has_a_value_and_no_interval() -> None:
    found = metric("akd").compute(features(RUN.clips[:1]))
    assert found.n == 1 and found.interval == (-math.inf, math.inf)


def test_only_a_list_of_two_clips_has_a_distance_of_sets() -> None:
    with pytest.raises(NotApplicable, match="2 rows without any one group of clips"):
        metric("fd-pixels").compute(features(RUN.clips[:1]))


@pytest.mark.parametrize("key", [key for key in MEANS if key != "emotion-normalised"])  # its floor is the list's
def test_clips_do_not_influence_each_other(key: str) -> None:
    whole = metric(key).compute(RUN).per_clip
    part = metric(key).compute(features([replace(clip) for clip in RUN.clips[:7]])).per_clip
    assert part == {clip: pytest.approx(whole[clip], abs=1e-12) for clip in part}

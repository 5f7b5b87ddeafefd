"""Distances of sets: what rows they take, what they tell, and when there is none."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmark.features import Clip
from benchmark.metrics import NotApplicable, _over_sets, metric
from benchmark.statistics.frechet import frechet
from benchmark.statistics.mmd import kid
from tests.benchmark.metrics.material import clips, features

RUN = features(clips(20, large=True))


def rows(feature: str, side: str) -> np.ndarray:
    return np.concatenate([getattr(clip, side)[feature] for clip in RUN.clips]).astype(np.float64)


@pytest.mark.parametrize(
    ("key", "feature", "ddof"),
    [("fid-4", "inception4", 1), ("fid-all", "inception", 1), ("fvd", "i3d", 0), ("fvd-videogpt", "i3d-videogpt", 1),
     ("fid-vid", "resnet3d50", 1), ("efid", "expression3dmm", 1)],
)  # fmt: skip
def test_the_plain_number_is_the_distance_of_all_rows(key: str, feature: str, ddof: int) -> None:
    found = metric(key).compute(RUN)
    assert found.value == pytest.approx(frechet(rows(feature, "generated"), rows(feature, "real"), ddof), rel=1e-9)
    assert found.details["rows"] == len(rows(feature, "generated")) and found.n == 20


def test_kid_is_the_unbiased_estimate_over_all_rows() -> None:
    for key, feature in (("kid-4", "inception4"), ("kid-all", "inception")):
        wanted = kid(rows(feature, "real"), rows(feature, "generated"))
        assert metric(key).compute(RUN).value == pytest.approx(wanted, abs=1e-12)


def test_the_corrected_number_has_its_own_interval_around_it() -> None:
    for key in ("fid-4", "fvd", "efid", "fd-pixels"):
        plain, corrected = metric(key).compute(RUN), metric(f"{key}-corrected").compute(RUN)
        assert corrected.value < plain.value  # two sets of one distribution: all is bias
        assert plain.details["corrected"] == corrected.value and plain.details == corrected.details
        for found in (plain, corrected):
            assert sum(found.interval) / 2 == pytest.approx(found.value)
        assert "for the population" in corrected.method and "for the expectation at 20 clips" in plain.method


def test_the_intervals_groups_are_identities_where_there_are_enough() -> None:
    many = features([replace(clip, identity=f"p{n % 12}") for n, clip in enumerate(RUN.clips)])
    assert metric("efid").compute(many).details["groups"] == "12 identities"
    assert metric("efid").compute(RUN).details["groups"] == "20 clips"  # of 4 persons


def test_thumbnails_are_taken_from_the_middles_of_four_equal_parts() -> None:
    held = []
    for clip in RUN.clips:
        sides = {side: {"thumbs": getattr(clip, side)["thumbs"].copy()} for side in ("real", "generated")}
        for side in sides.values():
            unused = [place for place in range(12) if place not in (1, 4, 7, 10)]
            side["thumbs"][unused] = 1e6
        held.append(Clip(clip.id, clip.identity, **sides))
    assert metric("fd-pixels").compute(features(held)).value == pytest.approx(metric("fd-pixels").compute(RUN).value)
    assert metric("fd-pixels").compute(RUN).details["rows"] == 80


def test_few_rows_are_warned_of() -> None:
    found = metric("fid-4").compute(RUN).details
    assert found["dimensions"] == 2048 and "80 rows are no more than the 2048 dimensions" in found["warning"]
    assert "warning" not in metric("efid").compute(RUN).details


def test_fid_infinity_is_told_with_its_points() -> None:
    found = metric("fid-4").compute(RUN).details
    assert len(found["infinity_points"]) == len(found["infinity_sizes"]) == 15
    assert found["infinity"] < found["plain"]


def with_lost(side: str, part: slice) -> list[Clip]:
    """The run where the first clip's expressions lack some rows."""
    first = RUN.clips[0]
    held = dict(getattr(first, side))
    held["expression3dmm"] = held["expression3dmm"].copy()
    held["expression3dmm"][part] = np.nan
    return [replace(first, **{side: held}), *RUN.clips[1:]]


def test_frames_without_a_face_are_left_out_and_counted() -> None:
    found = metric("efid").compute(features(with_lost("generated", slice(0, 5))))
    assert found.details["rows_without_face"] == 5 and found.details["rows"] == 12 * 20 - 5
    assert math.isfinite(found.value)


def test_a_video_without_any_face_makes_the_set_infinitely_bad() -> None:
    found = metric("efid").compute(features(with_lost("generated", slice(None))))
    assert found.value == math.inf and "show no face" in found.details["reason"]


def test_a_clip_whose_ground_truth_shows_no_face_leaves_both_sides() -> None:
    found = metric("efid").compute(features(with_lost("real", slice(None))))
    assert found.n == 19 and found.details["rows"] == 12 * 19


def test_a_set_held_against_itself_has_no_distance_and_no_spread() -> None:
    held = features([replace(clip, generated=clip.real) for clip in RUN.clips])
    for key in ("fid-4", "fd-pixels-corrected", "fvd", "efid"):
        found = metric(key).compute(held)
        assert (found.value, found.interval) == (0.0, (0.0, 0.0)) and "both sets are the same" in found.method
    assert metric("fid-4").compute(held).details["infinity"] == 0


def test_a_shift_of_all_features_is_its_squared_length() -> None:
    held = []
    for clip in RUN.clips:
        expressions = clip.real["expression3dmm"].astype(np.float64)
        held.append(replace(clip, generated={"expression3dmm": expressions + 2.0}))
    found = metric("efid").compute(features(held))
    assert found.value == pytest.approx(10 * 2.0**2, rel=1e-9)


def test_too_few_clips_are_not_corrected(few_clips_are_corrected: Callable[[int, int], None]) -> None:
    rule = few_clips_are_corrected
    rule(20, 10)
    rule(193, 192)
    for count, width in ((19, 10), (192, 192), (200, 2048)):
        with pytest.raises(NotApplicable, match=f"{count} clips are too few to correct a distance in {width} dim"):
            rule(count, width)


def test_a_frechet_distance_asks_for_the_rule_and_kid_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(_over_sets, "_require_many", lambda clips, width: asked.append((clips, width)))
    for key in ("efid", "efid-corrected", "kid-4"):
        metric(key).compute(RUN)
    assert asked == [(20, 10)]

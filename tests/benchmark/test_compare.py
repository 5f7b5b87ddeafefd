"""Two bundles are compared clip by clip where they may be, and refused with one sentence where not."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmark.bundle import Bundle, load
from benchmark.compare import Comparison, ComparisonLine, compare
from benchmark.errors import BenchmarkError
from benchmark.features import Features
from benchmark.metrics import metric
from benchmark.paired import by_rows
from perf.rescoring import synthetic
from tests.benchmark.bundle.material import make

MEANS = ("psnr", "ssim", "akd", "m-lmd", "identity", "emotion-accuracy")
SETS = ("fd-pixels", "efid", "efid-corrected", "emotion-f1")
EQUALS = ("psnr", "m-lmd", "efid-corrected")
METRICS = (*MEANS, *SETS)
Score = Callable[..., Bundle]


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    """Scores a system that misses the ground truth by so much; the same once only."""
    folder = tmp_path_factory.mktemp("compared")

    @cache
    def scored(
        noise: float, failed: tuple[int, ...] = (), clips: int = 40, metrics: tuple[str, ...] = METRICS, **changes: str
    ) -> Bundle:
        place = folder / f"b{len(list(folder.iterdir()))}"
        make(place, synthetic(clips, 6, noise, failed=failed), metrics, system=f"misses by {noise}", **changes)
        return load(place)

    return scored


def by_key(found: Comparison) -> dict[str, ComparisonLine]:
    return {line.key: line for line in found.lines}


def test_a_system_is_no_better_than_itself(score: Score) -> None:
    found = compare(score(0.1), score(0.1))
    assert [line.key for line in found.lines] == list(METRICS) and not found.left_out
    for line in found.lines:
        assert line.difference == pytest.approx(0, abs=1e-9) and line.interval == pytest.approx((0, 0), abs=1e-9)
        assert line.verdict == "no difference shown", line


def test_the_system_that_misses_less_is_better_whichever_stands_first(score: Score) -> None:
    close, far = score(0.05), score(0.3)
    forth, back = compare(close, far), compare(far, close)
    assert (forth.first, forth.second) == (close.results.system.name, far.results.system.name)
    for key in ("psnr", "ssim", "akd", "m-lmd", "identity", "fd-pixels", "efid", "efid-corrected"):
        one, other = by_key(forth)[key], by_key(back)[key]
        assert (one.verdict, other.verdict) == ("a better", "b better"), (one, other)
        assert one.difference == pytest.approx(-other.difference)
        assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]), rel=0.05)
        assert one.interval[0] <= one.difference <= one.interval[1]


def test_the_p_value_is_small_where_one_is_better_and_one_where_both_are_the_same(score: Score) -> None:
    for line in compare(score(0.05), score(0.3)).lines:
        assert line.p is not None and (line.p < 0.05) == (line.verdict == "a better"), line
    assert all(line.p == 1 for line in compare(score(0.1), score(0.1)).lines)
    broken = by_key(compare(score(0.1), score(0.1, failed=(3, 4, 5))))["fd-pixels"]
    assert broken.p == 0


def test_the_p_value_of_a_mean_is_that_of_a_paired_t_test(score: Score) -> None:
    from scipy.stats import ttest_rel

    a, b = score(0.1), score(0.11)
    for key in ("psnr", "akd", "identity"):
        values = [list(bundle.per_clip(key).values()) for bundle in (a, b)]
        assert by_key(compare(a, b))[key].p == pytest.approx(ttest_rel(*values).pvalue, rel=1e-9)


def test_the_difference_is_that_of_the_two_values(score: Score) -> None:
    for line in compare(score(0.05), score(0.3)).lines:
        assert line.difference == pytest.approx(line.second - line.first, rel=1e-9, abs=1e-12), line.key


def test_pairs_tell_more_than_two_intervals_side_by_side(score: Score) -> None:
    a, b = score(0.1), score(0.1001)
    line = by_key(compare(a, b))["identity"]
    low, high = line.interval
    width = [end[1] - end[0] for end in (one.results.line("identity").interval for one in (a, b))]
    assert high - low < sum(width)
    assert line.method.startswith("paired ") and "leav" not in line.method


@pytest.mark.parametrize("key", EQUALS)
def test_systems_that_are_equally_good_are_seldom_told_apart(score: Score, key: str) -> None:
    said = []
    for pair in range(10):
        a, b = (score(0.1 + 2e-5 * pair + more, metrics=EQUALS) for more in (0, 1e-5))
        said.append(by_key(compare(a, b))[key].verdict)
    assert said.count("no difference shown") >= 7, said


def test_a_failed_clip_counts_as_the_worst_on_its_side(score: Score) -> None:
    whole, broken = score(0.1), score(0.1, failed=(3, 4, 5))
    found = by_key(compare(whole, broken))
    assert found["psnr"].verdict == "a better" and found["psnr"].n == 40
    values = [bundle.per_clip("psnr") for bundle in (whole, broken)]
    clips = list(values[0])
    assert found["psnr"].difference == pytest.approx(np.mean([values[1][clip] - values[0][clip] for clip in clips]))
    line = found["fd-pixels"]
    assert (line.second, line.difference, line.interval) == (None, None, (None, None))
    assert line.verdict == "a better" and "infinitely bad" in line.method
    assert by_key(compare(broken, whole))["fd-pixels"].verdict == "b better"
    assert by_key(compare(broken, broken))["fd-pixels"].verdict == "no difference shown"


def test_few_clips_that_all_say_the_same_prove_nothing(score: Score) -> None:
    a, b = score(0.1, clips=4, metrics=MEANS), score(0.1, (0, 1, 2, 3), clips=4, metrics=MEANS)
    line = by_key(compare(b, replace_worst(b)))["psnr"]
    assert line.verdict == "no difference shown"
    assert by_key(compare(a, b))["psnr"].n == 4


def replace_worst(bundle: Bundle) -> Bundle:
    """The same bundle with every clip of psnr better by one."""
    table = bundle.clips
    place = table.schema.get_field_index("metric/psnr")
    better = table.set_column(place, "metric/psnr", [[value + 1 for value in table["metric/psnr"].to_pylist()]])
    lines = [
        line.model_copy(update={"value": line.value + 1}) if line.key == "psnr" else line
        for line in bundle.results.metrics
    ]
    found = replace(bundle, results=bundle.results.model_copy(update={"metrics": lines}))
    found.__dict__["clips"] = better
    return found


def test_what_only_one_has_is_said(score: Score) -> None:
    a = score(0.1)
    lacking = make_without(a)
    found = compare(a, lacking)
    assert "psnr" not in by_key(found) and "no network" in found.left_out["psnr"]


def make_without(bundle: Bundle) -> Bundle:
    """The same bundle without a number of psnr."""
    lines = [line for line in bundle.results.metrics if line.key != "psnr"]
    return replace(
        bundle, results=bundle.results.model_copy(update={"metrics": lines, "left_out": {"psnr": "no network"}})
    )


def test_a_comparison_is_plain_json(score: Score) -> None:
    found = compare(score(0.1), score(0.1, failed=(3, 4, 5)))
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["lines"][0]["key"] == "psnr"


@pytest.mark.parametrize("key", ["fd-pixels", "efid", "fid-4", "kid-4", "fvd"])
def test_a_set_without_some_clips_is_what_its_metric_makes_of_the_others(key: str) -> None:
    features = synthetic(24, 6)
    rng = np.random.default_rng(0)
    shapes = {"inception4": (4, 2048), metric("fvd").needs[0]: (2, 400)}
    extra = [{name: rng.random(shape) for name, shape in shapes.items()} for _ in range(48)]
    clips = tuple(
        replace(clip, real=dict(clip.real) | one, generated=dict(clip.generated) | other)
        for clip, one, other in zip(features.clips, extra[:24], extra[24:], strict=True)
    )
    features = Features(clips, features.made_by | dict.fromkeys(shapes, "some@00000000"))
    spec, groups = metric(key).sets, np.arange(24) % 6
    kept = np.array([[1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1]], bool)
    assert spec is not None
    found = by_rows(spec, features, groups)(kept)
    for row, value in zip(kept, found, strict=True):
        left = features.subset([clip.id for clip, group in zip(clips, groups, strict=True) if row[group]])
        result = metric(key).compute(left)
        assert value == pytest.approx(result.details["plain"], rel=1e-9)


def test_a_number_that_its_features_do_not_give_is_not_compared(score: Score) -> None:
    a = score(0.1)
    lines = [
        line.model_copy(update={"details": line.details | {"plain": 1.0}}) if line.key == "efid" else line
        for line in a.results.metrics
    ]
    edited = replace(a, results=a.results.model_copy(update={"metrics": lines}))
    with pytest.raises(BenchmarkError, match=r"efid/.* is 1\.0 in a bundle and 0\.0.* from its features"):
        compare(a, edited)


def test_another_version_of_the_protocol_is_refused(score: Score) -> None:
    a = score(0.1)
    protocol = a.results.protocol.model_copy(update={"version": 2})
    b = replace(a, results=a.results.model_copy(update={"protocol": protocol}))
    with pytest.raises(BenchmarkError, match="made with sample version 2"):
        compare(a, b)


def test_another_test_list_is_refused(score: Score) -> None:
    with pytest.raises(BenchmarkError, match="different test lists: score both"):
        compare(score(0.1), score(0.1, clips=20))


def test_features_of_another_network_are_refused(score: Score, tmp_path: Path) -> None:
    features = synthetic(40, 6)
    other = Features(features.clips, features.made_by | {"points68": "dlib-68@00000000"})
    make(tmp_path / "other", other, METRICS)
    with pytest.raises(BenchmarkError, match="points68 from mediapipe-mesh68@64184e22 and dlib-68@00000000"):
        compare(score(0.1), load(tmp_path / "other"))

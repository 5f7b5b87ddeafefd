"""What a ladder says of bundles whose features are worse by known amounts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.bundle import Bundle, load
from benchmark.features import Features
from benchmark.ladder.judge import judge, spearman, standard_error
from benchmark.ladder.measure import record
from benchmark.ladder.record import Cell
from benchmark.paired import Scored
from perf.rescoring import synthetic
from tests.benchmark.bundle.material import make

METRICS = ("efid", "psnr", "akd", "identity", "flicker", "emotion-accuracy", "emotion-consistency")
STEPS = (2.0, 3.5, 6.0, 15.0)
CLIPS, FRAMES = 24, 6


def bundle(folder: Path, features: Features, metrics: Sequence[str] = METRICS) -> Bundle:
    make(folder, features, metrics, system=folder.name)
    return load(folder)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("truth") / "truth", synthetic(CLIPS, FRAMES, 0.05))


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Bundle]:
    """A bundle for each step of blur, everything in it worse than in the one before."""
    folder = tmp_path_factory.mktemp("steps")
    return {
        step: bundle(folder / f"step{step:g}", synthetic(CLIPS, FRAMES, noise))
        for step, noise in zip(STEPS, (0.2, 0.5, 1.0, 2.0), strict=True)
    }


def cell(truth: Bundle, steps: dict[float, Bundle], metric: str, axis: str = "blur") -> Cell:
    return next(found for found in judge(truth, {axis: steps}) if found.metric == metric)


def test_what_gets_worse_with_every_step_is_seen_and_right(truth: Bundle, worse: dict[float, Bundle]) -> None:
    found = cell(truth, worse, "psnr")
    assert (found.says, found.wrong, found.verdict) == ("must", None, "worse")
    assert found.spearman == pytest.approx(1.0) and found.effect is not None and found.effect > 2
    assert found.seen_at == 2.0 and len(found.values) == 5
    assert found.values == sorted(found.values, reverse=True)  # type: ignore[type-var]


def test_a_metric_that_must_answer_and_does_not_is_a_false_response(truth: Bundle) -> None:
    found = cell(truth, dict.fromkeys(STEPS, truth), "psnr")
    assert (found.spearman, found.effect, found.verdict) == (0.0, 0.0, "no difference shown")
    assert found.wrong == "the grossest step is not worse beyond noise"
    assert found.explanation == "unexplained" and found.seen_at is None


def test_steps_out_of_order_are_a_false_response(truth: Bundle, worse: dict[float, Bundle]) -> None:
    mixed = dict(zip(STEPS, [worse[step] for step in (3.5, 2.0, 6.0, 15.0)], strict=True))
    found = cell(truth, mixed, "psnr")
    assert found.spearman == pytest.approx(0.9) and found.wrong is not None and "every step" in found.wrong


def test_a_metric_that_must_not_answer_and_does_is_a_false_response(truth: Bundle, worse: dict[float, Bundle]) -> None:
    steps = dict(zip((0.1, 0.25, 0.5, 0.75), worse.values(), strict=True))
    found = cell(truth, steps, "identity", "frame-drop")
    assert (found.says, found.wrong) == ("must not", "the grossest step is worse beyond noise")


def test_what_must_stay_the_same_may_not_change_by_a_bit(truth: Bundle, worse: dict[float, Bundle]) -> None:
    features = truth.features
    first = features.clips[0]
    nudged = replace(first, pair={**first.pair, "mse": np.asarray(first.pair["mse"]) * (1 + 1e-9)})
    slight = bundle(worse[2.0].folder.parent / "slight", replace(features, clips=(nudged, *features.clips[1:])))
    steps = {40.0: truth, 120.0: truth, 240.0: truth, 400.0: slight}
    assert cell(truth, steps, "psnr", "audio-shift").wrong == "it changes, and nothing that it reads does"
    assert cell(truth, steps, "akd", "audio-shift").wrong is None


def test_a_copy_that_is_better_than_the_truth_is_a_false_response_also_where_anything_may_be(
    truth: Bundle, worse: dict[float, Bundle]
) -> None:
    found = cell(worse[15.0], {2.0: worse[6.0], 3.5: worse[3.5], 6.0: worse[2.0], 15.0: truth}, "akd")
    assert (found.says, found.verdict) == ("may", "better")
    assert found.effect is not None and found.effect < 0 and found.spearman == pytest.approx(-1.0)
    assert found.wrong == "the grossest step is better than the ground truth"


def test_ties_share_their_rank() -> None:
    assert spearman([0, 1, 2, 3]) == pytest.approx(1)
    assert spearman([3, 2, 1, 0]) == pytest.approx(-1)
    assert spearman([5, 5, 5]) == 0
    assert spearman([0, 1, 1, 1, 1]) == pytest.approx(1 / np.sqrt(2))
    assert spearman([0, 1, 2, np.inf, np.inf]) == pytest.approx(0.974679, abs=1e-6)


def test_the_effect_is_the_mean_difference_over_its_standard_error(truth: Bundle, worse: dict[float, Bundle]) -> None:
    one, other = truth.per_clip("akd"), worse[15.0].per_clip("akd")
    apart = np.array([other[clip] - one[clip] for clip in one])
    found = cell(truth, worse, "akd").effect
    assert found == pytest.approx(apart.mean() / (apart.std(ddof=1) / np.sqrt(len(apart))))


def test_sets_take_the_jackknife_of_the_difference(truth: Bundle, worse: dict[float, Bundle]) -> None:
    lines = [made.results.line("efid") for made in (truth, worse[15.0])]
    assert lines[0] is not None and lines[1] is not None
    error = standard_error(Scored(lines[0], truth), Scored(lines[1], worse[15.0]))
    found = cell(truth, worse, "efid")
    assert error is not None and error > 0 and found.values[0] is not None and found.values[-1] is not None
    assert found.effect == pytest.approx((found.values[-1] - found.values[0]) / error)


def test_a_ladder_reads_back_as_it_was_written(truth: Bundle, worse: dict[float, Bundle], tmp_path: Path) -> None:
    from benchmark.ladder.record import FILE, load_ladder

    ladder = record(truth, {"blur": worse})
    (tmp_path / FILE).write_text(ladder.model_dump_json())
    assert load_ladder(tmp_path) == ladder
    assert [found.key for found in ladder.metrics] == list(METRICS)
    assert len(ladder.cells) == len(METRICS)

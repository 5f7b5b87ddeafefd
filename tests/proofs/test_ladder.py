"""Proof on real clips: each metric answers its own axes, floors are worst where they must be, the truth is best.

Without `MOEE_PROOFS=full`: 10 of the 14 clips, two steps of three axes, and no control whose axis is climbed anyway;
metrics of fewer than 8 clips (those of sound) and those whose own axes are not climbed are shown and not judged.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from benchmark.compare import compare
from benchmark.extract import Pair, Settings, extract, extractors_for
from benchmark.features import Clip, Features
from benchmark.ladder.measure import PAGE, Climbed
from benchmark.ladder.page import own_axes
from benchmark.ladder.record import Ladder
from benchmark.metrics import metric
from benchmark.paired import LEAST
from media.cut import CutOptions, cut
from media.probe import probe
from tests.extent import FULL
from tests.proofs.ladder import all_verify, better_than_truth, climbed, is_worst, print_ladder, print_rungs, value
from tests.proofs.test_report import WIDE, WIDTHS, Seen

pytestmark = pytest.mark.proof
OWN = ("ground-truth", "audio-shifted")  # controls that show the clip's own pictures, moving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ladder")


@pytest.fixture(scope="module")
def made(test_data: Path, place: Path) -> Climbed:
    """Real talkers with their sound, and acted emotions of two persons."""
    return climbed(test_data, place, FULL)


@pytest.fixture(scope="module")
def ladder(made: Climbed) -> Ladder:
    assert made.ladder is not None
    return made.ladder


def test_every_metric_answers_an_axis_of_its_own(ladder: Ladder, table: Callable[[str], None]) -> None:
    print_ladder(ladder, table)
    for found in ladder.metrics:
        own = own_axes(ladder, found)
        answered = [axis for axis, good in own if good]
        table(f"{found.key} answers {', '.join(answered)}")
        assert answered or (not FULL and (found.n < LEAST or not own)), found.key
        for axis in answered:
            cell = ladder.cell(found.key, axis)
            assert cell.spearman is not None and cell.spearman >= 0.95 and cell.verdict == "worse"


def test_every_false_response_is_explained(ladder: Ladder) -> None:
    few = set() if FULL else {found.key for found in ladder.metrics if found.n < LEAST}
    unknown = [cell for cell in ladder.wrong if cell.explanation == "unexplained" and cell.metric not in few]
    assert [f"{cell.metric} on {cell.axis}: {cell.wrong}" for cell in unknown] == []


def test_pictures_do_not_answer_the_sound_by_a_single_bit(ladder: Ladder) -> None:
    same = [cell for cell in ladder.cells if cell.says == "same"]
    assert len(same) > 2 * 14
    assert [cell for cell in same if set(cell.values) != {cell.values[0]}] == []


def test_the_delay_that_was_put_in_is_measured(ladder: Ladder) -> None:
    cell = ladder.cell("mouth-audio-lag", "audio-shift")
    axis = next(axis for axis in ladder.axes if axis.name == "audio-shift")
    for late, found in zip(axis.steps, cell.values[1:], strict=True):
        assert found is not None and abs(found - late) < 25


def test_the_truth_is_best_and_each_floor_is_worst_where_it_must(made: Climbed, table: Callable[[str], None]) -> None:
    floors = made.floors
    print_rungs(floors, table)
    assert better_than_truth(floors) == []
    assert is_worst(floors, "audio-shifted", "mouth-audio-lag", among=OWN)
    for key in ("motion", "flicker"):
        assert is_worst(floors, "frozen", key, among=(*OWN, "frozen", "other-emotion")), key
    assert is_worst(floors, "other-identity", "identity")
    for key in ("emotion-accuracy", "emotion-f1", "emotion-consistency"):
        assert is_worst(floors, "other-emotion", key), key
    says = {line.key: line.verdict for line in compare(floors["ground-truth"], floors["other-emotion"]).lines}
    assert says["emotion-accuracy"] == says["emotion-consistency"] == "a better"
    assert 350 <= value(floors, "audio-shifted", "mouth-audio-lag") <= 450  # 400 ms were put in


def test_every_rung_verifies_and_decoded_no_video_twice(made: Climbed) -> None:
    all_verify(made.floors)
    for steps in made.rungs.values():
        all_verify({f"{step:g}": bundle for step, bundle in steps.items()})


def test_no_video_of_a_step_is_left(made: Climbed, place: Path) -> None:
    kept = {path.parent.name for path in (place / "rungs" / "videos").rglob("*.mp4")}
    assert kept == set(made.floors)


def in_form(source: Path, target: Path) -> Path:
    """The first 2 s in the sample protocol's form."""
    video = probe(source).video
    assert video is not None
    start = video.start_pts or 0
    end = start + round(2 / video.time_base)
    cut(source, target, start, end, CutOptions(Fraction(25), size=(256, 256), crf=10))
    return target


def test_outputs_of_other_models_are_scored_by_metrics_that_need_no_pairs(
    test_data: Path, made: Climbed, tmp_path: Path, table: Callable[[str], None]
) -> None:
    """Generated clips against as many real ones of other people: distances of sets, and what a video says alone."""
    keys = ("fd-pixels", "efid", "mouth-audio-correlation", "speech-quality")
    real = [clip for clip in made.floors["ground-truth"].features.clips if "mouth_audio" in clip.real]
    chosen = sorted((test_data / "generated").glob("gen_*.mp4"))[: len(real)]
    pairs = [Pair(path.stem, at := in_form(path, tmp_path / path.name), at) for path in chosen]
    names = extractors_for(tuple({feature for key in keys for feature in metric(key).needs} | {"face"}))
    found = extract(pairs, Settings(Fraction(25), 50, 256, 256, names), tmp_path / "cache")
    assert found.errors == {} and len(chosen) == len(real) == (6 if FULL else 4)
    clips = tuple(
        Clip(clip.id, clip.identity, real=clip.real, generated=found.videos[pair.clip, "generated"][0])
        for clip, pair in zip(real, pairs, strict=True)
    )
    for key in keys:
        score = metric(key).compute(Features(clips, found.made_by))
        low, high = score.interval
        of_truth = value(made.floors, "ground-truth", key)
        table(f"{score.name}: {score.value:.4g} [{low:.4g}, {high:.4g}], n {score.n}; truth {of_truth:.4g}")
        assert low <= score.value <= high
        if key in ("fd-pixels", "efid"):
            assert score.value > 10 * of_truth


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_opens_from_disk_without_a_complaint(
    width: int, theme: str, made: Climbed, place: Path, browser: Any
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, seen = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme), Seen()
    seen.watch(page)
    page.goto((place / "rungs" / PAGE).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(WIDE) == []
    assert made.ladder is not None
    assert page.locator(".matrix tbody td").count() == len(made.ladder.cells)
    assert page.locator(".strip img").count() == sum(1 + len(axis.steps) for axis in made.ladder.axes)
    assert seen.quiet(), seen
    faults = Axe().run(page).response["violations"]
    assert [fault["id"] for fault in faults if fault["impact"] in ("serious", "critical")] == []
    page.close()

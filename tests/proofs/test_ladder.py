"""Proof on real clips: the ground truth is best or tied in every column, and each spoilt copy is seen where it must."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from benchmark.extract import Pair, Settings, extract, extractors_for
from benchmark.features import Clip, Features
from benchmark.ladder import climb
from benchmark.metrics import metric
from media.cut import CutOptions, cut
from media.probe import probe
from tests.proofs.ladder import Rungs, all_verify, better_than_truth, curated, is_worst, print_rungs, value

pytestmark = pytest.mark.proof
TALK = ("*grid_man*", "*grid_woman*", "*aoc_hdtf*", "*may*", "*lively*")
OWN = ("ground-truth", "blurred", "audio-shifted")  # controls that show the clip's own pictures, moving


@pytest.fixture(scope="module")
def talk(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Rungs:
    """Six real talkers with their sound; what they are labelled is what the panel says."""
    folder = tmp_path_factory.mktemp("talk")
    (folder / "raw").mkdir()
    for pattern in TALK:
        for path in (test_data / "videos").glob(f"talk_{pattern}"):
            (folder / "raw" / path.name).symlink_to(path)
    dataset = curated(folder / "raw", folder / "dataset", "talking-head")
    return climb("sample", dataset, folder / "rungs", cache=folder / "cache")


def test_of_real_talkers_the_truth_is_best_and_each_copy_is_worst_where_it_must(
    talk: Rungs, table: Callable[[str], None]
) -> None:
    print_rungs(talk, table)
    assert better_than_truth(talk) == []
    # Most of these persons have one clip only: `other-emotion` shows another person, too.
    assert is_worst(talk, "frozen", "motion", among=(*OWN, "frozen"))
    assert is_worst(talk, "other-identity", "identity", among=(*OWN, "frozen", "other-identity"))
    assert is_worst(talk, "audio-shifted", "mouth-audio-lag", among=OWN)
    assert 350 <= value(talk, "audio-shifted", "mouth-audio-lag") <= 450  # 400 ms were put in
    for key in ("psnr", "ssim", "akd", "identity", "flicker", "fd-pixels", "efid"):
        assert is_worst(talk, "blurred", key, among=OWN), key


def test_every_rung_verifies_and_decoded_no_video_twice(talk: Rungs) -> None:
    all_verify(talk)


def in_form(source: Path, target: Path) -> Path:
    """The first 2 s in the sample protocol's form."""
    video = probe(source).video
    assert video is not None
    start = video.start_pts or 0
    end = start + round(2 / video.time_base)
    cut(source, target, start, end, CutOptions(Fraction(25), size=(256, 256), crf=10))
    return target


def test_outputs_of_other_models_are_scored_by_metrics_that_need_no_pairs(
    test_data: Path, talk: Rungs, tmp_path: Path, table: Callable[[str], None]
) -> None:
    """Six generated clips against six real ones of other people: distances of sets, and what a video says alone."""
    keys = ("fd-pixels", "efid", "mouth-audio-correlation", "speech-quality")
    made = sorted((test_data / "generated").glob("gen_*.mp4"))
    pairs = [Pair(path.stem, at := in_form(path, tmp_path / path.name), at) for path in made]
    names = extractors_for(tuple({feature for key in keys for feature in metric(key).needs} | {"face"}))
    found = extract(pairs, Settings(Fraction(25), 50, 256, 256, names), tmp_path / "cache")
    assert found.errors == {} and len(made) == 6
    real = [clip for clip in talk["ground-truth"].features.clips if "mouth_audio" in clip.real]
    clips = tuple(
        Clip(clip.id, clip.identity, real=clip.real, generated=found.videos[pair.clip, "generated"][0])
        for clip, pair in zip(real, pairs, strict=False)
    )
    assert len(clips) == 6
    for key in keys:
        score = metric(key).compute(Features(clips, found.made_by))
        low, high = score.interval
        of_truth = value(talk, "ground-truth", key)
        table(f"{score.name}: {score.value:.4g} [{low:.4g}, {high:.4g}], n {score.n}; truth {of_truth:.4g}")
        assert low <= score.value <= high
        if key in ("fd-pixels", "efid"):
            assert score.value > 10 * of_truth

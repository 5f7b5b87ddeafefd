"""What the face says: the panel on real and on rendered faces, action units, and a machine without weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from perf.scores import Scores, expressions_actions, expressions_bare, expressions_real, expressions_rendered
from tests.curation.runs import Ran
from tests.extent import FULL
from tests.perception.conftest import need
from tests.proofs.conftest import CuratedReal

pytestmark = pytest.mark.proof

FEW = ("happy", "sad", "surprised")  # at every amplitude, where not in full: all ten, of three portraits
FACES = ("blazeface-full", "blazeface-short", "face-mesh")


def models() -> None:
    for name in FACES:
        need(name)


def rendering() -> None:
    models()
    if shutil.which("espeak-ng") is None:
        pytest.skip("the sample's speech needs espeak-ng: apt-get install espeak-ng")


@pytest.fixture(scope="module")
def real(test_data: Path, curated_real: CuratedReal, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scores, Scores]:
    models()
    need("fer2013-mini-xception")
    curated_real(out := tmp_path_factory.mktemp("real") / "out")
    return expressions_real.measure(test_data, out)


@pytest.fixture(scope="module")
def rendered(rendered_sample: Path, curated_sample: tuple[Ran, Path]) -> Scores:
    rendering()
    need("face-landmarker")
    need("fer2013-mini-xception")
    sample = rendered_sample, curated_sample[1]
    if FULL:
        return expressions_rendered.measure(sample=sample)
    return expressions_rendered.measure(("astronaut",), sample, FEW)


@pytest.fixture(scope="module")
def actions() -> Scores:
    models()
    need("face-landmarker")
    return expressions_actions.measure()


@pytest.fixture(scope="module")
def bare() -> Scores:
    rendering()
    need("silero-vad")
    return expressions_bare.measure()


def show(scores: Scores, table: Callable[[str], None]) -> None:
    for line in (scores.title, *scores.lines, *scores.notes):
        table(line)


def test_the_panel_names_the_emotion_of_most_clips_of_mead(
    real: tuple[Scores, Scores], table: Callable[[str], None]
) -> None:
    mead = real[0]
    show(mead, table)
    assert mead.values["mead_clips"] == 16
    assert mead.values["mead_right"] >= 9
    assert mead.values["mead_clear"] >= 8
    assert mead.values["mead_clear_right"] >= 0.75


def test_the_strongest_level_of_mead_is_more_intense_than_its_neutral_clips(real: tuple[Scores, Scores]) -> None:
    assert real[0].values["mead_intensity_clips"] == 16
    assert real[0].values["mead_intensity_auc"] > 0.8  # 2 neutral clips against 14: printed, not sharp


def test_every_labelled_picture_is_judged(real: tuple[Scores, Scores], table: Callable[[str], None]) -> None:
    show(real[1], table)
    assert real[1].values["pictures"] == 7
    assert not real[1].notes  # a face was found in each


def test_rendered_emotions_and_compounds_are_told(rendered: Scores, table: Callable[[str], None]) -> None:
    show(rendered, table)
    assert rendered.values["basic_sample"] >= 0.8
    assert rendered.values["compound_sample"] >= 0.6


def test_intensity_rises_with_the_rendered_amplitude(rendered: Scores) -> None:
    assert rendered.values["intensity_missing"] == 0
    assert rendered.values["spearman_within"] >= 0.9


def test_one_displacement_moves_its_own_action_unit_most(actions: Scores, table: Callable[[str], None]) -> None:
    show(actions, table)
    assert actions.values["units_blendshapes"] >= 0.8  # the mesh alone is printed beside it


def test_without_weights_the_panel_speaks_and_says_with_which_members(
    bare: Scores, table: Callable[[str], None]
) -> None:
    show(bare, table)
    assert bare.values["bare_spoken"] == bare.values["bare_clips"] > 0
    assert bare.values["bare_mesh_only"] == 1

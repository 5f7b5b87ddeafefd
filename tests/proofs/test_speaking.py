"""Who speaks: own sound against every other clip's, closed mouths, silence, and the lag; real clips and the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perf.scores import Scores
from perf.scores.speaker import measure
from tests.extent import FULL
from tests.perception.conftest import need

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def scores(test_data: Path, rendered_sample: Path) -> Scores:
    for name in ("blazeface-full", "blazeface-short", "face-mesh", "light-asd"):
        need(name)
    return measure(test_data, rendered_sample, made=FULL, every=1 if FULL else 2)


def test_own_sound_fits_better_than_other_clips(scores: Scores, table: Callable[[str], None]) -> None:
    for line in [*scores.lines, *scores.notes]:
        table(line)
    assert scores.values["auc_all"] >= 0.88
    assert scores.values["auc_long"] >= 0.88
    assert scores.values["own_kept"] >= 0.85


def test_closed_mouths_and_muted_clips_are_rejected(scores: Scores) -> None:
    assert scores.values["closed_pairs"] > 100
    assert scores.values["closed_kept"] == 0
    assert scores.values["closed_least_offscreen"] > 0.9
    assert scores.values["muted_kept"] == 0
    assert scores.values["auc_closed"] >= 0.95
    assert scores.values["moving_mouth_closed"] < scores.values["moving_mouth_least"]


def test_the_lag_of_grid_is_right_in_five_of_six(scores: Scores) -> None:
    assert scores.values["grid_clips"] == 6
    assert scores.values["grid_hits"] >= 5


def test_injected_shifts_of_the_sample_are_found(scores: Scores) -> None:
    assert scores.values["sample_share"] >= 0.9
    assert scores.values["sample_left_out_share"] >= 0.9


def test_a_lag_is_seldom_told_of_the_sound_of_someone_else(scores: Scores) -> None:
    assert scores.values["lag_told_others"] < 0.15 < 0.6 < scores.values["lag_told_own"]

"""Altered copies of real clips are found among all of them, and nothing else is (perf/scores/duplicates.py)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perf.scores import Scores
from perf.scores.duplicates import ALTERED, measure
from tests.extent import FULL

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def scores(test_data: Path) -> Scores:
    """All is measured once: copies of 20 clips, of 8 where not everything is asked."""
    return measure(test_data, ALTERED if FULL else 8)


def test_altered_copies_are_grouped_with_their_original(scores: Scores, table: Callable[[str], None]) -> None:
    for line in [scores.title, *scores.lines, *scores.notes]:
        table(line)
    assert scores.values["recall"] >= 0.95


def test_no_pair_is_false_beside_the_declared_one(scores: Scores) -> None:
    assert scores.values["false_pairs"] == 0, scores.notes
    assert scores.values["declared"] == 1
    assert scores.values["undeclared_pairs"] <= 1, scores.notes  # one recording, by its waveform: see the notes

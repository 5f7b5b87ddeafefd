"""Identity on real clips and images: the declared pairs are together, and hardly anybody else is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perf.scores.identity import measure
from tests.perception.conftest import need
from tests.proofs.conftest import CuratedReal

pytestmark = pytest.mark.proof


def test_declared_pairs_are_together_and_at_most_two_strangers_are_merged(
    test_data: Path, curated_real: CuratedReal, tmp_path: Path, table: Callable[[str], None]
) -> None:
    pytest.importorskip("dlib")
    for model in ("blazeface-full", "blazeface-short", "face-mesh", "dlib-face"):
        need(model)
    curated_real(tmp_path / "out")
    scores = measure(test_data, tmp_path / "out")
    for line in (scores.title, *scores.lines, *scores.notes):
        table(line)
    assert scores.values["same_pairs"] >= 74  # two actors of 8 clips, 6 pictures of one man, three declared pairs
    assert scores.values["torn"] == 0
    assert scores.values["false_merges"] <= 2
    assert scores.values["missed_0.60"] <= 0.02
    assert scores.values["false_0.50"] <= 0.02

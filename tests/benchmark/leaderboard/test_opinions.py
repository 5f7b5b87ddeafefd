"""Opinion scores of verified studies stand beside the published ones; a study that was tampered with does not."""

from pathlib import Path

import pytest

from benchmark.leaderboard.build import leaderboard
from benchmark.study.bundle import load, write
from benchmark.study.model import ProtocolName
from tests.benchmark.bundle.material import flip
from tests.benchmark.leaderboard.material import system, text
from tests.benchmark.study.material import Crowd, study


@pytest.fixture
def opinions(tmp_path: Path) -> Path:
    """The bundle of a study of the clips of mead."""
    made = study(systems=3, clips=6, raters=6)
    made = made.model_copy(update={"protocol": ProtocolName(name="mead", version=1, sha256="1" * 64)})
    write(tmp_path / "opinions", made, Crowd(made, 1, random=(2,)).answers(finished=12))
    return tmp_path / "opinions"


def test_a_study_stands_beside_the_published_scores(opinions: Path, tmp_path: Path) -> None:
    built = leaderboard([opinions], tmp_path / "site")
    mead = next(one for one in built.content.datasets if one.name == "mead")
    assert mead.opinions is not None
    study_rows = {row.system: row for row in mead.opinions.rows if row.kind == "study"}
    assert list(study_rows) == ["s0", "s1", "s2"]
    said = load(opinions)
    for line in said.scores:
        cell = study_rows[line.system].cells[mead.opinions.questions.index(line.question)]
        assert (cell.value, cell.interval, cell.n) == (line.value, line.interval, line.ratings)
    page = text(tmp_path / "site" / "mead.html")
    assert "4.65" in page, "the published score of MoEE"
    assert "Krippendorff" in page and "rater 2" in page and all(mark in page for mark in said.marks)


def test_a_study_of_no_protocol_stands_on_the_front_page(tmp_path: Path) -> None:
    made = study(systems=3, clips=6, raters=6)
    write(tmp_path / "opinions", made, Crowd(made, 1).answers())
    leaderboard([tmp_path / "opinions", system(tmp_path / "mine", "mine", keys=("psnr",))], tmp_path / "site")
    assert "Opinion scores of other clips" in text(tmp_path / "site" / "index.html")


def test_a_study_that_was_tampered_with_is_not_shown(opinions: Path, tmp_path: Path) -> None:
    flip(opinions / "ratings.parquet", 200, 1)
    built = leaderboard([opinions], tmp_path / "site")
    assert built.content.unshown[0].sentences[0].startswith("ratings.parquet was changed")
    assert "study: A study" not in text(tmp_path / "site" / "mead.html")

"""The bundle of a study: every byte and every score is checked, from its answers alone, without a secret or a name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmark.bundle import Problem
from benchmark.errors import BenchmarkError
from benchmark.study.bundle import load, verify, write
from tests.benchmark.bundle.material import digest, edit_table, flip, seal
from tests.benchmark.study.material import Crowd, study

FILES = ("bundle.json", "opinions.json", "ratings.parquet", "study.json")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    found = study(systems=3, clips=6, raters=6)
    write(tmp_path / "bundle", found, Crowd(found, 1, random=(2,)).answers(finished=12))
    return tmp_path / "bundle"


def edited(folder: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> list[Problem]:
    """Edit a JSON file and seal the bundle again, as somebody does who knows the format; then verify."""
    content = json.loads((folder / name).read_text())
    edit(content)
    (folder / name).write_text(json.dumps(content))
    seal(folder)
    return verify(folder)


def test_a_bundle_as_it_was_written_is_sound(bundle: Path) -> None:
    assert sorted(path.name for path in bundle.iterdir()) == list(FILES)
    assert verify(bundle) == []
    found = load(bundle)
    assert found.study.name == "A study" and found.study.protocol is None and found.study.test_list is None
    assert len(found.scores) == 12 and set(found.alpha) == set(found.study.questions)
    assert found.marks and list(found.excluded) == ["2"]


def test_it_holds_no_secret(bundle: Path) -> None:
    content = json.loads((bundle / "study.json").read_text())
    assert {medium["token"] for medium in content["media"]} == {""}
    columns = pq.read_table(bundle / "ratings.parquet").column_names
    assert columns == [
        "rater", "position", "kind", "clip", "system", "other", "question", "answer", "seconds", "plays",
    ]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_changed_bit_is_found_and_named(bundle: Path, name: str) -> None:
    size = (bundle / name).stat().st_size
    for place in (0, size // 3, size // 2, size - 2):
        flip(bundle / name, place, 2)
        problems = verify(bundle)
        assert [problem.file for problem in problems] == [name], problems
        assert name in problems[0].sentence and problems[0].sentence.endswith(".")
        flip(bundle / name, place, 2)
    assert verify(bundle) == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_and_an_extra_one_are_named(bundle: Path, name: str) -> None:
    (bundle / "notes.txt").write_text("x")
    assert [problem.file for problem in verify(bundle)] == ["notes.txt"]
    (bundle / "notes.txt").unlink()
    (bundle / name).unlink()
    if name == "opinions.json":
        with pytest.raises(BenchmarkError, match="no bundle of a study"):
            verify(bundle)
    else:
        assert [problem.file for problem in verify(bundle)] == [name]


def edit_score(content: dict[str, Any]) -> None:
    content["scores"][4]["value"] += 2e-9 * content["scores"][4]["value"] + 1e-8


def edit_interval(content: dict[str, Any]) -> None:
    content["scores"][0]["interval"][1] -= 0.1


EDITS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (edit_score, "scores"),
    (edit_interval, "scores"),
    (lambda content: content["alpha"].update(identity=0.99), "alpha"),
    (lambda content: content["excluded"].clear(), "excluded"),
    (lambda content: content["marks"].clear(), "marks"),
    (lambda content: content["raters"][0].update(failed=1), "raters"),
    (lambda content: content["scores"].pop(), "scores"),
    (lambda content: content["by_emotion"][0].update(ratings=7), "by_emotion"),
]


@pytest.mark.parametrize(("edit", "metric"), EDITS)
def test_an_edited_number_is_found_though_the_seal_fits(
    bundle: Path, edit: Callable[[dict[str, Any]], object], metric: str
) -> None:
    problems = edited(bundle, "opinions.json", edit)
    assert [problem.metric for problem in problems] == [metric]
    assert "the answers give" in problems[0].sentence and "\n" not in problems[0].sentence


def test_a_made_up_study_is_found_though_the_seal_fits(bundle: Path) -> None:
    assert edited(bundle, "opinions.json", lambda content: content["study"].update(test_list="0" * 64))
    assert edited(bundle, "study.json", lambda content: content.update(systems=["s0", "s1"]))


ROWS: list[tuple[Callable[[dict[str, list[Any]]], object], str]] = [
    (lambda rows: rows["answer"].__setitem__(0, 5 if rows["answer"][0] != 5 else 1), ""),
    (lambda rows: rows["answer"].__setitem__(0, 9), "nobody could give"),
    (lambda rows: rows["rater"].__setitem__(0, 99), "does not have"),
    (lambda rows: rows["position"].__setitem__(0, -1), "does not have"),
    (lambda rows: rows["system"].__setitem__(0, "s9"), "what was shown"),
    (lambda rows: rows["kind"].__setitem__(0, "instructed"), "what was shown"),
    (lambda rows: rows["question"].__setitem__(0, "beauty"), "not asked"),
    (lambda rows: rows["question"].__setitem__(0, rows["question"][1]), "two things"),
    (lambda rows: rows["seconds"].__setitem__(0, float("nan")), "nobody could give"),
    (lambda rows: rows["answer"].__setitem__(0, None), "lacks a value"),
    (lambda rows: [column.pop() for column in rows.values()], "lacks a question"),
]


@pytest.mark.parametrize(("edit", "said"), ROWS)
def test_edited_answers_are_found_though_the_seal_fits(
    bundle: Path, edit: Callable[[dict[str, list[Any]]], object], said: str
) -> None:
    edit_table(bundle, "ratings.parquet", edit)
    problems = verify(bundle)
    assert problems and said in problems[0].sentence


def test_another_version_and_no_bundle_are_one_sentence(bundle: Path, tmp_path: Path) -> None:
    edited(bundle, "opinions.json", lambda content: content.update(study_version=9))
    with pytest.raises(BenchmarkError, match="version 9"):
        load(bundle)
    (tmp_path / "other").mkdir()
    for ask in (load, verify):
        with pytest.raises(BenchmarkError, match="moee study score"):
            ask(tmp_path / "other")


def test_a_study_without_answers_has_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="Nobody has answered"):
        write(tmp_path / "bundle", study(), [])
    assert list(tmp_path.iterdir()) == []


def test_scoring_again_replaces_the_bundle_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    found = study(systems=3, clips=6, raters=6)
    before = digest(bundle)
    write(bundle, found, Crowd(found, 1, random=(2,)).answers())
    assert digest(bundle) != before and verify(bundle) == []
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    (bundle / "notes.txt").write_text("mine")
    with pytest.raises(BenchmarkError, match=r"holds notes.txt"):
        write(bundle, found, Crowd(found, 1).answers())


def test_a_study_of_choices_has_a_bundle_too(tmp_path: Path) -> None:
    found = study(systems=3, kind="choice", raters=6, ties=True)
    made = write(tmp_path / "bundle", found, Crowd(found, 1).answers())
    assert verify(tmp_path / "bundle") == [] and made.scores == () and len(made.opinions.preferences) == 12
    problems = edited(tmp_path / "bundle", "opinions.json", lambda content: content["strengths"][0].update(value=9.0))
    assert [problem.metric for problem in problems] == ["strengths"]

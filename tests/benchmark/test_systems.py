"""A system's training list is read in every common form, and held against the persons of the test set."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.errors import BenchmarkError
from benchmark.systems import System, overlap, training_list
from benchmark.testset import TestClip, TestSet


def clip(name: str, person: str, *names: str) -> TestClip:
    return TestClip(
        id=name, identity=person, emotion=None, compound=None, intensity=None, label_from=None, split="test", frames=50,
        sound=True, real=f"real/{name}.mp4", sha256="0" * 64, bytes=1, reference=f"reference/{name}.png", audio=None,
        names=list(names),
    )  # fmt: skip


TESTS = TestSet(
    version=1, protocol="sample", protocol_version=1, protocol_sha256="0" * 64, made_from="0" * 64, shortfalls=[],
    clips=[clip("c_1", "mead/M003", "M003", "https://example.org/a/"), clip("c_2", "mead/W009", "W009")],
)  # fmt: skip


def test_nothing_declared_is_said_as_such() -> None:
    assert overlap(System("a"), TESTS) == {"declared": False, "entries": 0, "identities": [], "clips": []}


@pytest.mark.parametrize("name", ["mead/M003", "m003", "https://example.org/a", "c_1"])
def test_a_person_is_found_under_any_of_its_names(name: str) -> None:
    found = overlap(System("a", frozenset({name, "someone else"})), TESTS)
    assert found == {"declared": True, "entries": 2, "identities": ["mead/M003"], "clips": ["c_1"]}


def test_a_list_without_test_persons_overlaps_nowhere() -> None:
    assert overlap(System("a", frozenset({"M999"})), TESTS)["clips"] == []


def test_lists_are_read_from_text_csv_jsonl_and_parquet(tmp_path: Path) -> None:
    rows = [{"identity": "M003", "url": "https://example.org/a"}, {"identity": "W009", "url": ""}]
    (tmp_path / "list.txt").write_text("# trained on\nM003\nhttps://example.org/a\n\nW009\n")
    (tmp_path / "list.csv").write_text("identity,url,other\nM003,https://example.org/a,x\nW009,,y\n")
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    for path in tmp_path.iterdir():
        assert training_list(path) == {"M003", "W009", "https://example.org/a"}, path.name


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "names nothing"),
        ("a.csv", b"film,scene\n1,2\n", "none of its columns"),
        ("a.jsonl", b"{", "damaged"),
        ("a.jsonl", b"[1]\n", "damaged"),
        ("a.txt", b"\xff\xfe\x00", "damaged"),
        ("a.parquet", b"PAR1", "damaged"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchmarkError, match=says) as refused:
        training_list(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot be read"):
        training_list(tmp_path / "none.txt")


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\nb", "x" * 81, "\u202eevil"])
def test_a_name_that_could_mislead_a_table_is_refused(name: str) -> None:
    with pytest.raises(BenchmarkError, match="is no name for a system"):
        System(name)


def test_only_controls_and_the_ground_truth_may_be_copies() -> None:
    assert System("ground-truth").may_copy and System("blurred", control=True).may_copy
    assert not System("mine").may_copy

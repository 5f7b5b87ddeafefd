"""Stages over the whole manifest: what they decide joins the clips, is counted, is remembered, and stays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import manifests
from curation.stage import ManifestStage, Tables, Whole
from curation.whole.step import WholeManifest, merged
from manifests.errors import ManifestError
from manifests.schema import make_id, table_from_rows
from manifests.validate import validate
from manifests.whole import Ledger
from tests.manifests.material import commit_source, make_manifest


@dataclass(frozen=True)
class Persons(ManifestStage):
    """Each clip its own person; counts how often it ran and what it remembered."""

    name: ClassVar[str] = "splits"
    version: ClassVar[int] = 1

    size: int = 1

    def run(self, manifest: Whole) -> Tables:
        clips = manifest.table("clips", ["id", "status", "duplicate_of"])
        before = manifest.previous("splits")
        known = {} if before is None else {row["id"]: row["split"] for row in before.to_pylist()}
        rows = []
        for row in clips.to_pylist():
            if row["status"] == "kept":
                unit = make_id("identity", row["id"])
                new = "train" if before is None else "test"
                rows.append({"id": unit, "split": known.get(unit, new), "clips": 1, "seconds": 1.0, "clip": row["id"]})
        table = table_from_rows("splits", [{k: v for k, v in row.items() if k != "clip"} for row in rows])
        said = pa.table({"id": [row["clip"] for row in rows], "split": pa.array([row["split"] for row in rows])})
        return {"splits": table, "clips": said}


@dataclass(frozen=True)
class Twice(ManifestStage):
    """Drops every kept clip but the first."""

    name: ClassVar[str] = "duplicates"
    version: ClassVar[int] = 1
    judges: ClassVar[bool] = True

    def run(self, manifest: Whole) -> Tables:
        clips = manifest.table("clips", ["id", "status"])
        kept = clips.filter(pc.equal(clips.column("status"), "kept")).column("id").to_pylist()
        first, more = kept[0], len(kept) - 1
        columns: dict[str, Any] = {"id": pa.array(kept, pa.string())}
        columns["duplicate_group"] = pa.array([first] * len(kept), pa.string())
        columns["duplicate_of"] = pa.array([None] + [first] * more, pa.string())
        columns["reasons"] = pa.array([[]] + [["duplicate"]] * more, pa.list_(pa.string()))
        return {"clips": pa.table(columns)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_manifest(tmp_path, sources=4)
    return tmp_path


def snapshot(folder: Path, *stages: ManifestStage) -> Any:
    from manifests.store import Store

    step = WholeManifest(stages, folder)
    Store(folder).snapshot({"name": "r"}, step)
    return manifests.open(folder)


def test_a_dropped_duplicate_is_counted_and_has_no_file(folder: Path) -> None:
    before = manifests.open(folder).clips
    assert len(before) >= 3
    manifest = snapshot(folder, Twice())
    clips = manifest.all_clips
    assert list(manifest.clips["id"]) == [before["id"].min()]
    twice = clips[clips["duplicate_of"].notna()]
    assert len(twice) == len(before) - 1
    assert {tuple(reasons) for reasons in twice["reasons"]} == {("duplicate",)}
    assert twice["file"].isna().all() and (twice["status"] == "dropped").all()
    others = ~clips["id"].isin(before["id"])
    assert (clips[others]["duplicate_of"].isna()).all()
    outcomes = manifest.outcomes
    mine = outcomes[outcomes["stage"] == "duplicates"]
    assert sorted(mine["item"]) == sorted(before["id"]) and (mine["status"] == "kept").sum() == 1
    assert manifest.stages[-1] == "duplicates"
    from manifests.store import Store

    Store(folder).collect_garbage()
    assert len(list((folder / "clips").iterdir())) == 1
    assert validate(folder) == []


def test_what_was_decided_stays_when_sources_come_and_go(folder: Path) -> None:
    from manifests.store import Store

    first = snapshot(folder, Persons()).clips
    assert set(first["split"]) == {"train"}
    store = Store(folder)
    store.write_head(commit_source(store, "a new one.mp4", 77))
    second = snapshot(folder, Persons()).clips
    old = second["id"].isin(first["id"])
    assert set(second[old]["split"]) == {"train"} and set(second[~old]["split"]) == {"test"}
    again = snapshot(folder, Persons()).clips
    assert list(again["split"]) == list(second["split"])
    other = snapshot(folder, Persons(size=2)).clips  # other settings decide anew
    assert set(other["split"]) == {"train"}


def test_the_decisions_outlive_a_lost_snapshot(folder: Path) -> None:
    from manifests.store import Store

    snapshot(folder, Persons())
    store = Store(folder)
    store.write_head(commit_source(store, "a new one.mp4", 77))
    snapshot(folder, Persons())
    wanted = (folder / "clips.parquet").read_bytes()
    (folder / "manifest.json").unlink()  # as when killed between the first file and the last
    (folder / "clips.parquet").unlink()
    snapshot(folder, Persons())
    assert (folder / "clips.parquet").read_bytes() == wanted


def test_a_damaged_ledger_is_named(folder: Path) -> None:
    snapshot(folder, Persons())
    (file,) = (folder / "ledger").glob("splits-*.parquet")
    file.write_bytes(b"PAR1")
    with pytest.raises(ManifestError, match="damaged"):
        Ledger(folder).previous("splits", Ledger(folder)._entries()["splits"]["key"])
    (folder / "ledger" / "ledger.json").write_text('{"tables": []}')
    with pytest.raises(ManifestError, match="delete the folder ledger"):
        Ledger(folder).previous("splits", "")


def test_stages_see_what_earlier_ones_said(folder: Path) -> None:
    manifest = snapshot(folder, Twice(), Persons())
    clips = manifest.all_clips
    assert clips["split"].notna().sum() == 1  # only the one that is left
    assert manifest.table("splits").num_rows == 1


def test_columns_of_two_stages_merge_by_clip() -> None:
    one = pa.table({"id": ["a", "b"], "identity": ["x", "y"]})
    two = pa.table({"id": ["b", "c"], "split": ["train", "test"]})
    rows = merged(one, two).to_pylist()
    assert rows == [
        {"id": "a", "identity": "x", "split": None},
        {"id": "b", "identity": "y", "split": "train"},
        {"id": "c", "identity": None, "split": "test"},
    ]


@dataclass(frozen=True)
class Who(ManifestStage):
    """Persons by a setting."""

    name: ClassVar[str] = "identities"
    version: ClassVar[int] = 1

    size: int = 1

    def run(self, manifest: Whole) -> Tables:
        return {}


@dataclass(frozen=True)
class Resting(Persons):
    """Splits that rest on persons."""

    rests_on: ClassVar[tuple[str, ...]] = ("identities",)


def test_other_persons_start_the_splits_anew(folder: Path) -> None:
    from manifests.store import Store

    snapshot(folder, Who(), Resting())
    store = Store(folder)
    store.write_head(commit_source(store, "a new one.mp4", 77))
    assert set(snapshot(folder, Who(), Resting()).clips["split"]) == {"train", "test"}
    assert set(snapshot(folder, Who(size=2), Resting()).clips["split"]) == {"train"}


def test_a_certificate_of_another_split_is_found_and_made_anew(folder: Path) -> None:
    from curation.certify import certify

    snapshot(folder, Persons())
    assert [problem.where for problem in validate(folder)] == ["certificate.json"]
    notes = certify(folder, fresh=True)
    assert notes[0].startswith("validation and test hold no clip") and validate(folder) == []
    assert certify(folder, fresh=False) == []
    text = (folder / "certificate.json").read_text()
    for wrong in (text.replace('"seed": 0', '"seed": 5'), text[:-9], "[]", text.replace('"clips": 4', '"clips": 3')):
        assert wrong != text
        (folder / "certificate.json").write_text(wrong)
        assert [problem.where for problem in validate(folder)] == ["certificate.json"]
        certify(folder, fresh=False)
        assert (folder / "certificate.json").read_text() == text


def test_a_new_snapshot_takes_the_old_certificate_away(folder: Path) -> None:
    from curation.certify import certify
    from manifests.store import Store

    snapshot(folder, Persons())
    certify(folder, fresh=True)
    store = Store(folder)
    store.write_head(commit_source(store, "a new one.mp4", 77))
    snapshot(folder, Persons())  # a run that is killed now must not leave a certificate of the former splits
    assert not (folder / "certificate.json").exists()


def test_the_ledger_remembers_tracks_that_are_away(tmp_path: Path) -> None:
    def rows(*tracks: str) -> pa.Table:
        row = {"source": make_id("source", "a"), "model": "m@1", "bridges": [], "identity": make_id("identity", "p")}
        return table_from_rows("identities", [{"id": make_id("track", track), **row} for track in tracks])

    ledger = Ledger(tmp_path)
    ledger.remember({"identities": rows("a", "b").sort_by("id")}, {"identities": "k"})
    ledger.remember({"identities": rows("b", "c").sort_by("id")}, {"identities": "k"})
    found = ledger.previous("identities", "k")
    assert found is not None and found.num_rows == 3
    assert set(found.column("id").to_pylist()) == set(rows("a", "b", "c").column("id").to_pylist())
    ledger.remember({"identities": rows("c")}, {"identities": "other settings"})
    assert ledger.previous("identities", "k") is None

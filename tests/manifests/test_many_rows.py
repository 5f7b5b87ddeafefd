"""A manifest of 50,000 clips: no person in two splits, sound, and the commands hold no more than they need."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import manifests
from manifests.diff import diff
from manifests.recipe import load_recipe
from manifests.select import compare, select
from manifests.splits import columns, split
from manifests.validate import validate
from perf.scale.folder import write
from perf.scale.million import alter
from perf.scale.rows import Size

CLIPS, PERSONS = 50_000, 1_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up manifest of 50,000 clips in 1,000 sources; nobody changes it."""
    place = tmp_path_factory.mktemp("many") / "first"
    write(place, Size(CLIPS, PERSONS))
    return place


def in_several_splits(clips: pa.Table, split_of: pa.ChunkedArray, who: str) -> int:
    """How many values of a column are in two splits."""
    rows = pa.table({"who": clips.column(who), "split": split_of}).drop_null()
    counted = rows.group_by("who").aggregate([("split", "count_distinct")])
    return pc.sum(pc.greater(counted.column("split_count_distinct"), 1)).as_py() or 0


@pytest.mark.parametrize("processes", [1, 2])
def test_the_manifest_is_sound(folder: Path, processes: int) -> None:
    assert validate(folder, processes=processes) == []


def test_no_person_and_no_copy_is_in_two_splits(folder: Path) -> None:
    manifest = manifests.open(folder)
    clips = manifest.table("clips", [*columns(), "duplicate_group"])
    identities = manifest.table("identities", ["id", "bridges"])
    for seed in (0, 1):
        found = split(clips, identities, seed=seed).clips.column("split")
        assert {"train", "validation", "test"} == set(found.drop_null().unique().to_pylist())
        for who in ("identity", "given_identity", "duplicate_group"):
            assert in_several_splits(clips, found, who) == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_that_is_damaged_among_thousands_is_named(folder: Path, processes: int) -> None:
    manifest = manifests.open(folder)
    clip = manifest.clips.iloc[0]
    source = manifest.sources.id.iloc[0]
    files = {
        folder / clip.file: f"clips {clip.id}",
        folder / "frames" / f"{source}.parquet": f"frames/{source}.parquet",
    }
    before = {path: path.read_bytes() for path in files}
    try:
        for path, content in before.items():
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        found = {problem.where for problem in validate(folder, processes=processes)}
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    assert set(files.values()) <= found


def test_stricter_thresholds_keep_fewer_and_bring_none_back(folder: Path) -> None:
    before = manifests.open(folder).table("clips")
    recipe = load_recipe("talking-head")
    stricter = recipe.select | {"face_size": recipe.select["face_size"].model_copy(update={"min": 90.0})}
    change = compare(before, select(before, stricter))
    assert change.gained == 0 < change.lost and change.kept[0] - change.lost == change.kept[1]


def test_what_was_changed_is_what_differs_and_columns_are_held_one_at_a_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter(folder, tmp_path / "second")
    first, second = manifests.open(folder), manifests.open(tmp_path / "second")
    most = 0
    read = manifests.Manifest.table

    def counted(self: manifests.Manifest, name: str, columns: list[str] | None = None) -> pa.Table:
        nonlocal most
        found = read(self, name, columns)
        most = max(most, found.nbytes)
        return found

    whole = first.table("clips").nbytes
    monkeypatch.setattr(manifests.Manifest, "table", counted)
    found = diff(first, second)
    assert len(found.removed) == 100 and not found.added
    assert set(found.columns) == {"sync"}
    assert len(found.changed) == np.count_nonzero(np.arange(CLIPS - 100) % 100 == 0)
    assert most < whole / 5

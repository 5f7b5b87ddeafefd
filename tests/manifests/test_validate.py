"""Validation finds each kind of damage by name, and nothing in a sound manifest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from manifests.errors import ManifestError
from manifests.files import file_hash
from manifests.manifest import MANIFEST
from manifests.parquet import read_table, write_table
from manifests.schema import FRAME_TABLES, conform, make_id
from manifests.validate import CHECKS, validate


def _problems(folder: Path, **options: Any) -> set[tuple[str, str]]:
    return {(problem.check, problem.sentence) for problem in validate(folder, **options)}


def rewrite(folder: Path, table: str, change: Callable[[pa.Table], pa.Table], source: str | None = None) -> None:
    """Change a table of a manifest and enter the new file in manifest.json, as if it had been written so."""
    path = folder / f"{table}.parquet" if source is None else folder / table / f"{source}.parquet"
    data = change(read_table(table, path))
    path.unlink()
    with path.open("wb") as file:
        write_table(table, [data.cast(conform(table, data.slice(0, 0)).schema)], file)
    content = json.loads((folder / MANIFEST).read_text())
    made = file_hash(path)
    entry = {"sha256": made.sha256, "bytes": made.bytes, "rows": data.num_rows}
    content["tables" if source is None else table][source or table] = entry
    (folder / MANIFEST).write_text(json.dumps(content))


def put(column: str, value: Any, row: int = 0) -> Callable[[pa.Table], pa.Table]:
    """A change that puts one value into one row."""

    def change(table: pa.Table) -> pa.Table:
        values = table.column(column).to_pylist()
        values[row] = value
        field = table.schema.field(column)
        return table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))

    return change


def _kept(table: pa.Table) -> int:
    return table.column("status").to_pylist().index("kept")


def _put_kept(column: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    return lambda table: put(column, value, _kept(table))(table)


def _end(kind: str) -> Callable[[pa.Table], pa.Table]:
    """A change to the outcomes: the first kept outcome of a kind becomes dropped."""

    def change(table: pa.Table) -> pa.Table:
        rows = zip(table.column("kind").to_pylist(), table.column("status").to_pylist(), strict=True)
        row = list(rows).index((kind, "kept"))
        return put("reasons", ["other"], row)(put("status", "dropped", row)(table))

    return change


def _forget_frames(table: pa.Table) -> pa.Table:
    field = table.schema.field("frames")
    return table.set_column(table.schema.get_field_index("frames"), field, pa.nulls(table.num_rows, field.type))


NOWHERE = "x_" + "0" * 16
DAMAGE = [
    ("shots", put("id", "h_1"), "ids", "it is not the id of a shot"),
    ("shots", lambda t: pa.concat_tables([t, t.slice(0, 1)]), "ids", "the id stands more than once"),
    ("clips", lambda t: t.take(pa.array(range(t.num_rows - 1, -1, -1))), "ids", "the rows are not sorted by id"),
    ("outcomes", lambda t: pa.concat_tables([t.slice(1), t.slice(0, 1)]), "ids", "the rows are not sorted by source"),
    ("shots", put("source", make_id("source", "no")), "references", "its source is not in sources"),
    ("tracks", put("shot", make_id("shot", "no")), "references", "its shot is not in shots"),
    ("clips", put("track", make_id("track", "no")), "references", "its track is not in tracks"),
    ("clips", lambda t: t.slice(1), "references", "the item is not in clips"),
    ("speech", put("source", NOWHERE), "references", "its source is not in sources"),
    ("tracks", lambda t: put("shot", t["shot"][1].as_py())(t), "references", "its shot belongs to another source"),
    ("shots", put("time_base_den", 0), "spans", "its time base is not positive"),
    ("shots", put("time_base_den", 50), "spans", "its time base is not that of its source"),
    ("speech", put("end_pts", -200), "spans", "its start is not before its end"),
    ("shots", put("end_frame", 0), "spans", "its first frame is not before its last"),
    ("shots", put("end_pts", 201), "spans", "it reaches outside its source"),
    ("tracks", put("start_frame", -1), "spans", "it reaches outside its shot"),
    ("clips", put("end_pts", 10**6), "spans", "it reaches outside its shot"),
    ("clips", put("seconds", 9.0), "spans", "its seconds are not those of its span"),
    ("clips", put("frames", 9), "spans", "its frames are not those of its span"),
    ("sources", _forget_frames, "spans", "its source has no decoded span"),
    ("tracks", put("frames", 119), "frames", "frames does not hold the rows it says"),
    ("tracks", put("detected", 21), "frames", "its states do not add up to its frames"),
    ("clips", _put_kept("file", None), "files", "it is kept, but names no file with its hash and size"),
    ("clips", _put_kept("file", "../secret.mp4"), "files", "its file lies outside the manifest's folder"),
    ("clips", _put_kept("file", "/etc/hostname"), "files", "its file lies outside the manifest's folder"),
    ("clips", _put_kept("file", "clips/gone.mp4"), "files", "its file is missing"),
    ("clips", _put_kept("file", "clips/gone.mp4"), "files", "no kept clip names this file"),
    ("clips", _put_kept("file_bytes", 1), "files", "its file has another size"),
    ("clips", _put_kept("file_sha256", "0" * 64), "files", "its file has another hash"),
    ("clips", _put_kept("status", "dropped"), "files", "it is not kept, yet names a file"),
    ("clips", _put_kept("status", "dropped"), "counts", "it is dropped without a reason"),
    ("clips", _put_kept("status", "dropped"), "counts", "its status is not that of its last outcome"),
    ("clips", _put_kept("reasons", ["faces"]), "counts", "it is kept, yet has a reason against it"),
    ("clips", _put_kept("status", "gone"), "counts", "its status is not kept, dropped or failed"),
    ("outcomes", put("error", None), "counts", "it failed without a sentence"),
    ("outcomes", lambda t: pa.concat_tables([t.slice(0, 1), t]), "counts", "it has two outcomes at one stage"),
    ("outcomes", _end("source"), "counts", "it has an outcome at faces but did not leave shots"),
    ("outcomes", _end("clip"), "counts", "its status is not that of its last outcome"),
    ("clips", put("schema_version", 99), "tables", "its schema_version is not 3"),
]


def test_a_sound_manifest_has_no_problem(folder: Path) -> None:
    assert validate(folder) == [] and validate(folder, quick=True) == []
    wanted = ["tables", "ids", "references", "spans", "frames", "expressions", "files", "counts", "whole"]
    assert list(CHECKS) == [*wanted, "provenance"]


@pytest.mark.parametrize(
    ("table", "change", "check", "sentence"), DAMAGE, ids=[f"{n} {row[0]} {row[3]}" for n, row in enumerate(DAMAGE)]
)
def test_each_planted_damage_is_found_by_name(
    folder: Path, table: str, change: Callable[[pa.Table], pa.Table], check: str, sentence: str
) -> None:
    if sentence == "it failed without a sentence":
        failed = read_table("outcomes", folder / "outcomes.parquet")
        change = put("error", None, failed.column("status").to_pylist().index("failed"))
    rewrite(folder, table, change)
    assert (check, sentence) in _problems(folder)


def test_a_stage_that_loses_an_item_is_found(folder: Path) -> None:
    def lose(stage: str) -> Callable[[pa.Table], pa.Table]:
        def change(table: pa.Table) -> pa.Table:
            row = table.column("stage").to_pylist().index(stage)
            return pa.concat_tables([table.slice(0, row), table.slice(row + 1)])

        return change

    rewrite(folder, "outcomes", lose("faces"))
    rewrite(folder, "outcomes", lose("export"))
    found = _problems(folder)
    assert ("counts", "it left shots but has no outcome at faces: run the same moee curate command again") in found
    assert ("counts", "it left select but has no outcome at export") in found


def test_tables_that_are_not_the_written_ones_are_found(folder: Path) -> None:
    shots = (folder / "shots.parquet").read_bytes()
    (folder / "tracks.parquet").write_bytes(shots)
    (folder / "speech.parquet").write_bytes(b"")
    (folder / "clips.parquet").unlink()
    outcomes = (folder / "outcomes.parquet").read_bytes()
    (folder / "outcomes.parquet").write_bytes(outcomes[:-4] + b"junk" + outcomes[-4:])
    found = {(p.check, p.where): p.sentence for p in validate(folder)}
    assert "written by another version" in found["tables", "tracks.parquet"]
    assert "cannot be read" in found["tables", "speech.parquet"]
    assert "is missing" in found["tables", "clips.parquet"]
    assert "cannot be read" in found["tables", "outcomes.parquet"]
    assert "could not be checked" in found["counts", "outcomes"]
    assert "could not be checked" in found["files", "clips"]


def test_a_flipped_byte_is_found_unless_asked_to_be_quick(folder: Path) -> None:
    path = next((folder / "clips").iterdir())
    path.write_bytes(b"F" + path.read_bytes()[1:])
    assert _problems(folder) == {("files", "its file has another hash")}
    assert _problems(folder, quick=True) == set()


@pytest.mark.parametrize("kind", ["tables", "frames", "expressions"])
def test_a_flipped_byte_of_a_table_is_found(folder: Path, kind: str) -> None:
    path = folder / "shots.parquet" if kind == "tables" else next((folder / kind).iterdir())
    content = bytearray(path.read_bytes())
    content[5] ^= 1  # in the first page, where its size and rows stay what they were
    path.write_bytes(content)
    assert (kind, "its hash is not the one in manifest.json") in _problems(folder)


def test_files_nobody_names_and_links_are_found(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "clips" / "stray\nfile.mp4").write_text("x")
    for table in FRAME_TABLES:
        (folder / table / "stray.parquet").write_text("x")
    outside = tmp_path_factory.mktemp("outside") / "film.mp4"
    linked = next(path for path in (folder / "clips").iterdir() if path.name.startswith("c_"))
    outside.write_bytes(linked.read_bytes())
    linked.unlink()
    linked.symlink_to(outside)
    found = {(p.check, p.where, p.sentence) for p in validate(folder)}
    assert ("files", "clips/stray\\x0afile.mp4", "no kept clip names this file") in found
    for table in FRAME_TABLES:
        assert (table, f"{table}/stray.parquet", "manifest.json does not name this file") in found
    assert ("files", f"clips {linked.stem}", "its file is a link or lies behind one") in found
    assert len(found) == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("track", make_id("track", "no")), "its track is not in tracks"),
        (put("frame", 150), "the frame lies outside its track"),
        (put("frame", 1), "the frame stands more than once in its track"),
        (put("state", "guessed"), "its state is not meshed, detected or tracked"),
        (put("source", make_id("source", "no")), "the row is of another source"),
        (lambda table: table.slice(1), "frames does not hold the rows it says"),
    ],
    ids=["track", "outside", "twice", "state", "source", "lost"],
)
def test_damaged_frames_are_found(folder: Path, change: Callable[[pa.Table], pa.Table], sentence: str) -> None:
    rewrite(folder, "frames", change, next((folder / "frames").iterdir()).stem)
    assert ("frames", sentence) in _problems(folder)


@pytest.mark.parametrize("table", FRAME_TABLES)
def test_missing_and_unreadable_frames_are_found(folder: Path, table: str) -> None:
    first, second, *_ = sorted((folder / table).iterdir())
    first.unlink()
    content = second.read_bytes()
    second.unlink()
    second.write_bytes(content[:-20])
    sentences = {p.where: p.sentence for p in validate(folder) if p.where.startswith(f"{table}/")}
    assert sentences[f"{table}/{first.name}"] == "the file is missing"
    assert "cannot be read" in sentences[f"{table}/{second.name}"]


def test_a_thousand_equal_problems_are_ten_names_and_a_number(folder: Path) -> None:
    for number in range(1000):
        (folder / "clips" / f"stray {number}").write_text("x")
    problems = validate(folder)
    assert len(problems) == 11 and sum(problem.rows for problem in problems) == 1000


def test_what_is_no_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="There is no manifest in"):
        validate(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ManifestError, match="is damaged"):
        validate(tmp_path)
    (tmp_path / MANIFEST).write_text('{"schema_version": 99}')
    with pytest.raises(ManifestError, match="has version 99, this program reads 3"):
        validate(tmp_path)
    (tmp_path / MANIFEST).write_text('{"schema_version": 3}')
    with pytest.raises(ManifestError, match="is damaged"):
        validate(tmp_path)
    with pytest.raises(ManifestError, match="There is no manifest in"):
        validate(tmp_path / MANIFEST)


def test_the_material_of_these_tests_changes_what_it_says(folder: Path) -> None:
    rewrite(folder, "clips", lambda table: table)
    assert validate(folder) == []  # rewriting alone plants no damage
    assert read_table("clips", folder / "clips.parquet").num_rows == 8 and len(list((folder / "clips").iterdir())) == 4

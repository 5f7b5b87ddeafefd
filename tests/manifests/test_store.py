"""What is committed is whole, whatever kills the writer; the same rows give the same bytes."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

import manifests
from manifests.errors import ManifestError
from manifests.files import exclusive, file_hash
from manifests.outcomes import Dropped, Kept
from manifests.parquet import SortedRows, write_table
from manifests.schema import FRAME_TABLES, SNAPSHOT_TABLES, empty, make_id, table_from_rows
from manifests.store import Head, Store
from manifests.validate import validate
from tests.manifests.material import KEY, RECIPE, commit_source, make_manifest, outcome, source_row, span
from tests.manifests.test_select import million
from tests.manifests.writer import write_generation

SOURCE = make_id("source", "a")


def _tables(name: str = "a") -> dict[str, pa.Table]:
    return {"sources": table_from_rows("sources", [source_row(SOURCE, name)])}


def _writer(folder: Path, generation: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.manifests.writer", str(folder), str(generation)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    return process


def _verify_every_commit(store: Store) -> None:
    for commit in store.root.glob("parts/*/??/*/*/commit.json"):
        stage, _, source, key = commit.parent.relative_to(store.root / "parts").parts
        assert store.committed(source, stage, key)
        generation = store.outcomes(source, stage, key)[0].attempts
        assert store.read(source, stage, key, "sources").column("frames").to_pylist() == [generation]
        assert store.read(source, stage, key, "shots").column("index").to_pylist() == [generation]
        assert set(store.read(source, stage, key, "frames").column("track").to_pylist()) == {f"t{generation}"}
    for head in store.heads().values():
        assert head.name == str(head.bytes)
        assert all(store.committed(head.source, stage, key) for stage, key in head.keys.items())


def test_a_writer_killed_at_any_moment_leaves_only_whole_commits(tmp_path: Path) -> None:
    chance, snapshots = random.Random(4), 0
    write_generation(Store(tmp_path), 1)
    for attempt in range(12):
        process = _writer(tmp_path, 1000 + attempt * 1000)
        if attempt % 2:  # every other time from a moment at which a snapshot has just been written
            process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        _verify_every_commit(Store(tmp_path))
        try:
            manifests.open(tmp_path)
        except ManifestError as error:
            assert "not finished" in str(error) or "no manifest" in str(error)
        else:
            snapshots += 1
            assert [p for p in validate(tmp_path) if p.check in ("tables", "ids")] == []
    write_generation(Store(tmp_path), 7)
    assert set(manifests.open(tmp_path).sources["frames"]) == {7}
    Store(tmp_path).collect_garbage()
    assert [path for path in tmp_path.rglob("*") if ".tmp-" in path.name] == []
    assert len(list(tmp_path.glob("parts/*/??/*/*/*.parquet"))) == 3 * 2 * 4
    _verify_every_commit(Store(tmp_path))
    assert snapshots > 0


def test_a_part_without_its_marker_does_not_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.committed(SOURCE, "shots", KEY)
    store.commit(SOURCE, "shots", KEY, _tables(), [outcome(Kept(), "shots", SOURCE)])
    assert store.committed(SOURCE, "shots", KEY)
    assert store.outcomes(SOURCE, "shots", KEY) == [outcome(Kept(), "shots", SOURCE)]
    next(tmp_path.glob("parts/shots/??/*/*/commit.json")).unlink()
    assert not store.committed(SOURCE, "shots", KEY)
    with pytest.raises(ManifestError, match="has no result"):
        store.read(SOURCE, "shots", KEY, "sources")


def test_a_second_commit_of_a_key_takes_the_place_of_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("first", "second"):
        store.commit(SOURCE, "shots", KEY, _tables(name), [outcome(Kept(), "shots", SOURCE)])
    assert store.read(SOURCE, "shots", KEY, "sources").column("name").to_pylist() == ["second"]
    store.write_head(Head(SOURCE, "a", "/a", None, None, None, {"shots": KEY}))
    store.snapshot({})
    assert store.collect_garbage() == 1  # the table of the first


def test_a_damaged_part_is_never_read_as_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit(SOURCE, "shots", KEY, _tables(), [outcome(Kept(), "shots", SOURCE)])
    file = next(tmp_path.glob("parts/shots/??/*/*/sources-*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ManifestError, match="is damaged"):
        store.read(SOURCE, "shots", KEY, "sources")
    file.write_bytes(content[:-1])
    assert not store.committed(SOURCE, "shots", KEY)
    file.unlink()
    assert not store.committed(SOURCE, "shots", KEY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "../../etc"}, "cannot be the source"),
        ({"stage": "../x"}, "cannot be the stage"),
        ({"key": "a/b"}, "cannot be the key"),
        ({"key": ""}, "cannot be the key"),
        ({"tables": {"shotz": empty("shots")}}, "no table 'shotz': did you mean shots"),
        ({"tables": {"outcomes": empty("outcomes")}}, "as a list"),
        ({"tables": {"sources": table_from_rows("sources", [source_row("s_" + "1" * 16, "b")])}}, "another source"),
        ({"tables": {"shots": empty("shots").drop_columns(["index"])}}, "lacks the column index"),
        (
            {
                "tables": {
                    "shots": table_from_rows("shots", [{"id": "h_1", "source": SOURCE, "index": 0, **span(0, 1)}])
                }
            },
            "an id that make_id did not make",
        ),
        ({"outcomes": [outcome(Kept(), "faces", SOURCE)]}, "does not belong"),
    ],
)
def test_a_commit_that_cannot_be_right_is_refused_before_it_is_written(
    tmp_path: Path, change: dict, words: str
) -> None:
    arguments = {"source": SOURCE, "stage": "shots", "key": KEY, "tables": {}, "outcomes": []} | change
    with pytest.raises(ManifestError, match=words):
        Store(tmp_path).commit(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_head_names_only_what_is_committed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    head = Head(SOURCE, "a", "/a", "f" * 64, 3, 4, {"shots": KEY}, "dropped", ("faces",), None, True)
    with pytest.raises(ManifestError, match="not committed"):
        store.write_head(head)
    store.commit(SOURCE, "shots", KEY, _tables(), [outcome(Dropped(("faces",)), "shots", SOURCE)])
    store.write_head(head)
    assert store.heads() == {SOURCE: head} and store.head(SOURCE) == head
    store.remove_head(SOURCE)
    assert store.heads() == {} and store.head(SOURCE) is None


def test_the_order_of_the_work_does_not_change_a_byte(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_manifest(tmp_path / str(seed), sources=6, seed=seed)
    files = [*(f"{table}.parquet" for table in SNAPSHOT_TABLES), "manifest.json"]
    files += [f"{name}/{path.name}" for name in FRAME_TABLES for path in (tmp_path / "1" / name).iterdir()]
    assert len(files) == len(SNAPSHOT_TABLES) + 1 + 6 * 2
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_a_big_table_is_sorted_on_disk_to_the_same_bytes(tmp_path: Path) -> None:
    table = million(300_000)
    written = []
    for expected in (0, table.num_rows):  # in memory, and in buckets on disk
        rows = SortedRows("clips", expected, tmp_path / "scratch")
        for start in range(0, table.num_rows, 7_001):
            rows.add(table.slice(start, 7_001))
        path = tmp_path / f"{expected}.parquet"
        with path.open("wb") as file:
            assert write_table("clips", rows.batches(), file) == table.num_rows
        written.append(file_hash(path))
    assert written[0] == written[1]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_snapshot_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    store = make_manifest(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert store.snapshot(RECIPE) is False
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "clips.parquet").unlink()
    assert store.snapshot(RECIPE) is True and manifests.open(tmp_path)
    assert store.snapshot({"name": "other"}) is True


def test_a_source_that_is_gone_leaves_the_snapshot_and_the_disk(tmp_path: Path) -> None:
    store = make_manifest(tmp_path)
    gone = make_id("source", "video 1.mp4")
    store.remove_head(gone)
    store.snapshot(RECIPE)
    assert gone not in set(manifests.open(tmp_path).sources["id"])
    assert not any((tmp_path / table / f"{gone}.parquet").exists() for table in FRAME_TABLES)
    store.collect_garbage()
    assert not [path for path in tmp_path.rglob("*") if gone in path.name]
    assert len(list((tmp_path / "clips").iterdir())) == 3
    assert validate(tmp_path) == []


def test_garbage_is_only_what_this_project_made(tmp_path: Path) -> None:
    store = make_manifest(tmp_path)
    strangers = ["clips/holiday.mp4", "clips/c_short.mp4", "notes.txt", "clips/c_0123456789abcdef"]
    ours = ["clips/c_0123456789abcdef.mp4", "clips/.c_0123456789abcdef.mp4.tmp", "heads/.tmp-1-x", ".tmp-2-y"]
    ours += [f"{table}/.tmp-3-z" for table in FRAME_TABLES]
    for name in strangers + ours:
        (tmp_path / name).write_text("x")
    assert store.collect_garbage() == len(ours)
    assert all((tmp_path / name).exists() for name in strangers)
    assert not any((tmp_path / name).exists() for name in ours)
    assert store.collect_garbage() == 0 and len(manifests.open(tmp_path).clips) == 4


def test_the_last_stage_that_wrote_a_table_gives_it(tmp_path: Path) -> None:
    make_manifest(tmp_path, sources=1)
    clips = manifests.open(tmp_path).all_clips
    assert sorted(clips["status"]) == ["dropped", "kept"] and clips["file"].notna().sum() == 1


def test_a_source_whose_expressions_are_gone_keeps_its_frames(tmp_path: Path) -> None:
    store = make_manifest(tmp_path, sources=2)
    source = make_id("source", "video 0.mp4")
    head = store.head(source)
    assert head is not None
    store.write_head(replace(head, keys={name: key for name, key in head.keys.items() if name != "clips"}))
    assert store.snapshot(RECIPE) is True
    assert [path.stem for path in (tmp_path / "expressions").iterdir()] == [make_id("source", "video 1.mp4")]
    opened = manifests.open(tmp_path)
    assert len(opened.frames(source)) == 120 and opened.expressions(source).empty
    assert not [problem for problem in validate(tmp_path) if problem.check in ("frames", "expressions")]
    store.write_head(head)
    assert store.snapshot(RECIPE) is True and validate(tmp_path) == []


def test_a_lost_file_of_expressions_is_put_back_by_the_next_snapshot(tmp_path: Path) -> None:
    store = make_manifest(tmp_path, sources=2)
    lost, damaged = sorted((tmp_path / "expressions").iterdir())
    before = damaged.read_bytes()
    lost.unlink()
    damaged.unlink()  # a link to the part, which stays whole
    damaged.write_bytes(before[:-1])
    assert store.snapshot(RECIPE) is True and validate(tmp_path) == []
    assert damaged.read_bytes() == before and store.snapshot(RECIPE) is False


@pytest.mark.parametrize("table", FRAME_TABLES)
def test_frames_are_links_to_the_parts_and_copies_where_links_fail(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_manifest(tmp_path / "links", 1)
    assert next((tmp_path / "links" / table).iterdir()).stat().st_nlink == 2

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = make_manifest(tmp_path / "copies", 1)
    copy = next((tmp_path / "copies" / table).iterdir())
    assert copy.stat().st_nlink == 1 and validate(tmp_path / "copies") == []
    made = copy.stat().st_ino
    commit_source(store, "another.mp4")
    store.snapshot(RECIPE)
    assert copy.stat().st_ino == made and validate(tmp_path / "copies") == []


def test_a_half_replaced_snapshot_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_manifest(tmp_path)
    commit_source(store, "late.mp4")
    replaced = Path.replace

    def stop(self: Path, target: Path) -> Path:
        if Path(target).name == "tracks.parquet":
            raise KeyboardInterrupt
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        store.snapshot(RECIPE)
    with pytest.raises(ManifestError, match="not finished"):
        manifests.open(tmp_path)
    monkeypatch.undo()
    assert store.snapshot(RECIPE) and len(manifests.open(tmp_path).clips) == 5 and validate(tmp_path) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ManifestError, match="is full: free some space and run the same command again"):
        Store(tmp_path).commit(SOURCE, "shots", KEY, _tables(), [])
    monkeypatch.undo()
    assert not Store(tmp_path).committed(SOURCE, "shots", KEY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_one_writer_at_a_time_and_none_after_a_kill(tmp_path: Path) -> None:
    process = _writer(tmp_path, 1)
    with (
        pytest.raises(ManifestError, match=rf"Another run \(pid {process.pid}\) is writing this folder"),
        exclusive(tmp_path),
    ):
        pass
    process.kill()
    process.wait()
    with exclusive(tmp_path), pytest.raises(ManifestError, match="Another run"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass

"""Inputs of files and folders: every regular file, in one order, whatever it is called."""

import os
from pathlib import Path

import pytest

from curation.errors import CurationError
from curation.sources.folder import list_inputs
from curation.sources.inputs import printable

HOSTILE = ['quote".mp4', "new\nline.mp4", "..mp4", "emoji 🎬.mp4", "-rf.mp4", "a%d.mp4", "concat:a|b.mp4", "$(x).mp4"]


def test_every_regular_file_is_an_input_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.txt", "sub/c.mkv", ".hidden", "sub/.hidden"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    inputs = list_inputs([tmp_path / "in"], tmp_path / "out")
    assert [item.name for item in inputs] == ["a.txt", "b.mp4", "sub/c.mkv"]
    assert all(item.path.is_absolute() and item.error is None for item in inputs)


def test_hostile_names_are_listed_and_stay_below_the_folder(tmp_path: Path) -> None:
    for name in HOSTILE:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / os.fsdecode(b"bytes\xff\xfe.mp4")).write_bytes(b"x")
    inputs = list_inputs([tmp_path], tmp_path / "out")
    assert len(inputs) == len(HOSTILE) + 1
    assert all(item.path.parent == tmp_path for item in inputs)
    assert all(item.name.encode() for item in inputs), "every name is valid text"


def test_the_output_folder_inside_the_source_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "out" / "clips").mkdir(parents=True)
    (tmp_path / "out" / "clips" / "c.mp4").write_bytes(b"x")
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert [item.name for item in list_inputs([tmp_path], tmp_path / "out")] == ["a.mp4"]


def test_the_same_file_given_twice_is_one_input(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert len(list_inputs([tmp_path, tmp_path / "a.mp4"], tmp_path / "out")) == 1


def test_a_link_to_nothing_fails_by_name(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (item,) = list_inputs([tmp_path], tmp_path / "out")
    assert item.error == "the link points to no file"


def test_a_source_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="there is no file or folder"):
        list_inputs([tmp_path / "nothing"], tmp_path / "out")


def test_undecodable_bytes_become_escapes() -> None:
    assert printable(os.fsdecode(b"a\xff")) == "a\\xff"


def test_odd_entries_fail_by_name_and_the_others_are_listed(tmp_path: Path) -> None:
    (tmp_path / "good.mp4").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "circle.mp4").symlink_to(tmp_path / "circle.mp4")
    inputs = {item.name: item.error for item in list_inputs([tmp_path], tmp_path / "out")}
    assert inputs["good.mp4"] is None
    assert inputs["pipe.mp4"] == "it is no regular file"
    assert "cannot be read" in str(inputs["circle.mp4"])
    (alone,) = list_inputs([tmp_path / "pipe.mp4"], tmp_path / "out")
    assert alone.error == "it is no regular file"


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.mp4").write_bytes(b"x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "back").symlink_to(tmp_path / "in")
    assert [item.name for item in list_inputs([tmp_path / "in"], tmp_path / "out")] == ["linked/a.mp4"]


def test_folders_may_be_very_deep(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep = deep / "d"
        deep.mkdir()
    (deep / "a.mp4").write_bytes(b"x")
    assert len(list_inputs([tmp_path], tmp_path / "out")) == 1


def test_a_manifest_does_not_eat_what_it_or_a_neighbour_made(tmp_path: Path) -> None:
    (tmp_path / "raw.mp4").write_bytes(b"x")
    for folder in (tmp_path, tmp_path / "other"):
        (folder / "heads").mkdir(parents=True)
        (folder / "clips").mkdir()
        (folder / "clips" / "c.mp4").write_bytes(b"y")
        for own in ("frames/s.parquet", "expressions/s.parquet", "pages/c.html", "parts/shots/commit.json"):
            (folder / own).parent.mkdir(parents=True)
            (folder / own).write_bytes(b"z")
        (folder / "manifest.json").write_text("{}")
        (folder / "clips.parquet").write_bytes(b"z")
    assert [item.name for item in list_inputs([tmp_path], tmp_path)] == ["raw.mp4"]
    assert [item.name for item in list_inputs([tmp_path], tmp_path / "elsewhere")] == ["raw.mp4"]
    with pytest.raises(CurationError, match="give the raw videos"):
        list_inputs([tmp_path / "clips"], tmp_path)

"""metadata.parquet of DH-FaceEmoVid's form: labels beside the file names, and bad rows that cost themselves only."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.sources import inputs_of
from curation.sources.dh_faceemovid import list_inputs
from curation.sources.inputs import Input


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def describe(folder: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), folder / "metadata.parquet")


def listed(folder: Path, notes: list[str] | None = None) -> dict[str, Input]:
    found = list_inputs([folder], folder / "out", (notes if notes is not None else []).append)
    return {item.name: item for item in found}


def row(name: str, **columns: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("dh_actor", "dh_emotion", "dh_compound", "dh_take", "dh_text"))
    return {"file_name": name, **empty, **columns}


def test_a_row_adds_what_the_name_cannot_say(tmp_path: Path) -> None:
    lay(tmp_path, "videos/001/001_happy_038.mp4", "videos/002/002_sadly-fear_1.mp4")
    says = {"dh_text": "Line one\nline | two", "given_intensity": 3, "given_view": "front"}
    describe(
        tmp_path,
        [
            row("videos/001/001_happy_038.mp4", dh_actor="001", dh_emotion="happy", dh_take="038", **says),
            row("videos/002/002_sadly-fear_1.mp4", dh_compound="sadly-fear"),
        ],
    )
    first, second = (item.labels[0] for item in listed(tmp_path).values())
    assert (first.dataset, first.identity, first.emotion, first.compound) == ("dh-faceemovid", "001", "happy", None)
    assert (first.take, first.text, first.intensity, first.view) == ("038", "Line one\nline | two", 3, "front")
    assert (second.identity, second.emotion, second.compound, second.take) == ("002", None, "sadly-fear", "1")


def test_a_row_stands_in_for_a_name_of_another_kind(tmp_path: Path) -> None:
    lay(tmp_path, "holiday.mp4", "unknown.mp4")
    describe(
        tmp_path,
        [row("holiday.mp4", dh_actor="M030", dh_emotion="neutral", dh_take="x"), row("unknown.mp4", dh_text="hello")],
    )
    inputs = listed(tmp_path)
    label = inputs["holiday.mp4"].labels[0]
    assert (label.identity, label.emotion, label.take) == ("M030", "neutral", "x")
    assert "neither its name nor its row says actor and emotion" in (inputs["unknown.mp4"].error or "")


def test_what_was_measured_before_is_not_given(tmp_path: Path) -> None:
    names = ["001_happy_001.mp4", "001_happy_002.mp4", "002_sadly-fear_001.mp4"]
    lay(tmp_path, *names)
    says = [
        {"dh_emotion": "happy", "dh_label_from": "measured", "dh_text": "A person smiles.", "dh_text_from": "caption"},
        {"dh_emotion": "happy", "dh_label_from": "given", "dh_text": "Good morning.", "dh_text_from": "given"},
        {"dh_compound": "sadly-fear", "dh_label_from": "measured", "dh_text": None, "dh_text_from": None},
    ]
    describe(tmp_path, [row(name) | columns for name, columns in zip(names, says, strict=True)])
    labels = [item.labels[0] for item in listed(tmp_path).values()]
    assert [(label.emotion, label.compound, label.text) for label in labels] == [
        (None, None, None),
        ("happy", None, "Good morning."),
        (None, None, None),
    ]
    assert [(label.identity, label.take) for label in labels] == [("001", "001"), ("001", "002"), ("002", "001")]


def test_file_names_alone_still_work(tmp_path: Path) -> None:
    lay(tmp_path, "001_happy_038.mp4", "002_sad_1.mp4")
    describe(tmp_path, [row("002_sad_1.mp4", dh_text="hello")])
    notes: list[str] = []
    inputs = listed(tmp_path, notes)
    assert [item.labels[0].emotion for item in inputs.values()] == ["happy", "sad"]
    assert [item.labels[0].text for item in inputs.values()] == [None, "hello"]
    assert "metadata.parquet has rows for 1 of 2 videos" in notes
    (tmp_path / "metadata.parquet").unlink()
    assert {name: item.error for name, item in listed(tmp_path).items()} == dict.fromkeys(inputs)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"dh_emotion": "sad"}, "its dh_emotion is 'sad', but its name says 'happy'"),
        ({"dh_actor": "002"}, "its dh_actor is '002', but its name says '001'"),
        ({"dh_take": "39"}, "its dh_take is '39', but its name says '038'"),
        ({"dh_compound": "sadly-fear"}, "but its name says"),
        ({"dh_emotion": "hapy"}, "there is no emotion 'hapy': did you mean happy?"),
        ({"dh_compound": "\x1b[31m"}, "there is no compound '\\x1b[31m'"),
        ({"dh_emotion": "happy", "dh_compound": "sadly-fear"}, "it has both an emotion and a compound"),
        ({"dh_text": "x" * 20_001}, "its dh_text is longer than 20000 characters"),
        ({"given_intensity": -1}, "its given_intensity is no whole number from 0 to 32767"),
    ],
)
def test_a_bad_row_fails_its_video_in_one_sentence_and_the_rest_goes_on(
    tmp_path: Path, bad: dict[str, Any], words: str
) -> None:
    lay(tmp_path, "001_happy_038.mp4", "001_happy_040.mp4")
    describe(tmp_path, [row("001_happy_038.mp4", **bad), row("001_happy_040.mp4", dh_text="fine")])
    inputs = listed(tmp_path)
    error = inputs["001_happy_038.mp4"].error or ""
    assert error.startswith("row 1 of metadata.parquet: ") and words in error and "\n" not in error
    assert inputs["001_happy_040.mp4"].labels[0].text == "fine"


def test_columns_of_another_kind_fail_their_rows(tmp_path: Path) -> None:
    lay(tmp_path, "001_happy_038.mp4")
    describe(tmp_path, [{"file_name": "001_happy_038.mp4", "dh_take": 38, "given_intensity": 1.5}])
    assert listed(tmp_path)["001_happy_038.mp4"].error == "row 1 of metadata.parquet: its dh_take is no text"


@pytest.mark.parametrize("name", ["../other.mp4", "/etc/passwd", "", None, "a\0b.mp4"])
def test_a_row_that_points_outside_the_folder_is_a_failed_input(tmp_path: Path, name: str | None) -> None:
    folder = lay(tmp_path / "set", "001_happy_038.mp4")
    lay(tmp_path, "other.mp4")
    describe(folder, [row("001_happy_038.mp4", dh_text="x"), row(name)])  # type: ignore[arg-type]
    inputs = listed(folder)
    assert inputs["set: metadata.parquet row 2"].error == "its file_name is no path inside the folder"
    assert inputs["001_happy_038.mp4"].error is None and len(inputs) == 2


def test_a_row_of_a_missing_file_and_a_second_row_of_one_are_failed_inputs(tmp_path: Path) -> None:
    folder = lay(tmp_path / "set", "001_happy_038.mp4", "001_happy_039.txt")
    names = ("001_happy_038.mp4", "001_happy_041.mp4", "001_happy_038.mp4", "001_happy_039.txt")
    describe(folder, [row(name, dh_text=str(number)) for number, name in enumerate(names)])
    inputs = listed(folder)
    assert inputs["001_happy_038.mp4"].labels[0].text == "0"
    assert inputs["001_happy_041.mp4"].error == "row 2 of metadata.parquet names it, but the file is not there"
    assert (
        inputs["001_happy_039.txt"].error == "row 4 of metadata.parquet names it, but the file is no video by its name"
    )
    assert "is named by an earlier row too" in (inputs["set: metadata.parquet row 3"].error or "")


@pytest.mark.parametrize("content", [b"", b"PAR1 no table", b"file_name\n001_happy_038.mp4\n"])
def test_a_damaged_table_is_one_failed_input_and_names_still_work(tmp_path: Path, content: bytes) -> None:
    folder = lay(tmp_path / "set", "001_happy_038.mp4")
    (folder / "metadata.parquet").write_bytes(content)
    inputs = listed(folder)
    error = inputs["set: metadata.parquet"].error or ""
    assert error.endswith("labels come from the file names alone") and "\n" not in error
    assert inputs["001_happy_038.mp4"].labels[0].emotion == "happy"


def test_a_table_without_names_of_files_is_one_failed_input(tmp_path: Path) -> None:
    folder = lay(tmp_path / "set", "001_happy_038.mp4")
    pq.write_table(pa.table({"path": ["x"]}), folder / "metadata.parquet")
    assert "it has no column file_name" in (listed(folder)["set: metadata.parquet"].error or "")


def test_the_front_door_lists_bad_rows_beside_the_videos(tmp_path: Path) -> None:
    folder = lay(tmp_path / "set", "001_happy_038.mp4")
    describe(folder, [row("../x.mp4"), row("../x.mp4"), row("gone.mp4")])
    found = inputs_of([folder], tmp_path / "out", "dh-faceemovid")
    assert [item.name for item in found if item.error] == [
        "gone.mp4",
        "set: metadata.parquet row 1",
        "set: metadata.parquet row 2",
    ]
    assert len(found) == 4

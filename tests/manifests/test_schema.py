"""Tables keep their types, ids never run together, landmarks come back to half a unit."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.parquet import read_table, write_table
from manifests.schema import (
    PREFIXES,
    SCHEMA_VERSION,
    SCHEMAS,
    conform,
    empty,
    landmark_pixels,
    landmark_units,
    list_column,
    make_id,
    measured,
    table_from_columns,
    table_from_rows,
)
from manifests.text import printable
from tests.manifests.material import clip_row, expressions_table, frames_table

_PARTS = st.lists(st.one_of(st.text(st.characters(codec=None)), st.integers()), min_size=1, max_size=5)


def test_every_table_ends_with_its_version_and_describes_every_column() -> None:
    for fields in SCHEMAS.values():
        assert fields.names[-1] == "schema_version" and fields.field("schema_version").type == pa.int16()
        assert all(field.metadata[b"description"] for field in fields)


def test_measured_columns_carry_their_reason() -> None:
    expected = {"seconds": "length", "faces": "faces", "face_size": "face_size", "face_share": "face_share"}
    expected |= {"cuts": "cuts", "speech_share": "speech", "longest_pause": "pause"}
    assert expected.items() <= measured().items()


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize("table", SCHEMAS)
def test_a_table_comes_back_from_parquet_with_its_types_and_notes(table: str, lean: bool, tmp_path) -> None:
    data = empty(table)
    if table == "clips":
        data = table_from_rows("clips", [clip_row("s_" + "0" * 16, "h", "t", 0, 5, face_share=None)])
    if table == "frames":
        data = frames_table("s_" + "0" * 16, "t", 5)
    if table == "expressions":
        data = expressions_table("s_" + "0" * 16, "t", 5)
    with (tmp_path / "t.parquet").open("wb") as file:
        assert write_table(table, [data], file, lean) == data.num_rows
    back = read_table(table, tmp_path / "t.parquet")
    assert back.equals(data) and back.schema.equals(SCHEMAS[table])
    assert [field.metadata for field in back.schema] == [field.metadata for field in SCHEMAS[table]]


def test_a_lean_file_of_one_clip_is_less_than_a_third_of_a_described_one(tmp_path) -> None:
    data = table_from_rows("clips", [clip_row("s_" + "0" * 16, "h", "t", 0, 5, face_share=None)])
    for name, lean in (("described", False), ("lean", True)):
        with (tmp_path / name).open("wb") as file:
            write_table("clips", [data], file, lean)
    assert (tmp_path / "lean").stat().st_size * 3 < (tmp_path / "described").stat().st_size


def test_rows_get_their_version_and_nulls_by_themselves() -> None:
    row = table_from_rows("clips", [clip_row("s", "h", "t", 0, 5)]).to_pylist()[0]
    assert row["schema_version"] == SCHEMA_VERSION and row["file"] is None and row["reasons"] == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"face_sise": 1}, "no column face_sise: did you mean face_size"),
        ({"frames": "many"}, "column frames of clips must be int64"),
        ({"frames": 2**80}, "column frames of clips must be int64"),
        ({"source": None}, "column source of clips must not be null"),
        ({"id": "\udc80"}, "column id of clips must be string"),
    ],
)
def test_a_wrong_row_is_one_sentence_that_names_the_column(row: dict, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        table_from_rows("clips", [clip_row("s", "h", "t", 0, 5) | row])


def test_columns_of_different_lengths_and_missing_columns_are_refused() -> None:
    with pytest.raises(ManifestError, match="different lengths"):
        table_from_columns("shots", {"id": ["a"], "index": [1, 2]})
    with pytest.raises(ManifestError, match="lacks the column speaker"):
        conform("speech", empty("speech").drop_columns(["speaker"]))


@given(_PARTS, _PARTS)
def test_ids_of_different_parts_differ(first: list, second: list) -> None:
    assert (make_id("clip", *first) == make_id("clip", *second)) == (
        [(type(part), part) for part in first] == [(type(part), part) for part in second]
    )


def test_ids_do_not_run_together_and_stay_what_they_are() -> None:
    assert make_id("clip", "ab", "c") != make_id("clip", "a", "bc") != make_id("clip", "abc")
    assert make_id("clip", "1") != make_id("clip", 1)
    assert make_id("source", "s1:a") != make_id("source", "s", "a")
    assert make_id("source", "a", 1) == "s_919759daf83ac5e8"  # written down once: ids outlive versions
    assert {make_id(kind, "x")[:2] for kind in PREFIXES} == {f"{prefix}_" for prefix in PREFIXES.values()}


@pytest.mark.parametrize("parts", [(), (1.5,), (True,), (None,)])
def test_a_part_of_an_id_is_text_or_a_whole_number(parts: tuple) -> None:
    with pytest.raises(ManifestError):
        make_id("clip", *parts)


@given(st.integers(16, 8000), st.integers(16, 8000), st.lists(st.floats(-1.9, 1.9), min_size=3, max_size=9))
def test_landmarks_come_back_to_half_a_unit(width: int, height: int, shares: list[float]) -> None:
    long_side = max(width, height)
    points = np.array(shares[: len(shares) // 3 * 3]).reshape(-1, 3) * long_side
    back = landmark_pixels(landmark_units(points, width, height), width, height)
    assert back.dtype == np.float32 and np.abs(back - points).max() <= long_side / 16384 * 0.5001 + 1e-3


def test_landmarks_far_outside_are_clipped_and_nonsense_is_refused() -> None:
    assert landmark_units(np.array([[1e6, -1e6, 0]]), 100, 50).tolist() == [32767, -32768, 0]
    with pytest.raises(ManifestError, match="not a number"):
        landmark_units(np.array([[np.nan, 0, 0]]), 100, 50)


def test_a_list_column_holds_the_rows_of_a_matrix_and_nulls() -> None:
    column = list_column(np.arange(6).reshape(3, 2), [True, False, True], pa.int16())
    assert column.to_pylist() == [[0, 1], None, [4, 5]]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", "a\\x0ab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("👩‍👩‍👧.mp4", "👩‍👩‍👧.mp4"),
        ("\udcff.mp4", "\\xff.mp4"),
        ("\ud800", "\\ud800"),
        ("\u202egpj.mp4", "\\u202egpj.mp4"),
        ("größe.mp4", "größe.mp4"),
    ],
)
def test_a_hostile_name_becomes_one_printable_line(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert printable(shown) == shown


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_printed_and_stored(text: str) -> None:
    shown = printable(text)
    assert shown.encode("utf-8").decode("utf-8") == shown and not {"\n", "\r", "\x1b"} & set(shown)

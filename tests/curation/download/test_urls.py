"""Lists of URLs: every format says the same, and a bad row costs itself only."""

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.sources.inputs import Label
from curation.sources.urls import list_urls

A, B = "https://example.com/a", "http://example.com/b?x=1"
ROWS: list[dict[str, Any]] = [
    {"url": A, "start": "1.5", "end": "2.25", "identity": "p1", "emotion": "happy", "intensity": "2", "text": "a, b"},
    {"url": B, "x0": "0.1", "y0": "0.2", "x1": "0.5", "y1": "0.6"},
    {
        "url": A, "start": "0:01:02.5", "end": "63", "x0": "128", "y0": "0", "x1": "640", "y1": "360",
        "crop_width": "1280", "crop_height": "720",
    },
]  # fmt: skip
LABELS = {
    A: (
        Label("list", Fraction(3, 2), Fraction(9, 4), identity="p1", emotion="happy", intensity=2, text="a, b"),
        Label("list", Fraction(125, 2), Fraction(63), (0.1, 0.0, 0.5, 0.5), (1280, 720)),
    ),
    B: (Label("list", None, None, (0.1, 0.2, 0.5, 0.6)),),
}
NAMES = sorted({name for row in ROWS for name in row})


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_json(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in NAMES} for row in rows]), path)
    return path


@pytest.mark.parametrize("write", [as_csv, as_json, as_parquet])
def test_rows_of_one_url_are_one_input_with_its_labels(tmp_path: Path, write: Any) -> None:
    suffix = {"as_csv": "csv", "as_json": "jsonl", "as_parquet": "parquet"}[write.__name__]
    inputs = list_urls(write(tmp_path / f"list.{suffix}", ROWS))
    assert [item.url for item in inputs] == [A, B]
    assert {item.url: item.labels for item in inputs} == LABELS
    assert all(item.path is None and item.error is None and item.origin == item.url for item in inputs)


def test_numbers_of_a_typed_table_are_taken_as_written(tmp_path: Path) -> None:
    table = pa.table(
        {"url": [A], "start": [0.1], "end": [10], "intensity": [3], "emotion": pa.array([None], pa.string())}
    )
    pq.write_table(table, tmp_path / "list.parquet")
    (item,) = list_urls(tmp_path / "list.parquet")
    assert (item.labels[0].start, item.labels[0].end, item.labels[0].intensity) == (Fraction(1, 10), 10, 3)


def test_a_text_list_has_one_url_a_line(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(
        f"\ufeff# talks\r\n{A}\r\n\r\n  {B}  \n{A}\nhello\n".encode() + b"http://x/\xff\n"
    )
    inputs = list_urls(tmp_path / "list.txt")
    assert [item.url for item in inputs] == [A, B, None, None]
    assert [item.name for item in inputs[2:]] == ["list.txt row 6", "list.txt row 7"]
    assert len(inputs[0].labels) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"url": "", "text": "x"}, "no URL"),
        ({"url": "file:///etc/passwd"}, "only http"),
        ({"url": "http://x/\x1b[31m"}, "not printable"),
        ({"url": "http://x/" + "y" * 5000}, "4096"),
        ({"url": A, "start": "1"}, "only one of start and end"),
        ({"url": A, "start": "2", "end": "2"}, "not after"),
        ({"url": A, "start": "-1", "end": "2"}, "before the beginning"),
        ({"url": A, "start": "nan", "end": "2"}, "no number"),
        ({"url": A, "start": "1:99:x", "end": "2"}, "no time"),
        ({"url": A, "x0": "0"}, "not all of"),
        ({"url": A, "x0": "0", "y0": "0", "x1": "2", "y1": "1"}, "no box"),
        ({"url": A, "x0": "0", "y0": "0", "x1": "2", "y1": "1", "crop_width": "9"}, "whole numbers"),
        ({"url": A, "emotion": "hapy"}, "'hapy' is no emotion"),
        ({"url": A, "intensity": "2.5"}, "whole number"),
    ],
)
def test_a_bad_row_costs_itself_only(tmp_path: Path, row: dict[str, str], said: str) -> None:
    first, bad, last = list_urls(as_csv(tmp_path / "list.csv", [ROWS[0], row, ROWS[1]]))
    assert (first.url, last.url) == (A, B)
    assert bad.url is None
    assert bad.error is not None
    assert bad.error.startswith("row 3 of 'list.csv'")
    assert said in bad.error
    assert bad.error.isprintable()


def test_a_row_with_too_many_cells_and_a_line_that_is_no_json_cost_themselves_only(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"url,text\n{A},one, two\n{B},ok\n")
    assert [item.url for item in list_urls(tmp_path / "list.csv")] == [None, B]
    (tmp_path / "list.jsonl").write_text(
        f'{{"url": "{A}"}}\n[1]\n{{"url": \n{"[" * 100000}\n{{"url": "{B}", "hm": 1}}\n'
    )
    assert [item.url for item in list_urls(tmp_path / "list.jsonl")] == [A, None, None, None, None]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.csv", b"link,start\nx,1\n", "no column 'url'"),
        ("list.csv", b"url,begin\nx,1\n", "nobody reads the column 'begin'"),
        ("list.csv", b"url,url\nx,1\n", "twice"),
        ("list.csv", b"", "no column 'url'"),
        ("list.parquet", b"PAR1 nothing", "no Parquet file"),
        ("list.doc", b"http://x/", "no list of URLs"),
    ],
)
def test_a_list_that_cannot_be_read_as_a_whole_says_why(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CurationError, match=said):
        list_urls(tmp_path / name)
    with pytest.raises(CurationError, match="cannot be read"):
        list_urls(tmp_path / "absent.csv")


@given(st.binary(max_size=300), st.sampled_from(["txt", "csv", "jsonl", "parquet", "tsv"]))
def test_no_list_ends_in_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes(b"url,text\n" + raw if kind == "csv" else raw)
    try:
        for item in list_urls(path):
            item.name.encode("utf-8")
            assert item.error is None or item.error.isprintable()
    except CurationError as error:
        assert str(error).isprintable()

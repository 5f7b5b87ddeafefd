"""The published numbers against a second copy of the facts, typed as the paper's tables are read line by line."""

import pytest
import yaml

from benchmark import published
from benchmark.metrics import keys
from benchmark.protocol import load_protocol, protocol_names
from benchmark.published import FILE, Published, load

RESULTS = """
hdtf FID FVD LPIPS Sync-C Sync-D
AniPortrait 36.826 476.818 0.211 5.977 9.898
Hallo 28.605 343.023 0.167 6.254 8.735
EchoMimic 48.323 526.125 0.312 6.73 9.157
StyleTalk 76.564 502.334 0.326 3.885 10.644
EAT 81.254 545.266 0.357 5.012 9.885
MoEE 28.834 322.625 0.152 6.114 9.101

mead FID FVD LPIPS Sync-C Sync-D
AniPortrait 64.582 735.691 0.379 6.212 9.866
Hallo 72.384 715.119 0.356 6.856 9.103
EchoMimic 75.678 699.322 0.413 6.668 9.342
StyleTalk 49.399 577.657 0.295 3.968 10.578
EAT 32.696 412.709 0.394 5.509 8.209
MoEE 39.420 403.416 0.288 7.002 8.105

dh-faceemovid-150 FID FVD LPIPS AKD
AniPortrait 66.034 712.291 0.323 20.654
Hallo 72.354 702.841 0.329 16.444
EchoMimic 71.288 653.927 0.366 8.332
StyleTalk 51.038 534.217 0.242 4.234
EAT 48.011 467.739 0.260 14.109
MoEE 39.619 402.803 0.182 4.028
"""
OPINIONS = """
mead Emo Lip Nat ID
AniPortrait 2.05 3.98 4.33 4.31
Hallo 2.03 4.48 4.25 4.05
EchoMimic 2.88 4.71 4.65 4.25
StyleTalk 4.44 3.22 3.54 3.58
EAT 4.23 3.57 3.81 4.29
MoEE 4.65 4.74 4.71 4.55

dh-faceemovid-150 Emo Lip Nat ID
AniPortrait 2.25 4.02 4.18 4.31
Hallo 2.13 4.21 4.54 4.33
EchoMimic 2.78 4.56 4.71 4.25
StyleTalk 4.62 3.51 3.73 3.58
EAT 4.51 3.45 3.75 4.21
MoEE 4.73 4.81 4.76 4.62
"""


def facts(text: str) -> dict[tuple[str, str, str], str]:
    """Data set, method, column -> number as printed."""
    found = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.splitlines()
        dataset, *columns = head.split()
        for line in lines:
            method, *numbers = line.split()
            found |= {(dataset, method, column): n for column, n in zip(columns, numbers, strict=True)}
    return found


def said(table: str) -> dict[tuple[str, str, str], str]:
    rows = [row for row in load().rows if row.table == table]
    return {(row.dataset, row.method, column): text for row in rows for column, text in row.printed.items()}


@pytest.mark.parametrize(("table", "text", "count"), [("results", RESULTS, 84), ("opinion", OPINIONS, 48)])
def test_every_published_number_is_there_and_as_printed(table: str, text: str, count: int) -> None:
    assert len(facts(text)) == count
    assert said(table) == facts(text)


def test_every_row_names_a_protocol_a_source_with_open_points_and_columns_of_this_benchmark() -> None:
    found = load()
    assert {row.dataset for row in found.rows} <= set(protocol_names())
    assert {row.source for row in found.rows} == set(found.sources)
    assert set(found.columns.values()) <= set(keys())
    for row in found.rows:
        assert all(value > 0 for value in row.values.values())
        if row.table == "results":
            asked = load_protocol(row.dataset).metrics
            assert {found.columns[column] for column in row.printed} <= set(asked)


def test_a_number_of_an_unknown_column_or_source_is_refused() -> None:
    content = yaml.load(FILE.read_text(encoding="utf-8"), yaml.BaseLoader)
    for change in ({"source": "nobody"}, {"columns": ["FID", "FVD", "LPIPS", "Sync-C", "Sync-X"]}):
        block = content["rows"][0] | change
        with pytest.raises(ValueError, match="which is not explained"):
            Published.model_validate(content | {"rows": published._rows(block)})


def test_of_gives_the_rows_of_one_table_in_the_order_of_print() -> None:
    assert [row.method for row in load().of("mead", "opinion")] == [
        "AniPortrait",
        "Hallo",
        "EchoMimic",
        "StyleTalk",
        "EAT",
        "MoEE",
    ]
    assert load().of("hdtf", "opinion") == ()

"""Any certificate can be shown: lines, tables, notes, and the nearest faces of two splits side by side."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.report import write
from curation.report.album import Album
from curation.report.certificate import FACES, Certificate, certificate
from manifests.manifest import open as open_manifest
from tests.curation.report.page import Page
from tests.curation.report.test_splits import divided, manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest with splits, without a certificate."""
    return manifest(tmp_path / "out", divided())


def said(folder: Path, content: Any) -> Certificate:
    """What a report reads from a certificate."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "certificate.json").write_bytes(text)
    opened = open_manifest(folder)
    album = Album(opened, opened.table("sources", ["id", "name", "origin", "bytes"]), {})
    found = certificate(folder / "certificate.json", opened.table("clips", ["id"]), album)
    assert found is not None
    return found


def test_a_certificate_is_lines_tables_and_notes(folder: Path) -> None:
    limits = "an upper estimate: " + "x" * 100
    content = {
        "version": 1,
        "how": {"embeddings": ["dlib-face@0123456789ab"], "identity_threshold": 0.5},
        "set_aside": {"note": 3},
        "shared": {"identities": 0, "stable": True},
        "leakage": {
            "estimate": 0.01234,
            "interval": [0.001, 0.05],
            "near_training": {"0.50": {"identities": 1}, "0.55": {"identities": 2}},
            "limits": limits,
        },
        "nearest_sounds": {
            "nearest": [{"splits": ["train", "test"], "pairs": [{"sources": ["s1", "s2"], "score": 0.4}]}]
        },
        "nearest_faces": [
            {"splits": ["train", "test"], "pairs": [{"distance": 0.61 - i / 100} for i in range(12)], "exact": True},
            {"splits": ["train", "validation"], "pairs": [], "exact": True},
        ],
    }
    (folder / "certificate.json").write_text(json.dumps(content))
    page = Page.read(write(folder).path)
    found = {e.text: d.text for e, d in zip(page.all("dt"), page.all("dd"), strict=True)}
    assert found["how, embeddings"] == "dlib-face@0123456789ab" and found["how, identity threshold"] == "0.5"
    assert found["shared, identities"] == "0" and found["shared, stable"] == "yes"
    assert found["leakage, estimate"] == "0.01234" and found["leakage, interval"] == "0.001, 0.05"
    assert found["leakage, limits"] == limits and "version" not in found and "set aside, note" not in found
    rows = page.rows("Certificate: nearest faces")
    assert rows[:2] == [["splits", "exact", "distance"], ["train, test", "yes", "0.5"]] and len(rows) == 11
    assert page.rows("Certificate: nearest sounds, nearest")[1] == ["train, test", "s1, s2", "0.4"]
    assert page.rows("Certificate: leakage, near training")[1:] == [["0.50", "1"], ["0.55", "2"]]
    assert "and 2 more in certificate.json" in page.one("section", id="splits").text


def test_the_nearest_faces_of_two_splits_stand_side_by_side(folder: Path) -> None:
    clips = open_manifest(folder).table("clips", ["id", "split"]).to_pylist()
    train = [row["id"] for row in clips if row["split"] == "train"]
    test = [row["id"] for row in clips if row["split"] == "test"]
    pairs = [{"distance": 0.9 - i / 100, "clips": [train[i % 6], test[i % 3]]} for i in range(9)]
    bad: list[Any] = [
        {"distance": 0.1, "clips": ["c_gone", test[0]]}, {"distance": "near", "clips": train[:2]}, {"clips": train[:2]},
        {"distance": 0.1, "clips": [1, 2]}, {"distance": float("nan"), "clips": train[:2]},
        {"distance": 0.1, "clips": train[:3]},
    ]  # fmt: skip
    found = said(folder, {"nearest_faces": [{"splits": ["train", "test"], "pairs": [*bad, *pairs]}]})
    assert [faces.words for faces in found.faces] == [f"0.8{2 + i} apart" for i in range(FACES)]
    assert {tuple(card.facts for card in faces.cards) for faces in found.faces} == {("train", "test")}
    assert [card.clip for card in found.faces[0].cards] == [train[8 % 6], test[8 % 3]]
    page = Page.read(write(folder).path)
    assert len([e for e in page.all("p", class_="nothing") if "section" in e.inside]) >= 2 * FACES
    for odd in ([], {}, "text", [1], [{"pairs": 1}], [{"pairs": [1]}], None):
        assert said(folder, {"nearest_faces": odd}).faces == []


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}"])
def test_a_certificate_that_cannot_be_read_is_said_so(folder: Path, content: bytes) -> None:
    found = said(folder, content)
    assert found.trouble.startswith("certificate.json cannot be read") and not found.lines
    assert found.trouble in Page.read(write(folder).path).one("section", id="splits").text


def test_a_large_certificate_takes_little_room(folder: Path) -> None:
    pairs = [{f"column {c}": "x" * 1000 for c in range(20)} for _ in range(15)]
    found = said(
        folder, {f"key {i}": pairs if i < 10 else i for i in range(100)} | {f"n{i}": "y" * 900 for i in range(20)}
    )
    assert (len(found.lines), len(found.tables), len(found.notes), found.left) == (40, 6, 12, 50 + 4 + 8)
    assert max(len(cell) for table in found.tables for row in table.rows for cell in row) <= 300
    assert {table.left for table in found.tables} == {5} and max(len(text) for _, text in found.notes) <= 600
    assert "too large" in said(folder, {"x": "y" * 17_000_000}).trouble


def test_numbers_that_are_none_do_not_break_a_certificate(folder: Path) -> None:
    text = b'{"a": NaN, "b": Infinity, "c": null, "d": [], "e": {}, "f": {"g": {"h": {"i": {"j": 1}}}}, "k": 12345}'
    assert dict(said(folder, text).lines) == {"a": "–", "b": "–", "c": "–", "d": "–", "f, g, h, i": "…", "k": "12,345"}

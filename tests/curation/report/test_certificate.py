"""A certificate is told in words, whatever it holds, with the nearest faces of two splits side by side."""

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


def written() -> dict[str, Any]:
    """A certificate as `manifests.certificate` writes it, with keys of a later version."""
    near = {"same_person_pairs_within": "102 of 103", "same_person_pairs_beyond_interval": [0.0017, 0.053]}
    return {
        "version": 1,
        "how": {
            "embeddings": ["dlib-face@0123456789ab"],
            "identity_threshold": {"dlib-face@0123456789ab": 0.5},
            "linkage": "average",
            "seed": 3,
            "shares": {"test": 0.1, "train": 0.8, "validation": 0.1},
            "unit": "clips of one person go together",
        },
        "set_aside": {"note": 3},
        "shared": {"identities": 0, "given_identities": 1, "sources": 2, "sources_first": ["s0", "s1"]}
        | {"duplicate_clips": 4, "later": 5},
        "leakage": {
            "estimate": 0.0312,
            "interval": [0.0061, 0.1575],
            "held_out_identities": 32,
            "near_training": {"0.55": {"identities": 1, "different_person_pairs_within": 0.02, **near}},
            "how": "share of held-out persons within 0.6",
            "limits": "an upper estimate",
        },
        "nearest_sounds": {
            "how": "all sources",
            "nearest": [{"splits": ["train", "test"], "pairs": [{"sources": ["s1", "s2"], "score": 0.4}]}],
        },
        "nearest_faces": [
            {"splits": ["train", "test"], "pairs": [{"distance": 0.7 - i / 100} for i in range(12)], "exact": True},
            {"splits": ["train", "validation"], "pairs": [{"distance": 0.8}], "exact": False},
            {"splits": ["validation", "test"], "pairs": [], "exact": True},
        ],
        "unknown": {"clips_without_identity": 6, "means": "their source decides"},
        "notes": ["made by hand"],
        "of_a_later_version": {"key": "nobody knows"},
    }


def test_a_certificate_is_told_in_words(folder: Path) -> None:
    (folder / "certificate.json").write_text(json.dumps(written()))
    page = Page.read(write(folder).path)
    told = {e.text: d.text for e, d in zip(page.all("dt"), page.all("dd"), strict=True)}
    section = page.one("section", id="splits").text
    lines = {
        "persons in two splits": "0",
        "given names in two splits": "1",
        "inputs in two splits": "2",
        "for example": "s0, s1",
        "duplicates in two splits": "4",
        "clips in a split without an identity": "6",
        "nearest faces of train and test": "0.59 apart",
        "nearest faces of train and validation": "0.8 apart, of those compared",
        "faces embedded by": "dlib-face@0123456789ab",
        "tracks of one person": "within 0.5, average linkage",
        "what goes together": "clips of one person go together",
        "how this is estimated": "share of held-out persons within 0.6",
        "limits": "an upper estimate",
        "sounds": "all sources",
        "without an identity": "their source decides",
        "note": "made by hand",
    }
    assert lines.items() <= told.items()
    assert "1 of 32 held-out persons lies near a training person (3.1 %, 95 % interval 0.6 % to 16 %)." in section
    assert "Asked for: train 80 %, validation 10 %, test 10 % of the clips, seed 3." in section
    assert page.rows("Certificate: Held-out persons near training persons")[1] == [
        "0.55", "1", "102 of 103", "0.2 % to 5.3 %", "2.0 %",
    ]  # fmt: skip
    sounds = page.rows("Certificate: Inputs of two splits that sound most alike")
    assert sounds[1:] == [["train and test", "s1", "s2", "0.4"]]
    assert not [word for word in ("later", "nobody knows", "near_training", "exact", "version") if word in section]


def test_the_shares_stand_once(tmp_path: Path) -> None:
    folder = manifest(tmp_path / "out", divided(), {"splits": {"test": 0.1, "seed": 3}})
    (folder / "certificate.json").write_text(json.dumps(written()))
    text = Page.read(write(folder).path).one("section", id="splits").text
    assert "The recipe sets test 0.1, seed 3." in text and "Asked for" not in text and text.count("seed") == 1


@pytest.mark.parametrize(
    ("leakage", "words"),
    [
        ({"estimate": None, "how": "no held-out person"}, "Hidden leakage is not estimated: no held-out person."),
        ({"estimate": 0.5, "held_out_identities": 4}, "2 of 4 held-out persons lie near a training person (50 %)."),
        ({"estimate": 0.0, "held_out_identities": 1}, "0 of 1 held-out person lies near a training person (0 %)."),
        ({"estimate": "much", "held_out_identities": 0, "how": 3}, "Hidden leakage is not estimated."),
        ({}, ""),
    ],
)
def test_the_estimate_is_a_sentence(folder: Path, leakage: dict[str, Any], words: str) -> None:
    found = said(folder, {"leakage": leakage})
    assert found.estimate == words and found.notes == []


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
    names = ["n" * 1000 + str(i) for i in range(100)]
    pairs = [{"sources": [name, name], "score": 0.5, "distance": 0.5} for name in names]
    near = [{"splits": [name, name], "pairs": pairs[:10]} for name in names]
    content = {
        "how": {"embeddings": names, "identity_threshold": dict.fromkeys(names, 0.5)},
        "nearest_faces": near,
        "nearest_sounds": {"how": names[0], "nearest": near},
        "leakage": {"near_training": {name: {} for name in names}},
        "shared": {"sources_first": names},
        "notes": names,
    }
    found = said(folder, content)
    assert (len(found.lines), len(found.notes)) == (1 + 8 + 1 + 8, 1 + 8)
    assert [(len(table.rows), table.left) for table in found.tables] == [(10, 90), (10, 990)]
    assert max(len(cell) for table in found.tables for row in table.rows for cell in row) <= 300
    assert max(len(text) for pair in (*found.lines, *found.notes) for text in pair) <= 800
    assert "too large" in said(folder, {"x": "y" * 17_000_000}).trouble


ODD: list[Any] = [None, True, 3, -1, 0.5, "text", [], [1], [[1]], [{}], {}, {"a": 1}, {"a": {"b": [None]}}]


@pytest.mark.parametrize("odd", ODD)
def test_values_of_another_kind_do_not_break_a_certificate(folder: Path, odd: Any) -> None:
    known = written()
    for key, value in known.items():
        said(folder, known | {key: odd})
        for inner in value if isinstance(value, dict) else ():
            said(folder, known | {key: value | {inner: odd}})
    entry = {"splits": odd, "pairs": [{"sources": odd, "score": odd, "distance": odd, "clips": odd}, odd], "exact": odd}
    found = said(folder, {"nearest_faces": [entry, odd], "nearest_sounds": {"nearest": [entry, odd]}})
    assert found.faces == [] and not found.trouble
    near = dict.fromkeys(("identities", "same_person_pairs_within", "different_person_pairs_within"), odd)
    near["same_person_pairs_beyond_interval"] = odd
    (table,) = said(folder, {"leakage": {"near_training": {"0.5": near}}}).tables
    assert len(table.rows) == 1 and len(table.rows[0]) == len(table.columns)


def test_numbers_that_are_none_do_not_break_a_certificate(folder: Path) -> None:
    text = (
        b'{"leakage": {"estimate": NaN, "held_out_identities": Infinity}, "shared": {"sources": -Infinity},'
        b' "nearest_faces": [{"pairs": [{"distance": NaN}]}], "how": {"identity_threshold": {"m": NaN}, "seed": 1e400}}'
    )
    found = said(folder, text)
    assert (found.lines, found.asked, found.estimate) == ([], "", "Hidden leakage is not estimated.")
    (folder / "certificate.json").write_text('{"shared": {"sources_first": ["\\ud800"]}, "notes": ["\\ud800"]}')
    assert Page.read(write(folder).path).one("section", id="splits")

"""Splits are summed over the kept clips, what is set aside says why, and any certificate can be shown."""

from pathlib import Path
from typing import Any

from curation.report import write
from manifests.schema import table_from_rows
from tests.curation.report.material import put_together
from tests.curation.report.page import Page
from tests.manifests.material import clip_row


def manifest(root: Path, clips: list[dict[str, Any]], stages: dict[str, Any] | None = None) -> Path:
    """A manifest of these clips."""
    tables = {"clips": table_from_rows("clips", sorted(clips, key=lambda row: row["id"]))}
    return put_together(root, tables, {"name": "test", "stages": stages or {}}, [])


def divided() -> list[dict[str, Any]]:
    """Twelve clips of 4 s: 6 train, 3 test, 1 dropped, 2 set aside."""
    clips = []
    for i in range(12):
        split = "train" if i < 6 else "test" if i < 9 else None
        row = clip_row(
            f"s{i}", "h", "t", 0, 100, split=split, identity=f"p{i // 3}", given_emotion="sad" if i % 2 else "angry"
        )
        if i == 9:
            row["status"] = "dropped"
        elif i > 9:
            row["split_note"] = f"it joins persons of different splits: p{i}, p0"
        clips.append(row)
    return clips


def test_splits_are_summed_over_the_kept_clips(tmp_path: Path) -> None:
    clips = divided()
    clips[0]["seconds"] = 54.0  # shares are of the clips, as the recipe's are
    page = Page.read(write(manifest(tmp_path / "out", clips, {"splits": {"seed": 7}})).path)
    assert page.rows("Clips per split") == [
        ["Split", "Clips", "Share", "Length", "Persons", "Inputs"],
        ["train", "6", "67 %", "1 min 14 s", "2", "6"],
        ["test", "3", "33 %", "12 s", "1", "3"],
    ]
    assert page.rows("Given emotions per split") == [
        ["Emotion", "train", "test"], ["angry", "3 50 %", "2 67 %"], ["sad", "3 50 %", "1 33 %"],
    ]  # fmt: skip
    assert page.rows("Kept clips in no split")[1:] == [["it joins persons of different splits", "2", "8 s"]]
    text = " ".join(page.one("section", id="splits").text.split())
    assert "No person should be in two splits: none is. Shares are of the clips. The recipe sets seed 7." in text
    assert "There is no certificate.json" in text


def test_a_person_in_two_splits_is_told(tmp_path: Path) -> None:
    clips = divided()
    clips[0]["split"] = "test"
    text = Page.read(write(manifest(tmp_path / "out", clips)).path).one("section", id="splits").text
    assert "two splits: 1 is." in text


def test_a_manifest_without_splits_has_no_section(tmp_path: Path) -> None:
    folder = manifest(tmp_path / "out", [clip_row("s", "h", "t", 0, 100)])
    assert not Page.read(write(folder).path).all("section", id="splits")

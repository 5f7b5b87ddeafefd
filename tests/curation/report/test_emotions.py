"""The section on what faces say counts what the tables hold, names its doubts, and stays small."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import manifests
from curation.report import write, write_report
from curation.report.ambiguous import MOST
from curation.report.balance import PERSONS
from curation.report.page import MOST_PICTURES
from curation.report.tally import labels, names, part_of
from curation.report.words import doubt, duration
from manifests.emotions import COMPOUNDS, EMOTIONS
from manifests.schema import table_from_rows
from perception.action_units import ACTION_UNITS, COUNT
from tests.curation.report.faces import MEMBERS
from tests.curation.report.material import large, put_together
from tests.curation.report.page import Page
from tests.manifests.material import clip_row

CLIPS = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large(tmp_path_factory.mktemp("faces") / "out", CLIPS)


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page.read(write_report(folder))


@pytest.fixture(scope="module")
def clips(folder: Path) -> pd.DataFrame:
    table = manifests.open(folder).all_clips
    table["label"] = table.compound.fillna(table.emotion)
    return table


def number(text: str) -> int:
    return int(text.split()[0].replace(",", ""))


def judged(identity: str | None, emotion: str | None, frame: int, **more: Any) -> dict[str, Any]:
    """A clip of which three members say the same."""
    row = clip_row("s", "h", "t", frame, frame + 50, identity=identity, emotion=emotion)
    if emotion:
        row |= {"members": list(MEMBERS), "member_emotions": [emotion] * 3, "emotion_entropy": 0.5, "ambiguous": []}
    return row | more


def written(folder: Path, rows: list[dict[str, Any]]) -> Page:
    return Page.read(write_report(put_together(folder, {"clips": table_from_rows("clips", rows)}, {"name": "x"}, [])))


def test_the_balance_counts_kept_clips_by_person_and_label(page: Page, clips: pd.DataFrame) -> None:
    titles, *rows, totals, lengths = page.rows("Balance")
    kept = clips[clips.status == "kept"]
    assert titles[0] == "Person" and titles[1:9] == list(EMOTIONS) and titles[-2:] == ["Clips", "Length"]
    assert sum(number(row[-2]) for row in rows) == number(totals[-2]) == len(kept)
    sizes = kept.groupby("identity").size()
    assert len(rows) == PERSONS + 1 and rows[-1][0] == f"{len(sizes) - PERSONS} others"
    assert [number(row[-2]) for row in rows[:-1]] == sorted(sizes, reverse=True)[:PERSONS]
    for place, label in enumerate(titles[1:-2], 1):
        mine = kept[kept.label.isna()] if label == "no label" else kept[kept.label == label]
        assert number(totals[place]) == len(mine) and lengths[place] == duration(mine.seconds.sum())
        for row in rows[:3]:
            assert number(row[place]) == (mine.identity == row[0]).sum()


def test_given_labels_stand_beside_the_measured_ones(page: Page, clips: pd.DataFrame) -> None:
    titles, *_, totals, _ = page.rows("Balance")
    kept = clips[clips.status == "kept"]
    measured, given = totals[titles.index("happy")], (kept.given_emotion == "happy").sum()
    assert measured.split()[0] == f"{(kept.label == 'happy').sum():,}" and measured.endswith(f"{given:,}")


def test_without_identities_and_given_labels_the_balance_says_so(tmp_path: Path) -> None:
    rows = [judged(None, "happy", 0), judged(None, "sad", 100), judged(None, None, 200, given_identity="M003")]
    page = written(tmp_path / "out", rows)
    _, *rows_found, _, _ = page.rows("Balance")
    assert [row[0] for row in rows_found] == ["M003", "nobody told apart"]
    text = " ".join(page.one("section", id="emotions").text.split())
    assert "as the data set names them" in text and "The small number" not in text and "who is right" in text


def test_members_are_scored_against_the_panel_and_the_data_set(page: Page, clips: pd.DataFrame) -> None:
    titles, *rows = page.rows("Members")
    assert titles == ["Member", "Clips", "Agrees with the panel", "Agrees with the data set"]
    there = clips[clips.emotion.notna()]
    for place, member in enumerate(MEMBERS):
        (row,) = [row for row in rows if row[0] == member]
        choice = there.member_emotions.str[place]
        agrees = (choice == there.emotion) | (there.compound.notna() & (choice == there.second_emotion))
        assert number(row[1]) == len(there) and number(row[2]) == agrees.sum()
        known = there.given_emotion.isin(EMOTIONS)
        assert number(row[3]) == (choice[known] == there.given_emotion[known]).sum()


def test_the_confusions_are_the_clips_with_both_labels(page: Page, clips: pd.DataFrame) -> None:
    titles, *rows = page.rows("Confusion of the panel")
    known = clips[clips.label.notna() & clips.given_emotion.isin(EMOTIONS)]
    assert titles[0] == "Data set" and {row[0] for row in rows} == set(known.given_emotion)
    table = pd.crosstab(known.given_emotion, known.label)
    for row in rows:
        assert [number(cell) for cell in row[1:]] == [table.loc[row[0]].get(label, 0) for label in titles[1:]]
    words = next(e.text for e in page.all("caption") if e.text.startswith("the panel"))
    assert f"n = {len(known):,}" in words and f"{(known.label == known.given_emotion).sum():,} of" in words
    text = " ".join(page.one("section", id="emotions").text.split())
    assert "what an actor was asked to show or what raters saw" in text


def test_a_part_of_a_compound_is_right_and_another_compound_is_not(tmp_path: Path) -> None:
    given = judged("i_1", "sad", 0, given_compound="sadly-fear", second_emotion="happy", compound="other-compound")
    page = written(tmp_path / "out", [given, judged("i_1", "happy", 100, given_compound="sadly-fear")])
    assert [row[1:] for row in page.rows("Members")[1:]] == [["2", "2 of 2, 100 %", "1 of 2, 50 %"]] * len(MEMBERS)
    assert [e.text.split(";")[1].split()[:3] for e in page.all("caption") if e.text.startswith("the panel")] == [
        ["0", "of", "2,"]
    ]
    right = part_of()
    for compound, both in COMPOUNDS.items():
        assert {names()[i] for i in np.flatnonzero(right[names().index(compound)])} == {compound, *both}


def test_labels_of_no_taxonomy_count_as_none() -> None:
    rows = [judged(None, "happy", 0), judged(None, "<b>", 100), judged(None, None, 200, given_emotion="calm")]
    found = labels(table_from_rows("clips", rows))
    assert [names()[i] if i >= 0 else None for i in found.label] == ["happy", None, None]
    assert found.given.tolist() == [-1, -1, -1]


def test_intensity_and_action_units_are_told_by_label(page: Page, clips: pd.DataFrame) -> None:
    kept = clips[(clips.status == "kept") & clips.label.notna()]
    for row in page.rows("Intensity by emotion")[1:]:
        mine = kept[kept.label == row[0]].intensity
        assert number(row[1]) == len(mine) and abs(float(row[4]) - mine.median()) < 0.006
    for row in page.rows("Action units by emotion")[1:]:
        means = np.stack(kept[kept.label == row[0]].action_unit_frames.to_numpy()).mean(axis=0, dtype=np.float64)
        best = ACTION_UNITS[int(means.argmax())]
        assert row[2].startswith(f"AU{best.number} {best.name} {100 * means.max():.0f} %") and len(means) == COUNT


def test_the_most_ambiguous_clips_come_first_and_say_why(page: Page, clips: pd.DataFrame, folder: Path) -> None:
    links = [e.attributes["href"] for e in page.all("a") if e.attributes["href"].startswith("pages/")]
    there = clips[clips.emotion.notna()].copy()
    there["doubts"] = there.ambiguous.str.len()
    there["usable"] = there.reasons.apply(lambda codes: set(codes) <= {"emotion", "intensity"})
    by = {"usable": False, "doubts": False, "emotion_entropy": False, "id": True}
    ordered = there.sort_values(list(by), ascending=list(by.values()))
    assert links == [f"pages/{clip}.html" for clip in ordered.id[:MOST]]
    section = page.one("section", id="emotions").text
    for code in ordered.iloc[0].ambiguous:
        assert doubt(code) in section
    rows = {row[0]: row[1:] for row in page.rows("Why labels are doubtful")[1:]}
    for code in ("weak", "something-new"):
        mine = there[there.ambiguous.apply(lambda codes, code=code: code in codes)]
        assert list(map(number, rows[doubt(code)])) == [len(mine), (mine.status == "kept").sum()]
    for clip in ordered.id[:MOST]:
        assert (folder / "pages" / f"{clip}.html").is_file()
        (link,) = [e for e in page.all("a") if e.attributes["href"] == f"pages/{clip}.html"]
        assert clip in link.text


def test_a_clip_that_is_no_good_anyway_comes_after_those_that_only_their_label_spoils(tmp_path: Path) -> None:
    rows = [
        judged("i_1", "happy", 0, reasons=["face_size", "emotion"], status="dropped", ambiguous=["weak", "changes"]),
        judged("i_1", "happy", 100, reasons=["emotion"], status="dropped", ambiguous=["weak"]),
        judged("i_1", "happy", 200, emotion_entropy=2.0),
    ]
    page = written(tmp_path / "out", rows)
    links = [e.attributes["href"] for e in page.all("a") if e.attributes["href"].startswith("pages/")]
    assert links == [f"pages/{rows[place]['id']}.html" for place in (1, 2, 0)]


def test_every_doubt_has_words_and_an_unknown_one_stays() -> None:
    for code in ("members-disagree", "weak", "two-emotions", "changes", "few-frames", "turned-away"):
        assert doubt(code) != code and " " in doubt(code)
    assert doubt("novel") == "novel"


def test_clips_that_nobody_judged_make_no_section(tmp_path: Path) -> None:
    page = written(tmp_path / "out", [judged("i_1", None, 0)])
    assert not page.all("section", id="emotions") and not (tmp_path / "out" / "pages").exists()


def test_lists_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    odd = judged("i_1", "happy", 0, member_emotions=["sad"], action_unit_frames=[0.5], emotions=[1.0])
    odd |= {"member_probabilities": [0.1], "action_units": [1.0], "ambiguous": None}
    page = written(tmp_path / "out", [odd, judged("i_1", "sad", 100, members=None, member_emotions=None)])
    assert not page.all("h3", id="members-title") and not page.all("h3", id="actions-title")


def test_fifty_thousand_clips_and_many_persons_make_a_small_page(tmp_path: Path) -> None:
    done = write(large(tmp_path / "out", 50_000))
    assert done.bytes < 1_000_000 and done.pictures + done.placeholders <= MOST_PICTURES and len(done.pages) == MOST
    assert sum(path.stat().st_size for path in (tmp_path / "out" / "pages").iterdir()) < MOST * 400_000


def test_many_made_up_members_and_doubts_stay_bounded(tmp_path: Path) -> None:
    rows = [
        judged("i_1", "happy", 10 * i, members=[f"member {i} {j}" for j in range(3)], ambiguous=[f"doubt {i}"] * 3)
        for i in range(500)
    ]
    page = written(tmp_path / "out", rows)
    assert len(page.rows("Members")) <= 13 and len(page.rows("Why labels are doubtful")) <= 13
    assert (tmp_path / "out" / "report.html").stat().st_size < 600_000


def test_the_tally_does_not_depend_on_the_size_of_batches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.report import rows
    from curation.report.tally import tally

    manifest = manifests.open(folder)
    clips: pa.Table = manifest.table("clips")
    whole = tally(manifest, clips, labels(clips), MOST)
    monkeypatch.setattr(rows, "_BATCH", 700)
    parts = tally(manifest, clips, labels(clips), MOST)
    assert parts.doubts == whole.doubts and parts.doubtful == whole.doubtful
    assert np.allclose(parts.units, whole.units)
    for name, voice in whole.voices.items():
        assert np.array_equal(voice.by_given, parts.voices[name].by_given) and voice.agrees == parts.voices[name].agrees

"""The page of a clip shows its own frames, curves and numbers, on one time axis, and of no other clip."""

import json
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manifests
from curation.report import write, write_clips
from curation.report.clip_page import FACES, check
from curation.report.curves import binned, ticks
from curation.report.filmstrip import Place, stills
from curation.report.one_clip import Face, OneClip, read
from curation.report.rows import one
from curation.report.timeline import UNITS, lag_words, timeline
from manifests.emotions import EMOTIONS
from manifests.errors import ManifestError
from manifests.schema import landmark_pixels, landmark_units, make_id, table_from_rows
from perception.action_units import ACTION_UNITS, COUNT
from tests.curation.report.faces import MEMBERS, frames_of, mesh
from tests.curation.report.material import HOSTILE, large, put_together
from tests.curation.report.page import Page
from tests.curation.report.test_pictures import shown_number
from tests.curation.runs import moee
from tests.manifests.material import clip_row

from tests.media.material import recipe, render as film  # isort: skip

SOURCE, TRACK = make_id("source", "film"), make_id("track", "film", 0)
SELECT = {"seconds": {"min": 2.0, "max": None}, "face_size": {"min": 100.0, "max": None}}
LAG = 80.0


def clip_of(first: int, last: int, **more: Any) -> dict[str, Any]:
    """A clip of the film with everything that a panel can say."""
    likely = np.eye(8)[[3, 5, 3]] * 0.6 + 0.05
    row = clip_row(SOURCE, "h", TRACK, first, last, source_width=160, source_height=128, face_size=90.0)
    row |= {"start_pts": first * 512, "end_pts": last * 512, "time_base_den": 12800}
    row |= {"emotion": "happy", "second_emotion": "surprised", "compound": "happily-surprised", "intensity": 0.5}
    row |= {"emotion_entropy": 1.2, "emotions": likely[0].tolist(), "members": list(MEMBERS), "av_lag": LAG}
    row |= {"member_emotions": ["happy", "surprised", "happy"], "member_probabilities": likely.ravel().tolist()}
    row |= {"ambiguous": ["two-emotions", "brand-new"], "action_units": [i / 5 for i in range(COUNT)]}
    row |= {"action_unit_frames": [0.5] * COUNT, "neutral_frames": 1, "expression_noncommercial": True}
    row |= {"caption": "A face smiles.", "caption_model": "sentence", "given_emotion": "happy", "dataset": "MEAD"}
    return row | more


def manifest_of(root: Path, rows: list[dict[str, Any]], film_path: Path | None, frames: bool = True) -> Path:
    """A manifest of these clips of the film; the first one's frames are stored."""
    source = {"id": SOURCE, "name": "film.mp4", "origin": str(film_path or "/nowhere.mp4"), "flags": []}
    source |= {"bytes": film_path.stat().st_size if film_path else 1, "licence": "CC BY"}
    turns = [
        {"id": make_id("speech", i), "source": SOURCE, "index": i, "start_pts": start, "end_pts": end, "speaker": who}
        | {"time_base_num": 1, "time_base_den": 1000, "probability": 0.9, "model": "voice"}
        for i, (start, end, who) in enumerate([(0, 1500, "A"), (1500, 2500, "B"), (9000, 9500, "C")])
    ]
    tables = {
        "sources": table_from_rows("sources", [source]),
        "speech": table_from_rows("speech", turns),
        "clips": table_from_rows("clips", sorted(rows, key=lambda row: row["id"])),
    }
    put_together(root, tables, {"name": "test", "select": SELECT}, [])
    if frames:
        stored = json.loads((root / "manifest.json").read_text())
        frames_of(root, rows[0], 512)
        entry = {SOURCE: {"sha256": "0" * 64, "bytes": 1, "rows": 1}}
        (root / "manifest.json").write_text(json.dumps(stored | {"frames": entry, "expressions": entry}))
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 numbered frames at 25 frames per second."""
    return film(tmp_path_factory.mktemp("film"), recipe("h264_open_gop"))


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [clip_of(25, 125), clip_of(0, 20, track="t_other", emotion=None)]
    return manifest_of(tmp_path_factory.mktemp("clip") / "out", rows, source)


@pytest.fixture(scope="module")
def clip(folder: Path) -> str:
    return clip_of(25, 125)["id"]


@pytest.fixture(scope="module")
def page(folder: Path, clip: str) -> Page:
    done = write_clips(folder, [clip])
    assert done.pages == (clip,) and done.pictures == FACES and done.path == folder / "pages"
    return Page.read(folder / "pages" / f"{clip}.html")


def test_the_frames_are_those_of_the_moments_with_their_landmarks(page: Page, folder: Path, clip: str) -> None:
    found = read(manifests.open(folder), clip, FACES)
    numbers = [int(face.moment * 25) for face in found.faces]
    assert numbers == sorted(numbers) and 25 <= numbers[0] < 40 and 110 < numbers[-1] < 125
    pictures = [e.attributes["src"] for e in page.all("img")]
    assert [shown_number(data) for data in pictures] == numbers
    assert len([e for e in page.all("svg") if e.attributes.get("class") == "mesh"]) == FACES
    for face, frame in zip(found.faces, numbers, strict=True):
        points = mesh(float(np.sin(frame / 9)), 160, 128)
        stored = landmark_pixels(landmark_units(points, 160, 128), 160, 128)
        assert face.points is not None and np.allclose(face.points * [160, 128], stored[:, :2], atol=1e-3)


def test_landmarks_lie_on_the_part_of_the_picture_that_is_shown(source: Path) -> None:
    crop = {"crop_x0": 0.25, "crop_y0": 0.0, "crop_x1": 0.75, "crop_y1": 0.5}
    points = np.array([[0.25, 0.0], [0.75, 0.5], *[[0.5, 0.25]] * 466])
    found = _bare(clip_of(0, 150, **crop), [Face(Fraction(1), points)])
    (still,) = stills(found, [Place(source, Fraction(0), False)])
    assert (still.width, still.height) == (80, 64) and still.dots.startswith("M0.0 0.0h0M80.0 64.0h0M40.0 32.0h0")


def _bare(row: dict[str, Any], faces: list[Face], length: float = 6.0) -> OneClip:
    none = np.zeros(0)
    row = table_from_rows("clips", [row]).to_pylist()[0]
    return OneClip(row, None, None, length, none, none, none, none, np.zeros((0, 8)), np.zeros((0, 22)), [], faces)


def test_when_no_file_is_left_the_page_says_so_and_shows_the_rest(tmp_path: Path) -> None:
    folder = manifest_of(tmp_path / "out", [clip_of(25, 125)], None)
    done = write_clips(folder, [clip_of(25, 125)["id"]])
    page = Page.read(folder / "pages" / f"{done.pages[0]}.html")
    assert done.pictures == 0 and done.placeholders == FACES and not page.all("img")
    assert "neither the clip's file nor its source is here any more" in page.one("main").text
    assert "No sound could be read" in page.one("main").text and page.all("svg", data_panel="emotions")


def test_a_clip_without_frames_and_labels_has_a_page_too(tmp_path: Path) -> None:
    row = clip_row(SOURCE, "h", TRACK, 100, 150) | {"track": None}
    folder = manifest_of(tmp_path / "out", [row], None, frames=False)
    write_clips(folder, [row["id"]])
    text = " ".join(Page.read(folder / "pages" / f"{row['id']}.html").one("main").text.split())
    assert "the panel did not judge this clip" in text and "The tables hold no frame" in text
    assert "no label came with this clip" in text


def test_all_curves_stand_on_one_axis(page: Page) -> None:
    panels = [e for e in page.all("svg") if "data-panel" in e.attributes]
    kinds = [e.attributes["data-panel"] for e in panels]
    assert kinds[0] == "emotions" and kinds[1 + UNITS :] == ["speech", "speech", "mouth", "sound", "yaw"]
    assert {(e.attributes["x"], e.attributes["width"], e.attributes["viewbox"].split()[2]) for e in panels} == {
        ("0", "100%", "1000")
    }
    lines = [e.attributes for e in page.all("line") if "data-time" in e.attributes]
    places = {(line["data-time"], line["x1"]) for line in lines}
    assert len(places) == len({time for time, _ in places}) and len(lines) == len(places) * len(panels)
    assert dict(places)["2.0"] == "500.0"  # of 4 s


def test_turns_are_cut_at_the_clip_and_mouth_and_units_come_from_its_frames(folder: Path, clip: str) -> None:
    found = read(manifests.open(folder), clip, FACES)
    assert found.turns == [(0.0, 0.5, "A", "voice"), (0.5, 1.5, "B", "voice")]
    assert len(found.seen) == len(found.judged) == 100 and found.seen[0] == 0 and found.length == 4.0
    assert np.isnan(found.mouth[7]) and np.isfinite(found.mouth[8]) and np.isnan(found.emotions[7]).all()
    assert found.emotions[0].argmax() == EMOTIONS.index("happy")
    assert found.emotions[-1].argmax() == EMOTIONS.index("surprised")
    drawn = timeline(found, (np.arange(400) / 100, np.eye(400)[200]))
    panels = {panel.name: panel for panel in drawn.panels}
    (lips, sound) = panels["sound"].marks
    assert (lips.kind, sound.kind) == ("lag-lips", "lag-sound") and sound.x - lips.x == LAG / 1000 / 4 * 1000
    assert panels["sound"].blocks[0].words == "80 ms after the lips"
    assert panels["sound"].about == lag_words(LAG) == "the sound comes 80 ms after the lips"
    assert drawn.units == [unit.number for unit in ACTION_UNITS[:UNITS]] or len(drawn.units) == UNITS


def test_the_tables_say_what_is_stored_and_what_the_recipe_makes_of_it(page: Page) -> None:
    titles, *rows = page.rows("Members of the panel")
    assert titles[2:] == list(EMOTIONS) and [row[0] for row in rows] == ["the panel", *MEMBERS]
    assert rows[2][1] == "surprised" and rows[2][2:] == ["0.05"] * 5 + ["0.65", "0.05", "0.05"]
    units = page.rows("Action units")[1:]
    assert len(units) == COUNT and units[0][0].startswith("AU43") and units[0][2:] == ["4.2", "50 %"]
    measures = {row[0].split(" ")[0]: row for row in page.rows("Measures")[1:]}
    assert measures["length"][1] == "4" and measures["length"][-1] == "passes"
    (size,) = [row for row in page.rows("Measures") if row[0].startswith("face size")]
    assert size[1] == "90" and size[3] == "100 px or more" and size[4] == "fails"
    text = " ".join(page.one("main").text.split())
    for words in ("two emotions are nearly as likely; brand-new", "happily-surprised (happy and surprised)", "CC BY",
                  "1 frame of the track at rest", "0:01.0 to 0:05.0"):  # fmt: skip
        assert words in text, words
    header = page.one("header").text
    assert "A face smiles." in header and "sentence" in header


def test_a_reader_that_hears_finds_names_headings_and_no_link_to_anywhere(page: Page) -> None:
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels))
    for element in page.elements:
        if element.tag == "svg":
            assert "aria-hidden" in element.attributes or element.attributes.get("aria-label") or "td" in element.inside
        for name in ("src", "href"):
            assert element.attributes.get(name, "data:").startswith(("data:", "#"))
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
    (axis,) = [e for e in page.all("svg") if e.attributes.get("class") == "timeline"]
    assert "happy" in axis.attributes["aria-label"] and "Turn to the side" in axis.attributes["aria-label"]


def test_hostile_words_stay_text(tmp_path: Path, source: Path) -> None:
    pages = []
    for name, words in (("wild", HOSTILE), ("calm", tuple(f"name {i}" for i in range(len(HOSTILE))))):
        more: dict[str, Any] = {"caption": words[0], "caption_model": words[1], "member_emotions": words[:3]}
        more |= {"members": words[3:6], "ambiguous": words, "given_text": words[4], "given_identity": words[5]}
        more |= {"action_units_model": words[0], "emotion": words[1], "compound": words[2], "reasons": [words[3]]}
        row = clip_of(25, 125, **more)
        folder = manifest_of(tmp_path / name, [row], source)
        write_clips(folder, [row["id"]])
        pages.append(Page.read(folder / "pages" / f"{row['id']}.html"))
    wild, calm = pages
    assert [e.tag for e in wild.elements] == [e.tag for e in calm.elements] and len(wild.all("script")) == 1
    text = (tmp_path / "wild" / "pages").glob("*.html").__next__().read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)
    assert HOSTILE[0] in wild.one("header").text


def test_only_ids_of_the_manifest_have_pages(folder: Path, clip: str) -> None:
    for wrong in ("../../etc/passwd", "c_1", "c_" + "0" * 15 + "G", "", "<b>", clip + "\n"):
        with pytest.raises(ManifestError, match="is no clip: an id is c_"):
            write_clips(folder, [wrong])
    with pytest.raises(ManifestError, match="has no clip c_0000000000000000"):
        write_clips(folder, ["c_" + "0" * 16])
    assert check([clip, clip]) == [clip]
    ran = moee("manifest", "report", folder, "--clip", "c_" + "0" * 16)
    assert ran.status == 2 and ran.err.count("\n") == 1 and "has no clip" in ran.err
    ran = moee("manifest", "report", folder, "--clip", clip, "--json")
    assert ran.status == 0 and ran.json["pages"] == [clip] and ran.json["pictures"] == FACES


def test_pages_and_report_link_to_each_other_wherever_the_report_lies(folder: Path, clip: str, tmp_path: Path) -> None:
    done = write(folder, tmp_path / "far" / "r.html")
    assert done.pages == (clip,)
    assert [e for e in Page.read(done.path).all("a") if e.attributes["href"] == f"pages/{clip}.html"]
    page = Page.read(tmp_path / "far" / "pages" / f"{clip}.html")
    assert [e.text for e in page.all("a") if e.attributes["href"] == "../r.html"] == ["Dataset report"]
    before = (tmp_path / "far" / "pages" / f"{clip}.html").read_bytes()
    write_clips(folder, [clip], tmp_path / "far" / "r.html")
    assert (tmp_path / "far" / "pages" / f"{clip}.html").read_bytes() == before


def test_damaged_frames_are_one_sentence(tmp_path: Path, source: Path) -> None:
    folder = manifest_of(tmp_path / "out", [clip_of(25, 125)], source)
    for table in ("expressions", "frames"):
        (folder / table / f"{SOURCE}.parquet").write_bytes(b"PAR1")
        with pytest.raises(ManifestError, match="cannot be read as Parquet"):
            write_clips(folder, [clip_of(25, 125)["id"]])


def test_one_row_is_found_in_a_large_table_by_reading_its_group_alone(tmp_path: Path) -> None:
    manifest = manifests.open(large(tmp_path / "out", 70_000))
    for place in (0, 65_535, 65_536, 69_999):
        row = one(manifest, "clips", f"c_{place:016x}")
        assert row is not None and row["id"] == f"c_{place:016x}"
    assert one(manifest, "clips", f"c_{70_000:016x}") is None


def test_many_frames_become_means_of_bins_and_gaps_stay_gaps() -> None:
    seconds = (np.arange(1000) + 0.5) / 25
    few = binned(seconds, np.sin(seconds), 40.0, 100)
    assert few.mean_of == 10 and few.values.shape == (100, 1)
    assert few.values[3, 0] == pytest.approx(np.sin(seconds[30:40]).mean())
    gap = binned(np.array([0.0, 0.04, 0.08, 2.0, 2.04, 3.0]), np.ones(6), 4.0, 100)
    assert gap.mean_of == 1 and gap.path(0, 0, 1, 4.0, 100) == "M0 0L10 0L20 0M500 0L510 0M750 0h1"
    assert binned(np.array([0.0, 1.0]), np.array([np.nan, 2.0]), 1.0, 9).path(0, 0, 1, 1.0, 100) == "M1000 0h1"
    assert binned(np.zeros(0), np.zeros((0, 8)), 1.0, 9).path(0, 0, 1, 1.0, 100) == ""


def test_ticks_are_round_and_inside() -> None:
    assert [(seconds, words) for seconds, _, words, _ in ticks(4.0)][:3] == [(0.0, "0 s"), (1.0, "1 s"), (2.0, "2 s")]
    for length in (0.001, 0.7, 3.3, 29.97, 7200.0):
        found = ticks(length)
        assert 1 <= len(found) <= 8 and all(0 <= percent <= 100 for _, percent, _, _ in found)

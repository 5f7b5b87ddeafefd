"""Persons are counted as their tracks and clips say, and those that may be several people are looked at."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.report import thumbnails, write
from curation.report.album import Album, View
from curation.report.doubt import TRACKS
from curation.report.ledger import ledger
from curation.report.people import DOUBTFUL, FACES, LARGEST, people
from curation.report.thumbnails import Wanted, pictures
from manifests.manifest import open as open_manifest
from manifests.schema import table_from_rows
from tests.curation.report.material import put_together
from tests.curation.report.page import Page
from tests.manifests.material import clip_row

from tests.media.material import recipe, render as film  # isort: skip

NONE: dict[str, Any] = {"margin": None, "model": "m", "bridges": []}


def track(name: str, source: str, identity: str, **more: Any) -> dict[str, Any]:
    """A row of `identities`."""
    return {"id": name, "source": source, "identity": identity, "distance": None, "given": None, **NONE, **more}


def embedding(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The row of `embeddings` of such a track."""
    own = {"id": row["id"], "source": row["source"], "model": "dlib-face@0123456789ab", "noncommercial": False}
    return own | {"frames": [0], "vector": [0.0], "spread": 0.1} | more


def manifest(
    root: Path,
    tracks: list[dict[str, Any]],
    clips: list[dict[str, Any]],
    stages: dict[str, Any] | None = None,
    **more: Any,
) -> Path:
    """A manifest of these tracks and clips; `more` goes into every embedding."""
    sources = sorted({row["source"] for row in (*tracks, *clips)})
    rows = [{"id": name, "name": f"{name}.mp4", "origin": f"/nowhere/{name}.mp4", "flags": []} for name in sources]
    tables = {"sources": table_from_rows("sources", rows)}
    tables["identities"] = table_from_rows("identities", sorted(tracks, key=lambda row: row["id"]))
    tables["embeddings"] = table_from_rows("embeddings", [embedding(row, **more) for row in tracks])
    tables["clips"] = table_from_rows("clips", sorted(clips, key=lambda row: row["id"]))
    return put_together(root, tables, {"name": "test", "stages": stages or {}}, [])


def of_person(identity: str, count: int, seconds: float = 4.0, **more: Any) -> list[dict[str, Any]]:
    """Clips of a person, each of its own source."""
    clips = []
    for i in range(count):
        clips.append(clip_row(f"s {identity} {i}", "h", f"t {identity} {i}", 0, 100, identity=identity, **more))
        clips[-1]["seconds"] = seconds
    return clips


def test_a_ledger_counts_what_a_loop_counts() -> None:
    dice = random.Random(5)
    tracks, clips = [], []
    for i in range(300):
        distance, margin = dice.choice([None, dice.random()]), dice.choice([None, dice.random() - 0.2])
        bridges = dice.choice([[], [], ["p0", "p1"]])
        given = dice.choice([None, "Ann", "Bo"])
        source = f"s{dice.randrange(9)}"
        tracks.append(
            track(f"t{i:03}", source, f"p{dice.randrange(20)}", distance=distance, given=given)
            | {"bridges": bridges, "margin": margin}
        )
        person = dice.choice([None, *(f"p{n}" for n in range(24))])
        status, split = dice.choice(["kept", "dropped", "failed"]), dice.choice([None, "train", "test"])
        clips.append(clip_row(f"s{dice.randrange(9)}", "h", f"t{i:03}", 0, dice.randrange(25, 250), status=status))
        clips[-1] |= {"identity": person, "split": split}
    book = ledger(table_from_rows("identities", tracks), table_from_rows("clips", clips))
    assert book.ids.to_pylist() == sorted({t["identity"] for t in tracks} | {c["identity"] for c in clips} - {None})
    for place, person in enumerate(book.ids.to_pylist()):
        mine = [row for row in tracks if row["identity"] == person]
        shown = [row for row in clips if row["identity"] == person]
        kept = [row for row in shown if row["status"] == "kept"]
        far = [row["distance"] for row in mine if row["distance"] is not None]
        assert book.tracks[place] == len(mine) and book.kept[place] == len(kept)
        assert book.others[place] == len(shown) - len(kept)
        assert book.seconds[place] == pytest.approx(sum(row["seconds"] for row in kept))
        assert book.names[place] == len({row["given"] for row in mine} - {None})
        assert book.bridging[place] == sum(bool(row["bridges"]) for row in mine)
        assert book.sources[place] == len({row["source"] for row in (*mine, *shown)})
        assert book.splits[place] == len({row["split"] for row in shown} - {None})
        assert np.isnan(book.farthest[place]) if not far else book.farthest[place] == np.float32(max(far))
        near = [row["margin"] for row in mine if row["margin"] is not None]
        assert np.isnan(book.margin[place]) if not near else book.margin[place] == np.float32(min(near))


def test_the_largest_and_the_most_doubtful_persons_have_a_page(tmp_path: Path) -> None:
    clips = [clip for n in range(40) for clip in of_person(f"p{n:02}", 1, seconds=100.0 - n)]
    tracks = [track(clip["track"], clip["source"], clip["identity"], distance=0.1) for clip in clips]
    tracks.append(track("t two names", "s", "p30", given="Ann"))
    tracks.append(track("t another", "s", "p30", given="Bo"))
    tracks.append(track("t bridge", "s", "p35", bridges=["p02", "p39"]))
    tracks.append(track("t far", "s", "p38", distance=0.6))
    tracks.append(track("t near", "s", "p20", margin=0.02))
    tracks.append(track("t nearer", "s", "p25", margin=-0.01))
    page = Page.read(write(manifest(tmp_path / "out", tracks, clips)).path)
    pages = [e.attributes["id"] for e in page.all("section", class_="person")]
    shown = [page.one("h3", id=f"{anchor}-title").text for anchor in pages]
    assert len(pages) == LARGEST + DOUBTFUL
    assert [text.split()[-1] for text in shown[:LARGEST]] == [f"p{n:02}" for n in range(LARGEST)]
    assert [text.split()[-1] for text in shown[LARGEST : LARGEST + 5]] == ["p30", "p35", "p25", "p20", "p38"]
    assert "nearer to another person" in page.one("section", id=pages[LARGEST + 2]).text
    assert "the next person is 0.02 farther" in page.one("section", id=pages[LARGEST + 3]).text
    assert "by kept video" not in page.one("section", id=pages[0]).text
    assert "Ann, Bo" in shown[LARGEST] and "several names" in page.one("section", id=pages[LARGEST]).text
    bridge = page.one("section", id=pages[LARGEST + 1]).text
    assert "1 track, to p02, p39" in " ".join(bridge.split())
    assert f"{LARGEST + DOUBTFUL} of 40 persons have a page below" in page.one("section", id="identities").text
    links = {e.text: e.attributes["href"] for e in page.all("a") if "code" not in e.inside and e.text.startswith("p")}
    assert links["p02"] == "#person-3" and links["p30"] == f"#person-{LARGEST + 1}" and "p29" not in links


def test_the_tracks_with_the_smallest_margins_are_shown_with_a_face(tmp_path: Path) -> None:
    clips = [clip for n in range(30) for clip in of_person(f"p{n:02}", 2, seconds=100.0 - n)]
    tracks = [
        track(clip["track"], clip["source"], clip["identity"], distance=0.1, margin=0.5 - 0.01 * n)
        for n, clip in enumerate(clips)
    ]
    tracks[7]["margin"] = None
    tracks.append(track("t of no clip", "s", "p00", margin=-0.9))
    clips[-1] |= {"status": "dropped", "reasons": ["lag"]}
    again = dict(clips[-2], id="c_0", status="dropped", reasons=["lag"])  # the kept clip of the track is shown
    page = Page.read(write(manifest(tmp_path / "out", tracks, [*clips, again])).path)
    captions = [e.text for e in page.all("span", class_="measure") if e.text.startswith("margin")]
    assert len(captions) == TRACKS and captions[:2] == ["margin -0.09, dropped", "margin -0.08, kept"]
    margins = [float(text.split()[1].rstrip(",")) for text in captions]
    assert margins == sorted(margins)
    said = {e.text: d.text for e, d in zip(page.all("dt"), page.all("dd"), strict=True)}
    assert said["tracks nearer to another person than to their own"] == "11"  # ten of a clip or at 0, one of none
    rows = page.rows("Persons")
    assert rows[0][-1] == "Margin" and rows[1][0] == "p00" and rows[1][-1] == "-0.9" and rows[4][-1] == "0.44"


def test_the_threshold_that_was_used_is_marked(tmp_path: Path) -> None:
    import json

    clips = of_person("p0", 3)
    tracks = [track(clip["track"], clip["source"], "p0", distance=0.2) for clip in clips]

    def lines(name: str, stages: dict[str, Any] | None, limits: object) -> tuple[list[str], str]:
        folder = manifest(tmp_path / name, tracks, clips, stages)
        (folder / "certificate.json").write_text(json.dumps({"how": {"identity_threshold": limits}}))
        page = Page.read(write(folder).path)
        marks = [e.attributes["data-value"] for e in page.all("line", class_="line")]
        return marks, page.one("section", id="identities").text

    marks, text = lines("model", None, {"dlib-face@0123": 0.5})
    assert marks == ["0.5"] and "its own settings: tracks that lie within 0.5 on average are one person." in text
    marks, text = lines("recipe", {"identities": {"threshold": 0.4}}, {"dlib-face@0123": 0.4})
    assert marks == ["0.4"] and "The recipe sets threshold 0.4." in text
    for odd in (None, {}, [1], {"m": None, "n": "0.5", "o": True}):
        assert lines("odd", None, odd)[0] == []


def test_what_the_overview_says(tmp_path: Path) -> None:
    clips = [*of_person("p0", 3), *of_person("p1", 1, status="dropped"), clip_row("s", "h", "t", 0, 50)]
    clips[0] |= {"split": "train"}
    clips[1] |= {"split": "test"}
    tracks = [
        track(clip["track"], clip["source"], clip["identity"], given="Ann") for clip in clips if clip.get("identity")
    ]
    folder = manifest(tmp_path / "out", tracks, clips, {"identities": {"threshold": 0.55}}, noncommercial=True)
    page = Page.read(write(folder).path)
    said = {e.text: d.text for e, d in zip(page.all("dt"), page.all("dd"), strict=True)}
    assert said["persons"] == "2" and said["tracks with an identity"] == "4"
    assert said["persons seen in one track only"] == "1" and said["persons without a kept clip"] == "1"
    assert said["kept clips without an identity"] == "1 of 4"
    assert said["persons whose clips lie in several splits"] == "1"
    assert said["persons that hold several names"] == "0" and said["names that are spread over several persons"] == "1"
    text = " ".join(page.one("section", id="identities").text.split())
    assert "4 tracks are described by dlib-face@0123456789ab, whose licence forbids commercial use." in text
    assert "The recipe sets threshold 0.55." in text


def test_persons_are_ranged_by_their_kept_clips(tmp_path: Path) -> None:
    counts = {"p0": 0, "p1": 1, "p2": 1, "p3": 3, "p4": 8, "p5": 9}
    clips = [clip for person, count in counts.items() for clip in of_person(person, count)]
    tracks = [track(f"t {person}", "s", person) for person in counts]
    page = Page.read(write(manifest(tmp_path / "out", tracks, clips)).path)
    assert page.rows("Persons by their kept clips")[1:] == [
        ["0", "1", "0 s"], ["1", "2", "8 s"], ["2 to 3", "1", "12 s"], ["4 to 7", "0", "0 s"],
        ["8 to 15", "2", "1 min 8 s"],
    ]  # fmt: skip


def test_faces_are_spread_over_the_inputs_and_hold_the_farthest_one(tmp_path: Path) -> None:
    clips = [
        clip_row(f"s{i % 10}", "h", f"t{i}", i, i + 50, identity="p", identity_distance=0.01 * (i % 10))
        for i in range(60)
    ]
    clips[37] |= {"identity_distance": 0.9, "status": "dropped", "reasons": ["lag"]}
    tracks = [track(clip["track"], clip["source"], "p", distance=clip["identity_distance"]) for clip in clips]
    page = Page.read(write(manifest(tmp_path / "out", tracks, clips)).path)
    captions = [e.text for e in page.all("span", class_="measure") if "from the mean" in e.text]
    assert len(captions) == FACES and captions.count("dropped, 0.9 from the mean") == 1
    names = [e.text for e in page.all("bdi", class_="name") if "figcaption" in e.inside and "section" in e.inside]
    faces = names[-FACES:]
    assert len(set(faces)) >= FACES - 1
    rows = page.rows("Clips of p")
    assert len(rows) == 1 + 24 + 1 and [row[3] for row in rows[1:] if row[3] != "kept"] == ["lag"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 numbered frames of 160 x 128 px."""
    return film(tmp_path_factory.mktemp("film"), recipe("h264_open_gop"))


def pixels(data: str | None) -> np.ndarray:
    """[height, width, 3] of a thumbnail."""
    import base64

    import cv2

    assert data is not None
    return cv2.imdecode(np.frombuffer(base64.b64decode(data.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)


def test_a_face_is_the_part_of_the_picture_inside_its_crop(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wanted(face: tuple[float, float, float, float] | None) -> Wanted:
        from fractions import Fraction

        return Wanted(source, source.stat().st_size, Fraction(2), Fraction(2), None, False, face)

    whole, part = pictures(tmp_path, [wanted(None), wanted((0.25, 0.0, 0.75, 0.5))])
    assert (part.width, part.height) == (80, 64)
    expected = pixels(whole.data)[0:64, 40:120].astype(int)
    assert np.abs(pixels(part.data).astype(int) - expected).mean() < 6  # WebP twice
    monkeypatch.setattr(thumbnails, "FACE", 40)
    (small,) = pictures(tmp_path, [wanted((0.25, 0.0, 0.75, 0.5))])
    assert (small.width, small.height) == (40, 32)


def test_an_exported_clip_that_is_cropped_already_is_not_cropped_again(source: Path, tmp_path: Path) -> None:
    import shutil

    row = clip_row("s", "h", "t", 0, 100, identity="p", file="clip.mp4")
    row |= {"crop_x0": 0.25, "crop_y0": 0.0, "crop_x1": 0.75, "crop_y1": 0.5}
    folder = manifest(tmp_path / "out", [track("t", "s", "p")], [row])
    shutil.copy(source, folder / "clip.mp4")
    for crop, size in (("none", (80, 64)), ("face", (160, 128))):
        opened = open_manifest(folder)
        opened.content["recipe"]["export"] = {"crop": crop}
        album = Album(opened, opened.table("sources", ["id", "name", "origin", "bytes"]), {})
        (picture,) = album.pictures([View(album.rows([0])[0], face=True)])
        assert (picture.width, picture.height) == size


def test_a_manifest_whose_faces_were_not_looked_at_has_no_persons(tmp_path: Path) -> None:
    folder = manifest(tmp_path / "out", [], of_person("p", 1))
    opened = open_manifest(folder)
    sources = opened.table("sources", ["id", "name", "origin", "bytes"])
    assert people(opened, opened.table("clips"), Album(opened, sources, {})) is None
    assert not Page.read(write(folder).path).all("section", id="identities")


def test_the_page_does_not_depend_on_how_rows_are_chunked(tmp_path: Path) -> None:
    clips = [clip for n in range(30) for clip in of_person(f"p{n:02}", 1 + n % 4)]
    tracks = [track(clip["track"], clip["source"], clip["identity"], distance=0.1) for clip in clips]
    folder = manifest(tmp_path / "out", tracks, clips)
    opened = open_manifest(folder)
    table = opened.table("clips")
    album = Album(opened, opened.table("sources", ["id", "name", "origin", "bytes"]), {})
    parts = pa.concat_tables([table.slice(0, 7), table.slice(7, 30), table.slice(37)])
    assert people(opened, table, album) == people(opened, parts, album)

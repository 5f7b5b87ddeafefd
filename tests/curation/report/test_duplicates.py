"""What is there twice is shown side by side, at the same moment."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from curation.report import write
from curation.report.duplicates import DOUBTFUL, LARGEST, SHOWN, _moments
from manifests.schema import table_from_rows
from media.cut import cut
from tests.curation.report.material import put_together
from tests.curation.report.page import Page
from tests.curation.report.test_pictures import shown_number
from tests.manifests.material import clip_row

from tests.media.material import recipe, render as film  # isort: skip


def pair(one: str, other: str, **more: Any) -> dict[str, Any]:
    """A row of `duplicates`: ten seconds that are the same."""
    spans = {"start_ms": 0, "end_ms": 10_000, "other_start_ms": 0, "other_end_ms": 10_000}
    alike = {"how": "picture", "speed": 1.0, "mirrored": False, "score": 0.9}
    return {"id": f"d {one} {other}", "source": one, "other": other, **spans, **alike} | more


def twin(source: str, first: int, last: int, of: str | None = None, **more: Any) -> dict[str, Any]:
    """A clip of a group; `of` names the one that stays, None for that one."""
    row = clip_row(source, "h", "t", first, last, duplicate_group="c group", duplicate_of=of, **more)
    return row if of is None else row | {"status": "dropped", "reasons": ["duplicate"]}


def manifest(
    root: Path, clips: list[dict[str, Any]], pairs: list[dict[str, Any]], files: dict[str, Path], keep: str = "best"
) -> Page:
    """The page of a manifest of these clips and pairs."""
    names = sorted({row["source"] for row in clips} | {row[side] for row in pairs for side in ("source", "other")})
    rows: list[dict[str, Any]] = []
    for name in names:
        path = files.get(name, Path(f"/nowhere/{name}.mp4"))
        size = path.stat().st_size if path.exists() else None
        rows.append({"id": name, "name": f"{name}.mp4", "origin": str(path), "bytes": size, "flags": []})
    tables = {
        "sources": table_from_rows("sources", rows),
        "duplicates": table_from_rows("duplicates", sorted(pairs, key=lambda row: row["id"])),
        "clips": table_from_rows("clips", sorted(clips, key=lambda row: row["id"])),
    }
    content = {"name": "test", "stages": {"duplicates": {"keep": keep}}}
    return Page.read(write(put_together(root, tables, content, [])).path)


def test_pictures_side_by_side_show_the_same_moment(tmp_path: Path) -> None:
    source = film(tmp_path, recipe("h264_open_gop"))  # every frame shows its own number, 25 per second
    cut(source, tmp_path / "late.mp4", 40 * 512, 140 * 512)  # its first frame is the source's 40th
    files = {"a": source, "b": tmp_path / "late.mp4"}
    spans = {"start_ms": 1600, "end_ms": 5600, "other_start_ms": 0, "other_end_ms": 4000}
    back = {"start_ms": 0, "end_ms": 4000, "other_start_ms": 1600, "other_end_ms": 5600}
    stay = twin("a", 20, 120)
    for number, row in enumerate((pair("a", "b", **spans), pair("b", "a", **back))):
        clips = [stay, twin("b", 30, 100, of=stay["id"])]
        page = manifest(tmp_path / f"out {number}", clips, [row], files)
        pictures = [e for e in page.all("img") if "section" in e.inside and "alt" in e.attributes][-2:]
        first, second = (shown_number(e.attributes["src"]) for e in pictures)
        assert first == second and 70 <= first < 120  # frames 70 to 120 are in both clips
        assert pictures[0].attributes["alt"].endswith("of a.mp4") and pictures[1].attributes["alt"].endswith("b.mp4")


@pytest.mark.parametrize("speed", [1.0, 1.05, 0.5])
def test_a_moment_moves_with_the_speed_and_the_offset(speed: float) -> None:
    stay, other = clip_row("a", "h", "t", 100, 200), clip_row("b", "h", "t", 0, 1000)
    link = {"start_ms": 2000, "end_ms": 9000, "other_start_ms": 500, "other_end_ms": 7500, "speed": speed}
    links: Any = {("a", "b"): [link | {"how": "picture", "mirrored": True}]}
    (here, there), words = _moments([stay, other], links)
    assert here == 6  # the middle of 4 s to 8 s
    assert float(there) == pytest.approx(0.5 + (6 - 2) * speed)
    assert words[1].startswith("by picture, mirrored") and (f"speed {speed}" in words[1]) == (speed != 1)


def test_a_moment_never_leaves_its_clip() -> None:
    stay, other = clip_row("a", "h", "t", 0, 100), clip_row("b", "h", "t", 500, 600)
    (here, there), words = _moments([stay, other], {})
    assert here == 2 and Fraction(20) <= there < Fraction(24) and words == ["", ""]


def test_the_one_that_stays_comes_first_and_says_what_it_has(tmp_path: Path) -> None:
    stay = twin("b", 0, 100, short_side=720.0, video_kbps=900.0)
    clips = [twin(name, 0, 100, of=stay["id"], short_side=360.0) for name in "acd"]
    rows = [pair(name, "b", how="both", score=0.8) for name in "acd"]
    page = manifest(tmp_path / "out", [stay, *clips], rows, {})
    measures = [e.text for e in page.all("span", class_="measure") if "ul" in e.inside][-4:]
    assert measures == ["stays", *["duplicate by both"] * 3]
    text = " ".join(page.one("section", id="duplicates").text.split())
    assert "720 px, 900 kbit/s, 4 s; kept" in text and "360 px, 4 s; duplicate" in text
    assert "4 clips, 0.8 alike" in text and "the clip with the largest picture stays" in text
    page = manifest(tmp_path / "all", [stay, *clips], rows, {}, keep="all")
    assert "The recipe keeps all clips of a group." in page.one("section", id="duplicates").text


def test_groups_and_pairs_are_bounded_and_the_doubtful_ones_among_them(tmp_path: Path) -> None:
    clips, rows = [], []
    for group in range(30):
        stay = twin(f"a{group}", 0, 100) | {"duplicate_group": f"g{group:02}"}
        others = 7 if group < 2 else 1
        clips.append(stay)
        for n in range(others):
            clips.append(twin(f"b{group} {n}", 0, 100, of=stay["id"]) | {"duplicate_group": f"g{group:02}"})
            score = 0.5 if group == 29 else 0.95
            rows.append(
                pair(stay["source"], f"b{group} {n}", mirrored=n == 1, speed=1.05 if n == 2 else 1.0, score=score)
            )
    page = manifest(tmp_path / "out", clips, rows, {})
    groups = [e.text for e in page.elements if e.tag == "h4"]
    assert len(groups) == LARGEST + DOUBTFUL
    assert groups[0].startswith("8 clips") and groups[0].endswith(f"{SHOWN} shown") and groups[1].startswith("8 clips")
    assert sum("0.5 alike" in text for text in groups) == 1
    assert page.rows("Pairs of inputs")[1][-1] == "0.5" and len(page.rows("Pairs of inputs")) == 1 + 20
    text = " ".join(page.one("section", id="duplicates").text.split())
    assert "and 22 more pairs" in text and f"{LARGEST + DOUBTFUL} of 30 groups" in text
    said = {e.text: d.text for e, d in zip(page.all("dt"), page.all("dd"), strict=True)}
    assert said["pairs of inputs with a part in common"] == "42" and said["of these, mirrored"] == "2"
    assert said["of these, at another speed"] == "2" and said["clips in them"] == str(2 * 8 + 28 * 2)
    assert said["clips that are not kept beside one that stays"] == "42"


def test_pairs_without_clips_are_listed_too(tmp_path: Path) -> None:
    page = manifest(tmp_path / "out", [], [pair("x", "y", start_ms=61_500, end_ms=70_000)], {})
    assert page.rows("Pairs of inputs")[1] == ["x.mp4y.mp4", "1:01.5 to 1:10.00:00.0 to 0:10.0", "picture", "–", "0.9"]
    assert not page.all("h4")


def test_a_manifest_that_was_searched_says_that_nothing_is_there_twice(tmp_path: Path) -> None:
    clip = clip_row("a", "h", "t", 0, 100)
    assert not manifest(tmp_path / "never", [clip], [], {}).all("section", id="duplicates")
    printed = {
        "id": "a",
        "source": "a",
        "model": "m",
        "pts": [],
        "time_base_num": 1,
        "time_base_den": 25,
        "picture": b"",
    }
    tables = {"clips": table_from_rows("clips", [clip]), "fingerprints": table_from_rows("fingerprints", [printed])}
    page = Page.read(write(put_together(tmp_path / "out", tables, {"name": "test"}, [])).path)
    assert "Nothing is there twice." in page.one("section", id="duplicates").text

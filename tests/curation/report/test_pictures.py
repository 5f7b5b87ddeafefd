"""The shown clips are the same ones every time, and each shows the middle frame of its own span."""

import base64
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation.report import thumbnails, write
from curation.report.choice import MOST, choose
from curation.report.page import MOST_PICTURES, render
from curation.report.thumbnails import Wanted, pictures
from manifests.manifest import open as open_manifest
from manifests.schema import table_from_rows
from media.cut import cut
from tests.curation.report.material import large, put_together
from tests.curation.report.page import Page
from tests.manifests.material import clip_row

from tests.media.material import read_counter, recipe, render as film  # isort: skip

BOUND = {"face_size": {"min": 64.0, "max": None}}


def candidates(count: int, sources: int, reasons: list[list[str]]) -> pa.Table:
    """`count` clips in `sources` sources with these reasons in turn, and faces that grow from clip to clip."""
    rows = []
    for i in range(count):
        own = reasons[i % len(reasons)]
        rows.append(clip_row(f"s{i % sources:03}", "h", f"t{i}", i, i + 50, face_size=10.0 + i / 10, reasons=own))
        rows[-1]["status"] = "dropped" if own else "kept"
    return table_from_rows("clips", rows)


def test_kept_clips_are_spread_over_the_sources() -> None:
    (group,) = choose(candidates(500, 40, [[]]), {})
    sources = [f"s{row % 40:03}" for row in group.rows]
    assert group.reason is None and group.total == 500 and len(set(sources)) == len(group.rows) == 12
    (group,) = choose(candidates(500, 3, [[]]), {})
    assert len(set(group.rows)) == 12 and {row % 3 for row in group.rows} == {0, 1, 2}


def test_each_reason_is_shown_from_nearest_to_farthest() -> None:
    groups = choose(candidates(500, 50, [["face_size"], ["speech", "face_size"], []]), BOUND)
    assert [(group.reason, group.total) for group in groups] == [(None, 166), ("face_size", 334), ("speech", 167)]
    sizes = [10 + row / 10 for row in groups[1].rows]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == pytest.approx(59.8, abs=1) and sizes[-1] <= 11
    assert len({row % 50 for row in groups[1].rows}) == len(groups[1].rows) == 6


def test_there_are_never_more_pictures_than_a_page_can_hold() -> None:
    for reasons in (1, 7, 20, 48, 300):
        groups = choose(candidates(1000, 100, [[], *([f"reason {i}"] for i in range(reasons))]), {})
        assert 12 < sum(len(group.rows) for group in groups) <= MOST


def test_choosing_does_not_depend_on_how_rows_are_chunked() -> None:
    table = candidates(300, 20, [[], ["face_size"], ["speech"]])
    parts = pa.concat_tables([table.slice(0, 100), table.slice(100, 7), table.slice(107)])
    assert choose(table, BOUND) == choose(parts, BOUND)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 numbered frames at 25 frames per second."""
    return film(tmp_path_factory.mktemp("film"), recipe("h264_open_gop"))


def shown_number(data: str | None) -> int:
    """The number of the frame in a thumbnail."""
    import cv2

    assert data is not None
    kind, content = data.split(",")
    assert kind == "data:image/webp;base64"
    return read_counter(cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR))


def wanted(source: Path | None, first: int, last: int, file: str | None = None) -> Wanted:
    size = source.stat().st_size if source is not None and source.exists() else None
    return Wanted(source, size, Fraction(first + last, 50), Fraction(last - first, 50), file, cropped=False)


@pytest.mark.parametrize(("first", "last", "middle"), [(0, 1, 0), (0, 10, 5), (40, 90, 65), (100, 150, 125)])
def test_a_picture_is_the_middle_frame(source: Path, tmp_path: Path, first: int, last: int, middle: int) -> None:
    (picture,) = pictures(tmp_path, [wanted(source, first, last)])
    assert shown_number(picture.data) == middle and (picture.width, picture.height) == (160, 128) and picture.whole
    cut(source, tmp_path / "clip.mp4", first * 512, last * 512)
    (picture,) = pictures(tmp_path, [wanted(tmp_path / "gone.mp4", first, last, "clip.mp4")])
    assert shown_number(picture.data) == middle


def test_what_cannot_be_shown_is_said(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(source.read_bytes())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "broken.mp4").write_bytes(b"not a video")
    (tmp_path / "out" / "link.mp4").symlink_to(outside)
    other_size = Wanted(source, 17, Fraction(1), Fraction(1), None, cropped=False)
    cases = [wanted(None, 0, 10, f"{name}") for name in ("../outside.mp4", "link.mp4", str(outside), "\0", "x" * 300)]
    for picture in pictures(tmp_path / "out", [*cases, other_size, wanted(None, 0, 10)]):
        assert picture.data is None and picture.why == "the source is not here any more"
    (picture,) = pictures(tmp_path / "out", [wanted(None, 0, 10, "broken.mp4")])
    assert picture.data is None and picture.why == "the picture cannot be decoded"
    monkeypatch.setattr(thumbnails, "DEEPEST", 3)
    (picture,) = pictures(tmp_path, [wanted(source, 0, 40)])
    assert picture.data is None and "too deep" in picture.why


def test_a_report_shows_frames_with_the_crop_and_the_failing_value(source: Path, tmp_path: Path) -> None:
    row = {"id": "s0", "name": "film.mp4", "origin": str(source), "bytes": source.stat().st_size, "flags": []}
    crop = {"crop_x0": 0.25, "crop_y0": 0.0, "crop_x1": 0.75, "crop_y1": 0.5}
    small = clip_row("s0", "h", "t", 40, 90, face_size=63.9998, status="dropped", reasons=["face_size"], **crop)
    tables = {"sources": table_from_rows("sources", [row]), "clips": table_from_rows("clips", [small])}
    done = write(put_together(tmp_path / "out", tables, {"name": "test", "select": BOUND}, []))
    assert (done.pictures, done.placeholders) == (1, 0)
    page = Page.read(done.path)
    image = page.one("img")
    assert shown_number(image.attributes["src"]) == 65 and image.attributes["alt"] == "Frame at 0:02.6 of film.mp4"
    (rect,) = [e for e in page.all("rect", y="0.0") if "class" not in e.attributes]
    assert [rect.attributes[name] for name in ("x", "width", "height")] == ["40.0", "80.0", "64.0"]
    assert page.one("span", class_="measure").text == "face size 63.9998 px"


def test_pictures_do_not_make_two_reports_differ(source: Path, tmp_path: Path) -> None:
    row = {"id": "s0", "name": "film.mp4", "origin": str(source), "bytes": source.stat().st_size, "flags": []}
    rows = [clip_row("s0", "h", f"t{i}", i * 7, i * 7 + 20) for i in range(18)]
    tables = {"sources": table_from_rows("sources", [row]), "clips": table_from_rows("clips", rows)}
    folder = put_together(tmp_path / "out", tables, {"name": "test"}, [])
    assert len({render(open_manifest(folder)).html for _ in range(3)}) == 1


def test_many_clips_take_a_bounded_number_of_pictures(tmp_path: Path) -> None:
    done = write(large(tmp_path / "out", 18_000))
    assert 0 < done.placeholders <= MOST_PICTURES and done.pictures == 0


def test_a_downloaded_source_is_found_by_its_url(source: Path, tmp_path: Path) -> None:
    import shutil

    import pyarrow.parquet as pq

    url = "https://example.org/watch?v=1"
    row = {"id": "s0", "name": url, "origin": url, "bytes": source.stat().st_size, "flags": []}
    clip = clip_row("s0", "h", "t", 40, 90, status="dropped", reasons=["speech"])
    tables = {"sources": table_from_rows("sources", [row]), "clips": table_from_rows("clips", [clip])}
    folder = put_together(tmp_path / "out", tables, {"name": "test"}, [])
    assert write(folder).placeholders == 1
    (folder / "fetched").mkdir()
    shutil.copy(source, folder / "fetched" / "1.mp4")
    for file, pictures_had in (("1.mp4", 1), ("../fetched/1.mp4", 0)):
        end = {"url": url, "outcome": "ok", "permanent": False, "error": None, "file": file, "bytes": 1, "requests": 1}
        pq.write_table(pa.Table.from_pylist([end]), folder / "fetched" / "downloads.parquet")
        assert write(folder).pictures == pictures_had

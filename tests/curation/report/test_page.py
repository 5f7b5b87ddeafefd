"""The report is one file that needs nothing, says what the manifest says, and cannot be made to do anything else."""

import base64
import hashlib
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import manifests
from curation.report import write, write_report
from curation.report.cli import report
from curation.report.page import MOST_PICTURES
from curation.report.words import beside, clock, duration, exact, number, several, shown
from manifests.errors import ManifestError
from manifests.recipe import load_recipe
from tests.curation.report.material import HOSTILE, hostile, large, put_together
from tests.curation.report.page import Page
from tests.manifests.material import make_manifest

CLIPS = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of four kept inputs, a dropped and a failed one, made with the store itself."""
    return make_manifest(tmp_path_factory.mktemp("report") / "out").root


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large(tmp_path_factory.mktemp("many") / "out", CLIPS)


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page.read(write_report(folder))


def test_the_report_lies_in_the_folder_or_where_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    assert write_report(folder) == folder / "report.html"
    target = write_report(folder, tmp_path / "deep" / "er" / "page.html")
    assert target.read_bytes() == (folder / "report.html").read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    with pytest.raises(ManifestError, match="is a folder"):
        write_report(folder, tmp_path)
    with pytest.raises(ManifestError, match="no manifest"):
        write_report(tmp_path)


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for element in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            address = element.attributes.get(name, "data:")
            assert address.startswith(("data:", "#")), f"{element.tag} {name}={address}"
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
    (style,), (script,) = page.all("style"), page.all("script")
    assert "url(" not in style.text and "@import" not in style.text and "http" not in style.text + script.text
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:" and rules["base-uri"] == "'none'"
    for rule, element in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_the_funnel_accounts_for_every_item(page: Page) -> None:
    titles, *rows, end = page.rows("Inputs")
    assert titles == ["Stage", "In", "Kept", "Dropped", "Failed"]
    assert rows == [
        ["shots faces 1 speech 1", "6", "4", "1", "1"],
        ["faces", "4", "4", "0", "0"],
        ["clips", "4", "4", "0", "0"],
    ]
    assert end == ["in the end faces 1 speech 1", "6", "4", "1", "1"]
    rows = page.rows("Candidate clips")[1:]
    assert rows == [
        ["select length 4", "8", "4", "4", "0"],
        ["export", "4", "4", "0", "0"],
        ["in the end length 4", "8", "4", "4", "0"],
    ]
    for _, entered, kept, dropped, failed in [*rows, end]:
        assert int(entered) == int(kept) + int(dropped) + int(failed)


def test_failures_costs_and_figures_are_those_of_the_summary(page: Page, folder: Path) -> None:
    text = page.one("section", id="failures").text
    assert "it is not a video" in text and "broken.mp4" in text
    summary = manifests.open(folder).summary()
    assert f"The sources have {summary.source_frames:,} frames" in page.one("section", id="costs").text
    assert page.one("ul", class_="figures").text.split()[:2] == ["6", "inputs"]
    assert "length must be 2 s or more" in page.one("section", id="funnel").text


def test_the_recipe_in_the_report_is_the_one_that_ran(many: Path, tmp_path: Path) -> None:
    page = Page.read(write_report(many))
    (block,) = [e for e in page.all("pre") if e.attributes.get("aria-label") == "Recipe"]
    file = tmp_path / "talking-head.yaml"
    file.write_text(block.text)
    assert load_recipe(file).hash == load_recipe("talking-head").hash
    assert yaml.safe_load(block.text) == manifests.open(many).recipe
    (command,) = [e.text for e in page.all("pre") if e.attributes.get("aria-label") == "Command"]
    assert command.strip() == "moee curate /nowhere --recipe ./talking-head.yaml --out dataset"


def test_a_screen_reader_finds_its_way(page: Page, many: Path) -> None:
    for document in (page, Page.read(write_report(many))):
        assert document.one("html").attributes["lang"] == "en"
        for landmark in ("header", "nav", "main", "footer", "h1"):
            document.one(landmark)
        ids = [element.attributes["id"] for element in document.elements if "id" in element.attributes]
        assert len(ids) == len(set(ids))
        for element in document.elements:
            for name in ("aria-labelledby", "aria-describedby"):
                assert element.attributes.get(name, ids[0]) in ids
            if element.tag == "a":
                address = element.attributes["href"]
                assert address.removeprefix("#") in ids or (many / address).is_file()
            if element.tag == "th":
                assert element.attributes.get("scope") in ("col", "row") and element.text.strip()
            if element.tag == "img":
                assert element.attributes["alt"].strip()
            if element.tag == "svg":
                assert (
                    "aria-hidden" in element.attributes
                    or element.attributes.get("aria-label")
                    or "td" in element.inside
                )
            if element.tag == "section":
                assert "aria-labelledby" in element.attributes
        levels = [int(e.tag[1]) for e in document.elements if re.fullmatch("h[1-6]", e.tag)]
        assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_stands_out_from_its_ground(page: Page, theme: str) -> None:
    style = page.one("style").text
    blocks = re.findall(r"(:root[^{}]*)\{([^{}]*--paper[^{}]*)\}", style)
    light, system_dark, chosen_dark, on_paper = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", body)) for _, body in blocks
    ]
    assert system_dark == chosen_dark
    colours = {"light": light, "dark": chosen_dark, "print": on_paper}[theme]
    for name in ("ink", "muted", "accent", "failed", "bound"):
        for ground in ("paper", "soft"):
            assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in ("kept", "outside", "elsewhere", "failed"):  # what is drawn
        assert _contrast(colours["accent" if name == "kept" else name], colours["paper"]) >= 3, name


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    tame = tuple(f"name {index}" for index in range(len(HOSTILE)))
    wild = Page.read(write_report(hostile(tmp_path / "wild")))
    calm = Page.read(write_report(hostile(tmp_path / "calm", tame)))
    assert sorted(e.tag for e in wild.elements) == sorted(e.tag for e in calm.elements)
    assert [set(e.attributes) for e in wild.all("img")] == [] and len(wild.all("script")) == 1
    text = (tmp_path / "wild" / "report.html").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)
    said = wild.one("body").text
    for name in HOSTILE:
        assert shown(name, 120) in said, name
        for section in ("identities", "speaking", "duplicates", "splits"):
            assert shown(name, 40)[:15] in wild.one("section", id=section).text, (section, name)
    assert "49" not in shown(HOSTILE[4]) and "{{ 7*7 }}" in said
    assert wild.one("title").text == f"Dataset report: {HOSTILE[0]}"


def test_the_same_manifest_gives_the_same_bytes(many: Path, folder: Path, tmp_path: Path) -> None:
    for original in (many, folder):
        copy = shutil.copytree(original, tmp_path / original.parent.name / "copy")
        (copy / "report.html").unlink(missing_ok=True)
        first, second = write_report(original).read_bytes(), write_report(copy).read_bytes()
        assert first == second and b"tmp" not in first.split(b"<style>")[0]


def test_a_report_stays_small_whatever_the_manifest_holds(tmp_path: Path, many: Path) -> None:
    done = write(many)
    assert done.bytes < 1_000_000 and 60 < done.pictures + done.placeholders <= MOST_PICTURES
    names = tuple(f"{index} " + "<&'>" * 75 for index in range(3000))  # failures, flags, reasons, labels: all differ
    done = write(hostile(tmp_path / "names", names))
    assert done.bytes < 2_000_000 and done.pictures + done.placeholders <= MOST_PICTURES
    assert "more failures are listed by" in done.path.read_text()


def test_a_manifest_of_nothing_is_reported_too(tmp_path: Path) -> None:
    page = Page.read(write_report(put_together(tmp_path / "out", {}, {"name": "nothing"}, [])))
    assert "Nothing failed." in page.one("section", id="failures").text
    assert not page.all("section", id="measures") and not page.all("section", id="clips")


def test_downloads_are_counted_by_outcome(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = put_together(tmp_path / "out", {}, {"name": "urls"}, [])
    assert "Downloads" not in Page.read(write_report(folder)).one("main").text
    rows = [("https://a/1", "ok", False, None, "1.mp4", 5_000_000, 3), ("https://a/2", "ok", False, None, None, 0, 2)]
    rows += [("https://a/3", "private", True, "The video is <private>.", None, None, 1)]
    names = ("url", "outcome", "permanent", "error", "file", "bytes", "requests")
    (folder / "fetched").mkdir()
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    pq.write_table(table, folder / "fetched" / "downloads.parquet")
    page = Page.read(write_report(folder))
    text = re.sub(r"\s+", " ", page.one("section", id="inputs").text)
    assert "3 URLs were asked for, in 6 requests; 5.0 MB were fetched" in text
    assert page.rows("Downloads")[1:] == [["ok", "2", "0", "–"], ["private", "1", "1", "The video is <private>."]]
    (folder / "fetched" / "downloads.parquet").write_bytes(b"PAR1")
    with pytest.raises(ManifestError, match="cannot be read"):
        write_report(folder)


def test_the_command_says_where_the_report_lies(folder: Path, tmp_path: Path) -> None:
    import json

    import typer

    app = typer.Typer()
    app.command("report")(report)
    result = CliRunner().invoke(app, [str(folder), "--out", str(tmp_path / "r.html")])
    assert result.exit_code == 0 and "r.html: " in result.stdout and "0 pictures" in result.stdout
    result = CliRunner().invoke(app, [str(folder), "--json"])
    content = json.loads(result.stdout)
    assert content["path"] == str(folder / "report.html") and content["bytes"] == Path(content["path"]).stat().st_size


def test_labels_are_summed_over_the_kept_clips(many: Path) -> None:
    rows = Page.read(write_report(many)).rows("Emotion")
    assert rows[0] == ["Emotion", "Length kept", "Kept", "Not kept"]
    clips = manifests.open(many).all_clips
    for label, length, kept, others in rows[1:]:
        mine = clips[clips.given_emotion == label]
        held = mine[mine.status == "kept"]
        assert (int(kept.replace(",", "")), int(others.replace(",", ""))) == (len(held), len(mine) - len(held))
        assert length == duration(held.seconds.sum())
    assert sorted(row[0] for row in rows[1:]) == ["angry", "happy", "neutral", "sad"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.949, "0.949"), (0.9499, "0.95"), (1234.5, "1,234"), (99.95, "100"), (2.50, "2.5"),
     (1e9, "1,000,000,000"), (-0.034567, "-0.0346"), (None, "–"), (float("nan"), "–"), (1e-9, "1e-9"),
     (3.354e-7, "3.35e-7"), (-0.00001, "-1e-5"), (0.0001, "0.0001"), (9.999e-5, "1e-4")],
)  # fmt: skip
def test_numbers_are_short_and_never_lose_what_stands_before_the_point(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_value_beside_a_threshold_is_written_apart_from_it() -> None:
    assert beside(0.9499, [0.95, None]) == "0.9499" and beside(0.95, [0.95, None]) == "0.95"
    assert beside(63.9998, [64.0]) == "63.9998" and beside(41.23, [64.0]) == "41.2"


def test_small_thresholds_are_written_as_small_numbers_are() -> None:
    assert [exact(value) for value in (0.95, 64.0, 1e-5)] == ["0.95", "64", "1e-5"]


def test_one_is_no_plural(tmp_path: Path) -> None:
    assert [several(items, "clip") for items in (0, 1, 1234)] == ["0 clips", "1 clip", "1,234 clips"]
    text = " ".join(Page.read(write_report(large(tmp_path / "out", 1))).one("main").text.split())
    assert "1 candidate clip" in text and not re.search(r"\b1 (candidate )?(clips|inputs|tracks|persons)\b", text)


def test_lengths_are_for_people() -> None:
    assert [duration(s) for s in (0.0, 4.21, 59.9, 60, 151, 7199, 7200, 3.6e6)] == [
        "0 s", "4.21 s", "59.9 s", "1 min 0 s", "2 min 31 s", "119 min 59 s", "2.0 h", "1,000.0 h"
    ]  # fmt: skip
    assert [clock(s) for s in (0, 5.96, 59.96, 3723.4)] == ["0:00.0", "0:06.0", "1:00.0", "1:02:03.4"]

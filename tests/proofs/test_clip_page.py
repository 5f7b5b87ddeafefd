"""Pages of clips in headless Chromium: no error, no overflow, one axis, two themes, and the report's emotions.

`MOEE_SCREENSHOTS=DIR make proofs` keeps what the browser showed, so that somebody can look at it.
"""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

import manifests
from curation.report import write, write_clips
from curation.report.ambiguous import MOST
from curation.report.clip_page import FACES
from tests.curation.report.material import HOSTILE, hostile, large
from tests.curation.report.test_clip_page import clip_of, manifest_of
from tests.curation.runs import moee
from tests.proofs.conftest import CuratedReal
from tests.proofs.test_report import COLOURS, PICTURES, WIDE, WIDTHS, Seen

from tests.media.material import recipe, render as film  # isort: skip

pytestmark = pytest.mark.proof

# Where each panel's lines of the same moment stand on the screen: moment -> set of x, rounded to a tenth of a pixel.
LINES = """(() => { const found = {}; for (const line of document.querySelectorAll('.panel [data-time]'))
    (found[line.dataset.time] ||= new Set()).add(Math.round(line.getBoundingClientRect().left * 10) / 10);
    return Object.fromEntries(Object.entries(found).map(([time, places]) => [time, [...places]])); })()"""
WORDS = """[...document.querySelectorAll('text.time')].map(t => [parseFloat(t.textContent),
    t.getBoundingClientRect().left, t.getBoundingClientRect().right, t.getAttribute('text-anchor')])"""
DRAWN = """[...document.querySelectorAll('.panel')].map(p => [p.dataset.panel, p.getBoundingClientRect().left,
    p.getBoundingClientRect().width])"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a made clip of 4 s: numbered frames, curves, two speakers, sound and a lag."""
    source = film(tmp_path_factory.mktemp("film"), recipe("h264_open_gop"))
    folder = manifest_of(tmp_path_factory.mktemp("made") / "out", [clip_of(25, 125)], source)
    done = write(folder)
    assert len(done.pages) == 1
    return folder / "pages" / f"{done.pages[0]}.html"


def opened(browser: Any, path: Path, width: int, theme: str) -> tuple[Any, Seen]:
    page, seen = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=theme), Seen()
    seen.watch(page)
    page.goto(path.as_uri(), wait_until="load")
    return page, seen


def kept(page: Any, name: str) -> None:
    if folder := os.environ.get("MOEE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def sound(page: Any, seen: Seen, theme: str) -> None:
    """Nothing complains, nothing is fetched, nothing hangs over, and the theme is the one that was asked for."""
    assert seen.quiet(), vars(seen)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.evaluate(WIDE) == []
    ground, ink = page.evaluate(COLOURS)
    dark = sum(map(int, re.findall(r"\d+", ground)[:3])) < sum(map(int, re.findall(r"\d+", ink)[:3]))
    assert dark == (theme == "dark")


def aligned(page: Any) -> None:
    """The same moment stands at the same x in every panel and over its words."""
    panels, lines = page.evaluate(DRAWN), page.evaluate(LINES)
    assert len(panels) >= 4 and len({(round(left, 1), round(width, 1)) for _, left, width in panels}) == 1
    assert len(lines) >= 3 and all(len(places) == 1 for places in lines.values()), lines
    for moment, left, right, anchor in page.evaluate(WORDS):
        near = {"start": left, "middle": (left + right) / 2, "end": right}[anchor]
        (place,) = lines[next(key for key in lines if float(key) == moment)]
        assert abs(near - place) < 3, (moment, near, place)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_a_clip_in_a_browser(browser: Any, made: Path, width: int, theme: str) -> None:
    page, seen = opened(browser, made, width, theme)
    assert len(page.evaluate(PICTURES)) == FACES == page.locator(".mesh").count()
    kept(page, f"clip_{theme}_{width}")
    sound(page, seen, theme)
    aligned(page)
    styles = page.evaluate(
        """[...document.querySelectorAll('[data-panel=emotions] path')].map(p => getComputedStyle(p))
        .map(s => s.stroke + s.strokeDasharray)"""
    )
    assert len(set(styles)) == len(styles) == 8  # told apart by more than their places
    page.get_by_role("link", name="Dataset report").click()
    page.wait_for_url("**/report.html")
    page.locator("#emotions a[href^='pages/']").click()
    page.wait_for_url("**/pages/c_*.html")
    assert not seen.complaints
    page.close()


def test_the_themes_of_a_page_change_and_paper_is_light(browser: Any, made: Path) -> None:
    page, seen = opened(browser, made, 1280, "light")
    page.get_by_role("button", name="Theme").click()
    sound(page, seen, "dark")
    page.emulate_media(media="print")
    sound(page, seen, "light")
    for name in ("Frames", "Over time", "Labels", "Action units", "Measures", "Origin"):
        assert page.get_by_role("region", name=name, exact=True).count() >= 1, name
    assert page.get_by_role("img", name=re.compile("^The panel's probabilities: highest on average: ")).count() == 1
    page.close()


def test_without_a_script_the_page_reads_the_same(browser: Any, made: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(made.as_uri())
    assert page.locator(".panel").count() > 10 and not page.get_by_role("button", name="Theme").is_visible()
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_emotions_of_many_clips_in_a_browser(browser: Any, tmp_path: Path, width: int, theme: str) -> None:
    folder = large(tmp_path / "out", 2000)
    done = write(folder)
    page, seen = opened(browser, done.path, width, theme)
    section = page.get_by_role("region", name="What the faces say", exact=True)
    assert section.count() == 1 and page.locator(".doubts > li").count() == MOST == len(done.pages)
    if to := os.environ.get("MOEE_SCREENSHOTS"):
        page.locator("#emotions").screenshot(path=Path(to) / f"emotions_{theme}_{width}.png")
    sound(page, seen, theme)
    page.close()


def test_hostile_names_do_nothing_on_a_page(browser: Any, tmp_path: Path) -> None:
    more: dict[str, Any] = {"caption": HOSTILE[0], "members": HOSTILE[:3], "member_emotions": HOSTILE[3:6]}
    row = clip_of(25, 125, ambiguous=list(HOSTILE), emotion=HOSTILE[1], compound=HOSTILE[2], **more)
    folder = manifest_of(tmp_path / "out", [row], None)
    write_clips(folder, [row["id"]])
    pages = [folder / "pages" / f"{row['id']}.html", write(hostile(tmp_path / "hostile")).path]
    for path in pages:
        for width in WIDTHS:
            page, seen = opened(browser, path, width, "light")
            page.wait_for_timeout(200)
            sound(page, seen, "light")
            assert page.locator("script").count() == 1
            page.close()


@pytest.fixture(scope="module")
def real(curated_real: CuratedReal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the real clips with its report."""
    out = tmp_path_factory.mktemp("real") / "out"
    assert curated_real(out).status in (0, 1)
    assert moee("manifest", "report", out).status == 0
    return out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_real_clips_in_a_browser(browser: Any, real: Path, width: int, theme: str, table) -> None:
    pages = sorted((real / "pages").glob("*.html"))
    assert len(pages) == MOST
    for place, path in enumerate(pages):
        page, seen = opened(browser, path, width, theme)
        assert len(page.evaluate(PICTURES)) >= FACES - 1 and page.locator(".mesh").count() >= 1
        kept(page, f"real_clip_{place}_{theme}_{width}")
        sound(page, seen, theme)
        aligned(page)
        assert page.locator("[data-panel=emotions] path").count() == 8
        page.close()
    sizes = [path.stat().st_size for path in pages]
    table(f"{width} px {theme}: {len(pages)} pages of {min(sizes) / 1e3:.0f} to {max(sizes) / 1e3:.0f} kB")


def test_a_page_is_written_in_seconds_whatever_the_manifest_holds(tmp_path: Path, table) -> None:
    folder = large(tmp_path / "out", 300_000)
    clip = manifests.open(folder).table("clips", ["id"]).column("id")[123_456].as_py()
    started = time.monotonic()
    done = write_clips(folder, [clip])
    table(f"a page of 300,000 clips: {time.monotonic() - started:.1f} s, {done.bytes / 1e3:.0f} kB")
    assert done.pages == (clip,) and done.bytes < 400_000

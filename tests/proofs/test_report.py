"""The report of the real clips in headless Chromium: no error, every picture there, no overflow, light and dark.

`MOEE_SCREENSHOTS=DIR make proofs` keeps what the browser showed, so that somebody can look at it.
"""

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import manifests
from curation.report import write, write_report
from curation.report.page import MOST_PICTURES
from curation.report.people import DOUBTFUL, LARGEST
from tests.curation.report.material import hostile, large
from tests.proofs.conftest import CuratedReal

pytestmark = pytest.mark.proof

MILLION = 1_000_000
WIDTHS = (1280, 390)
# What reaches beyond the window, save inside a region that scrolls by itself or is there for screen readers only.
WIDE = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5
    && !e.closest('.scroll, .skip, .hidden')).map(e => e.outerHTML.slice(0, 80))"""
PICTURES = "Promise.all([...document.images].map(async i => { await i.decode(); return i.naturalWidth; }))"
COLOURS = "(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))"


@dataclass
class Seen:
    """What a browser said about a page."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def quiet(self) -> bool:
        """Whether nothing was said, nothing asked, and nothing but the file itself fetched."""
        fetched = [url for url in self.requests if not url.startswith("data:")]
        return not self.complaints and not self.dialogs and len(fetched) == 1 and fetched[0].startswith("file:")


@pytest.fixture(scope="module")
def real(curated_real: CuratedReal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the real clips."""
    out = tmp_path_factory.mktemp("real") / "out"
    assert curated_real(out).status in (0, 1)
    return out


@pytest.fixture(scope="module")
def report(real: Path) -> Path:
    return write_report(real)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_report_of_the_real_clips_in_a_browser(
    browser: Any, real: Path, report: Path, width: int, theme: str, table
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
    page, seen = context.new_page(), Seen()
    seen.watch(page)
    page.goto(report.as_uri(), wait_until="load")
    widths = page.evaluate(PICTURES)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    table(f"{width} px {theme}: {len(widths)} pictures, {min(widths)} px or wider; {overflow} px of overflow")
    if folder := os.environ.get("MOEE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"report_{theme}_{width}.png", full_page=True)
    assert seen.quiet(), vars(seen)
    assert len(widths) == page.locator(".gallery li, .doubts > li").count() > 12 and all(value > 0 for value in widths)
    assert page.locator(".nothing").count() == 0
    assert overflow == 0 and page.evaluate(WIDE) == []
    assert _is_dark(page) == (theme == "dark")
    text = re.sub(r"\s+", " ", page.locator("main").inner_text())
    summary = manifests.open(real).summary()
    assert f"{summary.inputs.total} inputs" in text and f"{summary.clips.kept} kept clips" in text
    context.close()


def test_the_button_changes_the_theme_and_paper_is_light(browser: Any, report: Path) -> None:
    context = browser.new_context(color_scheme="light")
    page, seen = context.new_page(), Seen()
    seen.watch(page)
    page.goto(report.as_uri())
    button = page.get_by_role("button", name="Theme")
    states = [(button.inner_text(), _is_dark(page))]
    for _ in range(3):
        button.click()
        states.append((button.inner_text(), _is_dark(page)))
    assert states == [("Theme: auto", False), ("Theme: dark", True), ("Theme: light", False), ("Theme: auto", False)]
    button.click()
    page.emulate_media(media="print")
    assert not _is_dark(page) and not button.is_visible()
    page.emulate_media(media="screen")
    page.reload()
    assert button.inner_text() == "Theme: dark" and _is_dark(page)
    assert not seen.complaints
    context.close()


def _is_dark(page: Any) -> bool:
    ground, ink = page.evaluate(COLOURS)
    return sum(map(int, re.findall(r"\d+", ground)[:3])) < sum(map(int, re.findall(r"\d+", ink)[:3]))


def test_a_reader_that_hears_finds_landmarks_headings_and_tables(browser: Any, report: Path) -> None:
    page = browser.new_page()
    page.goto(report.as_uri())
    for role in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1, role
    assert page.get_by_role("heading", level=1).count() == 1
    names = [
        "From input to kept",
        "What was measured",
        "Who speaks",
        "What the faces say",
        "Clips",
        "Identities",
        "Duplicates",
        "Splits",
    ]
    for name in (*names, "Failures", "Inputs", "Costs", "Make it again"):
        assert page.get_by_role("region", name=name, exact=True).count() >= 1, name
    assert page.get_by_role("img", name=re.compile("^Histogram of face size: .* median")).count() == 1
    assert page.get_by_role("columnheader", name="Dropped").count() == 2
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.close()


def test_hostile_names_do_nothing_in_a_browser(browser: Any, tmp_path: Path) -> None:
    report = write_report(hostile(tmp_path / "out"))
    for width in WIDTHS:
        page, seen = browser.new_page(viewport={"width": width, "height": 844}), Seen()
        seen.watch(page)
        page.goto(report.as_uri())
        for summary in page.locator("summary").all():
            summary.click()
        page.wait_for_timeout(200)
        assert seen.quiet(), vars(seen)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        assert page.evaluate(WIDE) == [] and page.locator("script").count() == 1
        page.close()


def test_persons_and_duplicates_in_a_browser_and_on_paper(browser: Any, tmp_path: Path) -> None:
    report = write_report(large(tmp_path / "out", 2000))
    for width in WIDTHS:
        page, seen = browser.new_page(viewport={"width": width, "height": 844}), Seen()
        seen.watch(page)
        page.goto(report.as_uri())
        for name in ("Who speaks", "Identities", "Duplicates", "Splits"):
            assert page.get_by_role("region", name=name, exact=True).count() >= 1, name
        assert page.locator(".person").count() == LARGEST + DOUBTFUL
        page.get_by_role("link", name="i_0000000000000000").first.click()
        assert page.evaluate("location.hash") == "#person-1" and page.locator("#person-1").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        assert page.evaluate(WIDE) == []
        page.emulate_media(media="print")
        breaks = page.evaluate("[...document.querySelectorAll('.person')].map(e => getComputedStyle(e).breakBefore)")
        assert set(breaks) == {"page"}
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("[...document.querySelectorAll('.person details')].every(e => e.open)")
        assert seen.quiet(), vars(seen)
        page.close()


def test_a_million_clips_are_reported_in_seconds(tmp_path: Path, table) -> None:
    folder = large(tmp_path / "out", MILLION)
    started = time.monotonic()
    done = write(folder)
    seconds = time.monotonic() - started
    table(f"{MILLION:,} clips: {seconds:.1f} s, {done.bytes / 1e6:.2f} MB, {done.placeholders} pictures asked for")
    assert seconds < 60 and done.bytes < 5_000_000 and done.pictures + done.placeholders <= MOST_PICTURES

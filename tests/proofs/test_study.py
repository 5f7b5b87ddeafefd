"""A rater study in headless Chromium: raters answer on the real server, it dies in between, planted scores come back.

`MOEE_SCREENSHOTS=DIR make proofs` keeps what the browser showed, so that somebody can look at it.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest

from benchmark.study.bundle import load, verify, write
from benchmark.study.model import Study
from benchmark.study.new import Wishes, new
from benchmark.study.new import load as load_study
from benchmark.study.store import Store
from tests.benchmark.study.cutting import cutting
from tests.benchmark.study.material import Crowd, folders, labelled
from tests.benchmark.study.served import Served

pytestmark = pytest.mark.proof

RATERS, ITEMS, CHECKS, RANDOM = 15, 40, 2, 7
STEPS = ITEMS + 2 * CHECKS
STUCK = 90  # s without any answer after which the test gives up and says where the pages are
WIDE = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5
    && !e.closest('.skip, .hidden')).map(e => e.outerHTML.slice(0, 80))"""
# Where a page is: its heading, whether answers are open, whether it is at the end, what it asks.
STATE = """() => ({ place: document.getElementById("place").textContent, done: !document.getElementById("end").hidden,
    open: !!document.querySelector("fieldset:enabled"), sent: document.getElementById("said").textContent,
    asked: [...document.querySelectorAll("legend")].map(l => l.textContent) })"""


@dataclass
class Rater:
    """A simulated rater at its page. answered: position -> what it answered; complaints: of the browser."""

    number: int
    page: Any
    answered: dict[int, dict[str, int]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    done: bool = False

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))


@dataclass(frozen=True)
class World:
    """A study of ratings and a study of choices of the same videos."""

    ratings: Path
    choices: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("study")
    clips = labelled(root / "tests", 10)
    systems = [*folders(root / "systems", ["first", "second", "third"], clips), "ground-truth"]
    new(root / "ratings", Wishes(systems, real=root / "tests", raters=RATERS, items=ITEMS, checks=CHECKS, seed=3))
    new(
        root / "choices",
        Wishes(systems[:2], real=root / "tests", kind="choice", ties=True, raters=12, items=5, checks=1),
    )
    return World(root / "ratings", root / "choices")


def answer(rater: Rater, crowd: Crowd) -> None:
    """Let a rater act once where its page lets it: by keys, every third rater by clicks."""
    state = rater.page.evaluate(STATE)
    rater.done = state["done"]
    if rater.done or not state["open"]:
        return
    position = int(state["place"].split()[1]) - 1
    if position in rater.answered:
        return
    step = crowd.study.sequences[rater.number - 1][position]
    said = [f"choose {step.expected} " in text for text in state["asked"]]
    assert all(said) == any(said) == (step.expected is not None)
    values = crowd.answer(rater.number, position)
    rater.answered[position] = values
    if rater.number % 3:
        for value in values.values():
            rater.page.keyboard.press(str(value))
        rater.page.keyboard.press("Enter")
    else:
        for place, value in enumerate(values.values()):
            rater.page.locator("fieldset").nth(place).locator("label").nth(value - 1).click()
        rater.page.locator("#send").click()


def stored(folder: Path, study: Study) -> dict[tuple[int, int], dict[str, int]]:
    _, sha256 = load_study(folder)
    found = Store(folder, sha256, write=False).answers()
    assert len({(one.rater, one.position) for one in found}) == len(found)
    return {(one.rater, one.position): one.values for one in found}


def acknowledged(rater: Rater) -> int:
    """How many answers the page knows to be stored: it has gone on."""
    state = rater.page.evaluate(STATE)
    return STEPS if state["done"] else int(state["place"].split()[1]) - 1


def test_fifteen_raters_answer_forty_items_the_server_is_killed_and_the_planted_scores_come_back(
    browser: Any, world: World, tmp_path: Path, table
) -> None:
    study, _ = load_study(world.ratings)
    crowd = Crowd(study, seed=1, random=(RANDOM,))
    served, started = Served(world.ratings).start(), time.monotonic()
    raters, kills, lost = [], 0, 0
    for number, link in enumerate(served.links, start=1):
        context = browser.new_context(viewport={"width": 390 if number % 2 else 1280, "height": 844})
        rater = Rater(number, context.new_page())
        rater.watch()
        rater.page.goto(f"http://127.0.0.1:{served.port}/r/{link}")
        rater.page.get_by_role("button", name="Begin").click()
        raters.append(rater)
    try:
        went, so_far = time.monotonic(), 0
        while not all(rater.done for rater in raters):
            for rater in raters:
                if not rater.done:
                    answer(rater, crowd)
            if (count := sum(len(rater.answered) + rater.done for rater in raters)) > so_far:
                went, so_far = time.monotonic(), count
            stuck = {rater.number: rater.page.evaluate(STATE) for rater in raters if time.monotonic() - went > STUCK}
            assert not stuck, stuck
            if sum(len(rater.answered) for rater in raters) >= (150, 400, 10**9)[kills]:
                served.kill()  # in mid-answer: what was pressed last may or may not have arrived
                kills += 1
                known = {rater.number: acknowledged(rater) for rater in raters}
                kept = stored(world.ratings, study)
                lost += sum((rater, at) not in kept for rater, count in known.items() for at in range(count))
                served.start()
    finally:
        served.kill()
    kept = stored(world.ratings, study)
    pressed = {(rater.number, at): values for rater in raters for at, values in rater.answered.items()}
    complaints = [text for rater in raters for text in rater.complaints if "Failed to load resource" not in text]
    for rater in raters:
        rater.page.context.close()
    took = time.monotonic() - started
    table(f"{len(pressed)} answers of {RATERS} raters x {STEPS} steps in {took:.0f} s; server killed {kills} times")
    table(f"acknowledged and lost: {lost}; pressed and not stored: {len(pressed.keys() - kept.keys())}")
    assert kills == 2 and lost == 0 and kept == pressed and len(kept) == RATERS * STEPS
    assert complaints == []
    _scores(world.ratings, crowd, tmp_path / "bundle", table)


def _scores(folder: Path, crowd: Crowd, out: Path, table) -> None:
    """Score the study; hold it against what was planted and against the package krippendorff."""
    study, sha256 = load_study(folder)
    found = Store(folder, sha256, write=False).answers()
    bundle = write(out, study, found)
    assert verify(out) == [] and load(out).scores == bundle.scores
    assert list(bundle.excluded) == [str(RANDOM)] and "beyond chance" in bundle.excluded[str(RANDOM)]
    inside, said = 0, []
    for line in bundle.scores:
        planted = crowd.means[study.systems.index(line.system), study.questions.index(line.question)]
        inside += line.interval[0] <= planted <= line.interval[1]
        said.append(f"{planted:.2f} -> {line.value:.2f} ({line.interval[0]:.2f}..{line.interval[1]:.2f})")
        assert (line.raters, line.items, line.ratings) == (RATERS - 1, 10, (RATERS - 1) * 10)
    table("planted -> found: " + ", ".join(said))
    table(f"{inside} of {len(bundle.scores)} planted scores inside their intervals; {bundle.excluded}")
    assert inside == len(bundle.scores) == 16
    for question in study.questions:
        grid = np.full((RATERS, len(study.media)), np.nan)
        for one in found:
            step = study.sequences[one.rater - 1][one.position]
            if step.kind == "item" and one.rater != RANDOM:
                grid[one.rater - 1, step.media[0]] = one.values[question]
        kept = np.delete(grid, RANDOM - 1, axis=0)
        ordinal, interval = (krippendorff.alpha(kept, level_of_measurement=level) for level in ("ordinal", "interval"))
        table(f"alpha {question}: ordinal {bundle.alpha[question]:.4f}, package {ordinal:.4f}")
        assert bundle.alpha[question] == pytest.approx(ordinal, abs=1e-9)
        assert bundle.opinions.alpha_interval[question] == pytest.approx(interval, abs=1e-9)


@pytest.fixture(scope="module")
def choices(world: World) -> Iterator[Served]:
    served = Served(world.choices).start()
    yield served
    served.kill()


def opened(browser: Any, served: Served, number: int, **how: Any) -> Rater:
    """A rater's page in a context of its own."""
    page = browser.new_context(**how).new_page()
    rater = Rater(number, page)
    rater.watch()
    page.goto(f"http://127.0.0.1:{served.port}/r/{served.links[number - 1]}")
    page.get_by_role("button", name="Begin").or_(page.get_by_role("button", name="Go on")).wait_for()
    return rater


def choose(page: Any, key: str = "1") -> None:
    """Answer a pair by keys, once both were played."""
    page.wait_for_selector("fieldset:enabled")
    for _ in range(page.locator("fieldset").count()):
        page.keyboard.press(key)
    page.keyboard.press("Enter")


def test_answers_open_when_the_video_was_played_to_its_end_and_not_before(browser: Any, choices: Served) -> None:
    page = opened(browser, choices, 1).page
    page.add_init_script("HTMLMediaElement.prototype.play = () => Promise.reject(new Error('not allowed'));")
    page.reload()
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector("text=Answers open when both videos have been played")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    assert page.locator("input:checked").count() == 0 and page.locator("fieldset:enabled").count() == 0
    assert page.get_by_role("button", name="Next").is_disabled()
    assert page.get_by_role("heading", name="Pair 1 of 7").is_visible()
    page.context.close()


def test_a_page_waits_for_a_dead_server_and_goes_on_by_itself(browser: Any, choices: Served, table) -> None:
    rater = opened(browser, choices, 2)
    page = rater.page
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector("fieldset:enabled")
    choices.kill()
    choose(page, "2")
    page.wait_for_selector("text=The server does not answer")
    study, _ = load_study(choices.folder)
    assert (2, 0) not in stored(choices.folder, study)
    time.sleep(2)
    choices.start()
    page.get_by_role("heading", name="Pair 2 of 7").wait_for()
    assert stored(choices.folder, study)[2, 0] == dict.fromkeys(study.questions, 2)
    assert page.locator("#said").inner_text() in ("", "You can answer now.")
    page.context.close()
    again = opened(browser, choices, 2, viewport={"width": 390, "height": 844})  # on another device
    assert "You have answered 1 of 7" in again.page.locator("main").inner_text()
    again.page.get_by_role("button", name="Go on").click()
    again.page.get_by_role("heading", name="Pair 2 of 7").wait_for()
    again.page.context.close()


@pytest.mark.parametrize(
    ("request_line", "how"),
    [("POST answer", "broken"), ("GET step", "broken"), ("GET video/1/0", "broken"), ("GET video/1/0", "silent")],
)
def test_a_page_goes_on_when_a_reply_ends_in_its_middle(
    browser: Any, world: World, tmp_path: Path, request_line: str, how: str
) -> None:
    clips = labelled(tmp_path / "tests", 2)
    new(
        tmp_path / "study",
        Wishes(folders(tmp_path / "one", ["one"], clips), real=tmp_path / "tests", checks=0, raters=1),
    )
    served = Served(tmp_path / "study").start()
    method, path = request_line.split()
    cuts: list[str] = []

    def cut(line: str) -> str:
        hit = line.startswith(method) and f"/{path} " in line and not cuts
        cuts.extend([line] * hit)
        return how if hit else "whole"

    try:
        with cutting(served.port, cut) as port:
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{port}/r/{served.links[0]}")
            page.get_by_role("button", name="Begin").click()
            for place in range(2):
                page.get_by_role("heading", name=f"Video {place + 1} of 2").wait_for()
                choose(page, "4")
            page.get_by_role("heading", name="Thank you").wait_for()
            page.context.close()
    finally:
        served.kill()
    assert len(cuts) == 1
    study, _ = load_study(tmp_path / "study")
    assert list(stored(tmp_path / "study", study).values()) == [dict.fromkeys(study.questions, 4)] * 2


def test_two_pages_of_one_rater_store_one_answer(browser: Any, choices: Served) -> None:
    first, second = (opened(browser, choices, 3).page for _ in range(2))
    for page in (first, second):
        page.get_by_role("button", name="Begin").click()
        page.wait_for_selector("fieldset:enabled")
    choose(first, "1")
    first.get_by_role("heading", name="Pair 2 of 7").wait_for()
    choose(second, "2")
    second.wait_for_selector("text=the first answer stays")
    second.get_by_role("heading", name="Pair 2 of 7").wait_for()
    study, _ = load_study(choices.folder)
    assert stored(choices.folder, study)[3, 0] == dict.fromkeys(study.questions, 1)
    for page in (first, second):
        page.context.close()


def faults(page: Any) -> list[str]:
    """What axe calls serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def looked_at(page: Any, name: str) -> None:
    """Check a page as it stands, and keep a picture of it."""
    assert faults(page) == [] and page.evaluate(WIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    if folder := os.environ.get("MOEE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"study_{name}.png", full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_of_a_rater_in_both_themes_wide_and_narrow(
    browser: Any, choices: Served, world: World, width: int, theme: str
) -> None:
    number = 4 + 2 * (width == 390) + (theme == "dark")
    shape = {"viewport": {"width": width, "height": 844}, "color_scheme": theme}
    rater = opened(browser, choices, number, **shape)
    looked_at(rater.page, f"start_{theme}_{width}")
    rater.page.get_by_role("button", name="Begin").click()
    for place in range(7):
        rater.page.get_by_role("heading", name=f"Pair {place + 1} of 7").wait_for()
        rater.page.wait_for_selector("fieldset:enabled")
        if place == 2:
            rater.page.keyboard.press("0")
            looked_at(rater.page, f"choice_{theme}_{width}")
        choose(rater.page, "012"[place % 3])
    rater.page.get_by_role("heading", name="Thank you").wait_for()
    looked_at(rater.page, f"end_{theme}_{width}")
    assert "All 7 answers are stored" in rater.page.locator("main").inner_text()
    rater.page.goto(f"http://127.0.0.1:{choices.port}/r/{choices.links[number - 1]}")
    rater.page.get_by_role("heading", name="Thank you").wait_for()
    assert rater.complaints == []
    rater.page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_ratings_in_both_themes_wide_and_narrow(
    browser: Any, world: World, tmp_path: Path, width: int, theme: str
) -> None:
    copy = tmp_path / "study"  # nobody has answered in this one
    clips = labelled(tmp_path / "tests", 2)
    new(copy, Wishes(folders(tmp_path / "one", ["one"], clips), real=tmp_path / "tests", checks=0, raters=2))
    served = Served(copy).start()
    try:
        rater = opened(browser, served, 1, viewport={"width": width, "height": 844}, color_scheme=theme)
        rater.page.get_by_role("button", name="Begin").click()
        looked_at(rater.page, f"locked_{theme}_{width}")
        rater.page.wait_for_selector("fieldset:enabled")
        rater.page.keyboard.press("4")
        rater.page.keyboard.press("ArrowRight")  # moves the answer of the second question, which is marked now
        assert rater.page.locator("input:checked").count() == 2
        looked_at(rater.page, f"rating_{theme}_{width}")
        assert rater.complaints == []
        rater.page.context.close()
    finally:
        served.kill()

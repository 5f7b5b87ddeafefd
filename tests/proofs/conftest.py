"""What several proofs look at, and what is left out where not everything is asked.

`MOEE_PROOFS=full make proofs` takes every repetition and clip; without it some proofs take fewer, and say how many.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.curation.runs import Ran, moee
from tests.extent import FULL
from tests.once import once

CuratedReal = Callable[[Path], Ran]


def only_in_full(*values: Any) -> list[Any]:
    """Parameters of a test that are left out without `MOEE_PROOFS=full`."""
    return [pytest.param(value, marks=pytest.mark.full) for value in values]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes minutes."""
    for item in items if not FULL else ():
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: MOEE_PROOFS=full make proofs"))


@pytest.fixture(scope="session")
def curated_real(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> CuratedReal:
    """Puts a copy of the curated real clips at a path; gives how the run ended that made them."""

    def copy(out: Path) -> Ran:
        with once(tmp_path_factory, "curated-real") as (place, done):
            said = place / "ran.json"
            if not done:
                ran = moee("curate", test_data / "videos", "--out", place / "out", "--json")
                said.write_text(json.dumps(asdict(ran)))
        shutil.copytree(place / "out", out)
        return Ran(**json.loads(said.read_text()))

    return copy


@pytest.fixture(scope="session")
def curated_sample(rendered_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """How `moee curate` over the sample ended, and its manifest; nobody writes into it."""
    with once(tmp_path_factory, "curated-sample") as (place, done):
        said = place / "ran.json"
        if not done:
            ran = moee("curate", rendered_sample, "--out", place / "out", "--json")
            said.write_text(json.dumps(asdict(ran)))
    return Ran(**json.loads(said.read_text())), place / "out"


BROWSER: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium with a fresh profile."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[dev]'")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no browser: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=BROWSER)
        yield started
        started.close()

"""Shared fixtures: real clips and weights when they are there, one thread per process."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.once import once

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_worker_niceness", "0")  # beside other tests Ray's workers would get a quarter of a core


LONGEST = (
    "curation/test_curate_hard.py",
    "moee_model/test_two_processes.py",
    "curation/test_curate.py",
    "moee_model/test_train_cli.py",
    "takedown/test_hub.py",
    "benchmark/test_run.py",
    "moee_model/test_train.py",
    "media/test_exactness.py",
    "benchmark/test_run_model.py",
    "moee_model/test_checkpoint.py",
    "curation/test_restore.py",
    "curation/test_quality.py",
    "media/test_real_clips.py",
    "benchmark/test_testset.py",
    "benchmark/test_cluster.py",
    "proofs/test_cluster.py",
    "proofs/test_slurm.py",
    "proofs/test_parity.py",
    "proofs/test_real_clips.py",
    "proofs/test_ladder.py",
    "proofs/test_overfit.py",
    "proofs/test_toy_world.py",
    "proofs/test_study.py",
    "proofs/test_same_bytes.py",
    "proofs/test_speaking.py",
    "proofs/test_expressions.py",
    "proofs/test_duplicates.py",
)
"""Files that go first, tests and proofs: what is left for the end is short, so that no process waits long for another
(`--no-loadscope-reorder` keeps the order when files are dealt to processes)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(f"{item.path.parent.name}/{item.path.name}", len(place)))


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable, ROOT.parent / "shared" / default)).resolve()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real clips; tests that need it are skipped when it is absent."""
    folder = _folder("MOEE_TEST_DATA", "data")
    if not folder.is_dir():
        pytest.skip(f"real clips are not here: set MOEE_TEST_DATA (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    """The folder of real small weights; tests that need it are skipped when it is absent."""
    folder = _folder("MOEE_WEIGHTS", "weights")
    if not folder.is_dir():
        pytest.skip(f"real weights are not here: set MOEE_WEIGHTS (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def rendered_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded sample as `moee sample` renders it; nobody writes into it."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("the sample's speech needs espeak-ng: apt-get install espeak-ng")
    from curation.sample import render_sample

    with once(tmp_path_factory, "sample") as (place, done):
        if not done:
            render_sample(place / "raw")
    return place / "raw"


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a line below the results, also when tests run in several processes: proofs show what they measured."""

    def line(text: str) -> None:
        request.node.user_properties.append(("table", f"{request.node.name}: {text}"))

    return line


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the tests measured."""
    lines = [
        text
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for key, text in getattr(report, "user_properties", [])
        if key == "table" and report.when == "call"
    ]
    if lines:
        terminalreporter.section("measured")
        for text in lines:
            terminalreporter.line(text)

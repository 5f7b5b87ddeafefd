"""What several proofs look at is made once, whichever process asks first: the real clips, curated."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.curation.runs import Ran, moee

CuratedReal = Callable[[Path], Ran]


@pytest.fixture(scope="session")
def curated_real(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> CuratedReal:
    """Puts a copy of the curated real clips at a path; gives how the run ended that made them."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "curated-real"

    def copy(out: Path) -> Ran:
        place.mkdir(exist_ok=True)
        said = place / "ran.json"
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the other processes wait for the first one
            if not said.exists():
                ran = moee("curate", test_data / "videos", "--out", place / "out", "--json")
                said.write_text(json.dumps(asdict(ran)))
        shutil.copytree(place / "out", out)
        return Ran(**json.loads(said.read_text()))

    return copy

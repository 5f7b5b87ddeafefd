"""A bundle that is made once, and copies of it to be harmed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.features import Features
from tests.benchmark.bundle.material import make


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Features]:
    """A bundle and the features that it was made of."""
    folder = tmp_path_factory.mktemp("bundle") / "original"
    return folder, make(folder)


@pytest.fixture
def copied(original: tuple[Path, Features], tmp_path: Path) -> Callable[[], Path]:
    """Makes a fresh copy of the bundle."""

    def copy() -> Path:
        folder = tmp_path / f"copy{len(list(tmp_path.iterdir()))}"
        shutil.copytree(original[0], folder)
        return folder

    return copy


@pytest.fixture
def bundle(copied: Callable[[], Path]) -> Path:
    """A copy of the bundle."""
    return copied()

"""A sound manifest for each test, made once and copied."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.manifests.material import make_manifest

settings.register_profile("any machine", deadline=None)  # a promise about rows, not about a busy machine's clock
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_manifest(tmp_path_factory.mktemp("manifest") / "out").root


@pytest.fixture
def folder(_made: Path, tmp_path: Path) -> Path:
    """A folder with four kept sources of two clips each, one dropped and one failed source; free to be damaged."""
    return Path(shutil.copytree(_made, tmp_path / "out"))

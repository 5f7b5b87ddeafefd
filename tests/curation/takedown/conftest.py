"""Clips that may be published, made once; and nothing here touches the user's own cache."""

from pathlib import Path

import pytest

from tests.curation.takedown.material import make


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's programs keep caches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    return tmp_path / "cache-home" / "moee"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips that are real small videos, of three persons in three splits; not to be changed."""
    root = tmp_path_factory.mktemp("made") / "set"
    make(root, filmed=True)
    return root

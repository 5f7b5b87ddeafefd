"""Rendered material, made once per session and only when asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.material import recipe, render


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`material(name)`: the file of that recipe."""
    folder = tmp_path_factory.mktemp("material")
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = render(folder, recipe(name))
        return made[name]

    return make

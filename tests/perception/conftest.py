"""Fixtures of the perception tests: opened models, real frames, a registry of one small made-up model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from perception import weights
from perception.errors import PerceptionError
from perception.faces import FaceDetector
from perception.landmarks import FaceLandmarker

Frames = Callable[..., list[np.ndarray]]


def need(name: str) -> Path:
    """Return the file of a model, fetched if need be; skip the test when it cannot be had."""
    had = _had(name)
    if isinstance(had, str):
        pytest.skip(f"the model {name} cannot be had here: {had}")
    return had


@cache
def _had(name: str) -> Path | str:
    """The model's file, or why it cannot be had; asked once, for an unreachable network costs seconds."""
    try:
        return weights.fetch(name)
    except PerceptionError as error:
        return str(error)


@pytest.fixture(scope="session")
def full_range() -> Iterator[FaceDetector]:
    need("blazeface-full")
    with FaceDetector.load("full") as detector:
        yield detector


@pytest.fixture(scope="session")
def short_range() -> Iterator[FaceDetector]:
    need("blazeface-short")
    with FaceDetector.load("short") as detector:
        yield detector


@pytest.fixture(scope="session", params=["face-landmarker", "face-mesh"])
def landmarker(request: pytest.FixtureRequest) -> Iterator[FaceLandmarker]:
    need(request.param)
    with FaceLandmarker.load(model=request.param) as model:
        yield model


@pytest.fixture(scope="session")
def frames(test_data: Path) -> Frames:
    """A function (clip's file name, first frame, how many, every n-th) -> RGB pictures of a real clip."""
    import av

    def read(name: str, first: int = 0, count: int = 1, every: int = 1) -> list[np.ndarray]:
        pictures = []
        with av.open(str(test_data / "videos" / name)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= first and (index - first) % every == 0:
                    pictures.append(frame.to_ndarray(format="rgb24"))
                if len(pictures) == count:
                    return pictures
        return pictures

    return read


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    """A registry of two models of random bytes, with an empty weights folder and an empty cache."""
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "weights").mkdir()
    registry = MadeUp(tmp_path)
    registry.write([])
    monkeypatch.setattr(weights, "REGISTRY", registry.path)
    return registry


class MadeUp:
    """A registry on disk whose models `one` and `two` are bytes made from a fixed seed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "weights.toml"
        self.data = {
            name: np.random.default_rng(seed).bytes(size)
            for seed, (name, size) in enumerate({"one": 300_000, "two": 70_000}.items())
        }

    @property
    def cache(self) -> Path:
        return weights.cache_folder()

    def write(self, sources: list[str], file: str = "{name}.bin") -> None:
        """Write the registry; in `sources` and `file`, {name} stands for the model's name."""
        models = []
        for name, data in self.data.items():
            lines = ", ".join(source.replace("{name}", name) for source in ['{ local = ["{name}.bin"] }', *sources])
            models.append(
                f'[[model]]\nname = "{name}"\ntitle = "model {name}"\nfile = "{file.replace("{name}", name)}"\n'
                f'bytes = {len(data)}\nsha256 = "{hashlib.sha256(data).hexdigest()}"\nlicence = "MIT"\n'
                f'noncommercial = {"true" if name == "two" else "false"}\npurpose = "p"\nwithout = "less works"\n'
                f'needed_by = ["tests"]\nsources = [{lines}]\n'
            )
        self.path.write_text("\n".join(models))
        weights._registry.cache_clear()

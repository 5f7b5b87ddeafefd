"""Three films, their manifest, and its form without media: made once, not to be changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import manifests
from curation.download import Settings
from curation.engines.item import Finished
from curation.rebuild.run import How
from manifests.publish import bare
from manifests.publish.plan import plan_by_split
from tests.curation.rebuild.material import Film, film, manifest_of


class Here:
    """An engine that works in this process: quick, and what fails is seen."""

    workers = 1

    def run(self, function: Callable[[Any], Any], items: Sequence[Any], *, tick: Any = None) -> Iterator[Finished]:
        """Yield each item's end."""
        for index, item in enumerate(items):
            try:
                yield Finished(index, value=function(item))
            except Exception as error:
                yield Finished(index, error=error)


@dataclass(frozen=True)
class Made:
    """Where the films lie, the manifest of their clips, and what was published of it."""

    films: Path
    manifest: Path
    bare: Path


def without_media(manifest: Path, folder: Path) -> Path:
    """Publish a manifest without media."""
    folder.mkdir(parents=True)
    opened = manifests.open(manifest)
    bare.write_tables(opened, plan_by_split(opened), folder, 10**8)
    return folder


def how(sources: Path | None = None, **more: Any) -> How:
    """A rebuild in this process, from a folder of sources."""
    return How(Here(), Settings(min_free_bytes=0), sources, **more)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Three films of two clips each."""
    base = tmp_path_factory.mktemp("rebuild")
    (base / "films").mkdir()
    films = [
        Film(film(base / "films" / f"{name}.mp4", seed), f"/home/ann/{name}.mp4") for seed, name in enumerate("abc")
    ]
    manifest = manifest_of(base / "dataset", films)
    return Made(base / "films", manifest, without_media(manifest, base / "bare"))

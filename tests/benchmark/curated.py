"""A small curated manifest with given labels, of talking portraits that are rendered here: 2 persons x 2 emotions."""

import shutil
from pathlib import Path

import pytest

from tests.curation.runs import moee
from tests.once import once

TAKES = (
    ("astronaut", "001_happy_1"),
    ("astronaut", "001_angry_2"),
    ("group_3", "002_happy_1"),
    ("group_3", "002_sad_2"),
)
SAID = (
    "We did it and I could not be happier today.",
    "You promised me that this would never happen again.",
    "Everyone was smiling when the good news came.",
    "I still wait for his letters every single morning.",
)


def curated(folder: Path, factory: pytest.TempPathFactory) -> Path:
    """A copy of the manifest, which is made once in a run of the tests; returns its folder."""
    with once(factory, "curated-talkers") as (place, done):
        if not done:
            _make(place)
    return Path(shutil.copytree(place / "dataset", folder / "dataset"))


def _make(folder: Path) -> None:
    """Render and curate."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("the sample's speech needs espeak-ng: apt-get install espeak-ng")
    from curation.sample.render import render
    from curation.sample.scenes import Line, Scene, Shot

    scenes = tuple(
        Scene(f"{name}.mp4", (Shot(subject, name.split("_")[1], (Line(text),)),))
        for (subject, name), text in zip(TAKES, SAID, strict=True)
    )
    raw, out = folder / "raw", folder / "dataset"
    render(raw, scenes=scenes, workers=1)
    for other in (raw / "truth.parquet", raw / ".sample.json"):
        other.unlink(missing_ok=True)
    done = moee("curate", raw, "--out", out, "--recipe", "dh-faceemovid", "--workers", "1")
    assert done.status == 0, done.err

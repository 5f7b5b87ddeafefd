"""Scores every step of every axis: makes its videos, scores them like any system's, keeps the bundle, drops them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.controls import AXES, make_step
from benchmark.errors import BenchmarkError
from benchmark.places import cache_folder
from benchmark.run import run
from benchmark.systems import System
from manifests.text import nearest, printable

if TYPE_CHECKING:
    import numpy as np

    from benchmark.bundle import Bundle
    from benchmark.cluster import Cluster
    from benchmark.protocol import Protocol
    from benchmark.testset import TestSet

Note = Callable[[str], None]


@dataclass(frozen=True)
class Steps:
    """What the steps of all axes are made from, and how they are scored.

    protocol: loaded; name: of it, or its file.
    folder, testset: the clips. truth: the bundle of the ground truth control.
    out: gets `axes/<axis>/<step>/`, a bundle each. cache, workers, partial, seeded, note, cluster: as for
        `benchmark.run.run`.
    keep: leave the videos of each step in `videos/<axis>/<step>/`.
    """

    name: str
    protocol: Protocol
    folder: Path
    testset: TestSet
    truth: Bundle
    out: Path
    cache: Path | None = None
    workers: int = 1
    partial: bool = False
    seeded: bool = False
    keep: bool = False
    note: Note = field(default=lambda text: None)
    cluster: Cluster | None = None

    def bundle(self, axis: str, step: float) -> Path:
        """Where the bundle of a step lies."""
        return self.out / "axes" / axis / f"{step:g}"

    def picture(self, axis: str, step: float) -> Path:
        """Where the small picture of a step lies."""
        return self.out / "axes" / axis / f"{step:g}.jpg"


def chosen_steps(axis: str, most: int | None = None) -> tuple[float, ...]:
    """The steps of an axis, or so many of them, spread evenly, the grossest among them.

    Raises:
        BenchmarkError: there is no such axis, or fewer than one step is asked for.
    """
    if axis not in AXES:
        raise BenchmarkError(f"There is no axis {printable(axis)}: {nearest(axis, AXES)}")
    steps = AXES[axis].steps
    if most is None or most >= len(steps):
        return steps
    if most < 1:
        raise BenchmarkError("A ladder needs at least 1 step: give --steps 1 or more.")
    return tuple(steps[round((place + 1) * len(steps) / most) - 1] for place in range(most))


def climb_axes(made: Steps, axes: Mapping[str, Sequence[float]]) -> dict[str, dict[float, Bundle]]:
    """Score every step; one whose bundle is there, sound, and of the same making is not scored again.

    Args:
        axes: axis -> its steps.

    Returns:
        Axis -> step -> bundle.

    Raises:
        BenchmarkError: as `benchmark.run.run`.
    """
    found: dict[str, dict[float, Bundle]] = {}
    points: dict[str, np.ndarray] = {}
    for axis, steps in axes.items():
        if AXES[axis].changes == "face" and not points:
            points = landmarks(made)
        for step in steps:
            found.setdefault(axis, {})[step] = _there(made, axis, step) or _scored(made, axis, step, points)
    return found


def landmarks(made: Steps) -> dict[str, np.ndarray]:
    """Clip -> the 68 landmarks of its ground truth [n, 68, 2], px of a 256 px frame, as metrics see them.

    Raises:
        BenchmarkError: the landmark model is not here, or a ground truth cannot be read.
    """
    from benchmark.extract import Pair, Settings, extract

    width, height = made.protocol.clip.size
    longest = max(clip.frames for clip in made.testset.clips)
    settings = Settings(made.protocol.clip.fps, longest, width, height, ("faces",))
    pairs = [
        Pair(clip.id, made.folder / clip.real, made.folder / clip.real, clip.frames) for clip in made.testset.clips
    ]
    cache = cache_folder(made.cache) / "features"
    extraction = extract(pairs, settings, cache, made.workers, made.note, cluster=made.cluster)
    if extraction.errors:
        sentence = next(iter(extraction.errors.values()))
        raise BenchmarkError(f"The landmarks of the ground truth cannot be found: {sentence}")
    return {clip.id: extraction.videos[clip.id, "real"][0]["points68"] for clip in made.testset.clips}


def _scored(made: Steps, axis: str, step: float, points: Mapping[str, np.ndarray]) -> Bundle:
    from benchmark.ladder.pictures import save_picture
    from manifests.files import write_json

    made.note(f"{axis}, {AXES[axis].says(step)}: {AXES[axis].does}")
    folder = made.bundle(axis, step)
    videos = made.out / "videos" / axis / f"{step:g}"
    make_step(axis, step, made.testset, made.folder, made.protocol, videos, points, made.workers, made.cluster)
    bundle = run(
        made.name, System(f"{axis} {step:g}", control=True), videos, made.folder, folder, cache=made.cache,
        workers=made.workers, partial=made.partial, seeded=made.seeded, note=made.note, cluster=made.cluster,
    )  # fmt: skip
    save_picture(axis, videos, made.testset, made.picture(axis, step))
    write_json(_record(folder), _making(made, axis, step))
    if not made.keep:
        shutil.rmtree(videos)
    return bundle


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.made.json")


def _making(made: Steps, axis: str, step: float) -> dict[str, Any]:
    """All that a step's numbers depend on, beside the extractors."""
    return {
        "axis": axis, "step": step, "version": AXES[axis].version, "protocol": made.protocol.sha256,
        "list": made.testset.sha256, "metrics": [line.name for line in made.truth.results.metrics],
    }  # fmt: skip


def _there(made: Steps, axis: str, step: float) -> Bundle | None:
    """The bundle of a step that was made before in the same way, if nothing of it has changed since."""
    from benchmark.bundle import load, verify

    folder = made.bundle(axis, step)
    try:
        if json.loads(_record(folder).read_bytes()) != _making(made, axis, step):
            return None
        bundle = load(folder)
        same = bundle.features.made_by == made.truth.features.made_by
    except (OSError, ValueError, BenchmarkError):
        return None
    if not same or not made.picture(axis, step).exists() or verify(folder):
        return None
    made.note(f"{axis}, {AXES[axis].says(step)}: its bundle is there and sound")
    return bundle

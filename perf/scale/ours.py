"""One clip through `curate_source` in this process: processor seconds of each stage and of the face models inside."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

from perf.scale.clock import Spent, Timed, used

if TYPE_CHECKING:
    from manifests.recipe import Recipe

SAME = ("probe", "shots", "faces", "labels", "clips", "select", "export")  # what the usual way makes, too


@dataclass
class Ours:
    """What curating some clips took.

    Attributes:
        stages: processor seconds of each stage; the shared decode is booked on `probe`.
        models: of these the detector's and the landmark model's.
        total: processor seconds of everything.
        frames, decoded, exported: of the sources; decoded by the analysis; decoded for exports.
        clips: kept ones.
        clip_bytes, table_bytes: what is left on the disk: exported clips, and everything else (a file with two names
            once); it is also the peak, for nothing is deleted.
        snapshot: of the total, processor seconds of joining the tables of all sources.
        parts: table -> bytes.
    """

    stages: Spent = field(default_factory=Spent)
    models: Spent = field(default_factory=Spent)
    total: float = 0.0
    frames: int = 0
    decoded: int = 0
    exported: int = 0
    clips: int = 0
    clip_bytes: int = 0
    table_bytes: int = 0
    snapshot: float = 0.0
    parts: dict[str, int] = field(default_factory=dict)

    @property
    def outside(self) -> float:
        """Processor seconds of the stages that make what the usual way makes, without the two models."""
        return sum(self.stages.seconds.get(name, 0.0) for name in SAME) - self.models.total

    @property
    def outside_all(self) -> float:
        """Processor seconds of everything, without the two models."""
        return self.total - self.models.total

    @property
    def analysis(self) -> float:
        """Processor seconds of everything but the export."""
        return self.total - self.stages.seconds.get("export", 0.0)


def curate(paths: list[Path], out: Path, crops: tuple[int, int] | None = None) -> Ours:
    """Curate clips one after the other, each by itself as a worker does; models are opened before the clock runs.

    Args:
        paths: videos.
        out: an empty folder.
        crops: (px, frames/s): clips are squares around the face of that size and rate; None exports whole pictures.
    """
    import curation.one_source
    from curation.stages import faces
    from manifests.store import Store

    found = Ours()
    detector, second, landmarker = faces._models()
    with ExitStack() as patches:
        models = (
            Timed(detector, lambda s: _add(found.models, "detector", s)),
            Timed(second, lambda s: _add(found.models, "detector", s)),
            Timed(landmarker, lambda s: _add(found.models, "landmarks", s)),
        )
        patches.enter_context(patch.object(faces, "_models", lambda: models))
        # A stage's seconds are the processor's here: on a busy machine those of the clock say nothing.
        clock = SimpleNamespace(monotonic=time.process_time)
        patches.enter_context(patch.object(curation.one_source, "time", clock))
        recipe = _recipe(crops)
        for path in paths:
            _one(path, out, recipe, found)
        started = used()
        Store(out).snapshot(recipe.resolved())
        found.snapshot = used() - started
        found.total += found.snapshot
    _weigh(out, found)
    return found


def warm(path: Path, out: Path) -> None:
    """Curate a clip for the first time in this process: opens all models and packages, before anything is measured."""
    curate([path], out)


def _recipe(crops: tuple[int, int] | None) -> "Recipe":
    from manifests.recipe import load_recipe

    recipe = load_recipe("talking-head")
    if crops is None:
        return recipe
    side, fps = crops
    export = recipe.export.model_copy(update={"crop": "face", "size": [side, side], "fps": fps})
    return recipe.model_copy(update={"export": export})


def _one(path: Path, out: Path, recipe: "Recipe", found: Ours) -> None:
    from curation.one_source import curate_source
    from curation.pipeline import build
    from curation.task import Task
    from manifests.schema import make_id

    (out / "clips").mkdir(parents=True, exist_ok=True)
    pipeline = build(recipe)
    source, facts = make_id("source", path.name), path.stat()
    task = Task(out, pipeline, source, path.name, path, str(path), "0" * 64, facts.st_size, facts.st_mtime_ns)
    started = used()
    done = curate_source(task)
    found.total += used() - started
    found.frames += done.frames
    found.decoded += done.analysed
    found.exported += done.exported
    found.clips += done.clips
    for stage, seconds in done.seconds.items():
        _add(found.stages, stage, seconds)


def _add(spent: Spent, name: str, seconds: float) -> None:
    spent.seconds[name] = spent.seconds.get(name, 0.0) + seconds


def _weigh(out: Path, found: Ours) -> None:
    seen: set[int] = set()
    for path in sorted(out.rglob("*"), key=lambda path: "parts" not in path.parts):
        if not path.is_file() or path.stat().st_ino in seen:
            continue
        seen.add(path.stat().st_ino)
        size = path.stat().st_size
        if path.parent == out / "clips":
            found.clip_bytes += size
            continue
        found.table_bytes += size
        if path.suffix == ".parquet" and "parts" in path.parts:
            table = path.name.split("-")[0]
            found.parts[table] = found.parts.get(table, 0) + size

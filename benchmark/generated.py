"""Lets a MoEE model make the videos of a test set: what is there already is kept, a bad clip costs itself only."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.errors import BenchmarkError
from benchmark.making import ClipTask, Settings, make_clip
from benchmark.places import cache_folder
from benchmark.systems import MadeBy, Model, System

if TYPE_CHECKING:
    from benchmark.bundle import Bundle
    from benchmark.cluster import Cluster
    from benchmark.model_on_nodes import ModelOnNodes
    from benchmark.protocol import Protocol
    from benchmark.testset import TestClip, TestSet

_MADE: Final = "generated/1"  # another way to give a model its inputs gets another number
_QUIET_SECONDS: Final = 30.0
Note = Callable[[str], None]


@dataclass
class Generated:
    """The videos that a model made.

    videos: their folder. made_by: the model and its settings. trained_on: its own training list; None without one.
    unmade: clip id -> why it has no video. kept: how many were there already.
    """

    videos: Path
    made_by: MadeBy
    trained_on: frozenset[str] | None
    unmade: dict[str, str] = field(default_factory=dict)
    kept: int = 0


def score_model(
    protocol: str | Path,
    system: System,
    settings: Settings,
    real: Path,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int = 1,
    allow_failures: bool = False,
    allow_fewer: bool = False,
    partial: bool = False,
    seeded: bool = False,
    note: Note = lambda text: None,
    cluster: Cluster | None = None,
) -> Bundle:
    """Let a model make the videos of a protocol's test set, score them and write the bundle.

    Args:
        protocol, real, out, cache, workers, allow_failures, allow_fewer, partial, seeded, note, cluster: see
            `benchmark.run.run`; the nodes of a cluster also make the videos, and see the model's folder.
        system: its name, and what it was trained on where that is not the model's own list.
        settings: the model and how it makes videos.

    Raises:
        BenchmarkError: the model cannot be opened, or as `benchmark.run.run`.
    """
    from benchmark.plan import plan
    from benchmark.protocol import load_protocol
    from benchmark.run import run, test_set

    chosen = load_protocol(protocol)
    plan(chosen.metrics, partial, seeded)  # what is missing for the scores is said before an hour of generation
    model = settings.open() if cluster is None else _on_nodes(settings, cluster, cache_folder(cache))
    folder, testset = test_set(real, chosen, cache, workers, allow_fewer, note, cluster)
    made = generate(model, chosen, folder, testset, cache, note)
    trained_on = made.trained_on if system.trained_on is None else system.trained_on
    return run(
        protocol, replace(system, model=made.made_by, trained_on=trained_on), made.videos, folder, out, cache=cache,
        workers=workers, allow_failures=allow_failures, partial=partial, seeded=seeded, unmade=made.unmade, note=note,
        cluster=cluster,
    )  # fmt: skip


def _on_nodes(settings: Settings, cluster: Cluster, shared: Path) -> ModelOnNodes:
    from benchmark.model_on_nodes import ModelOnNodes

    return ModelOnNodes(settings, cluster, shared)


def generate(
    model: Model | ModelOnNodes,
    protocol: Protocol,
    folder: Path,
    testset: TestSet,
    cache: Path | None = None,
    note: Note = lambda text: None,
) -> Generated:
    """Make a video for every clip of a test set, from what any system is given: reference, sound, label.

    Args:
        model: opened here, or on the nodes of a cluster.
        protocol: in which form, and whether the label is told.
        folder: of the test set. testset: its list.
        cache: gets `generated/...`, a folder of its own for every model, setting and list; None: the user's cache.
        note: takes sentences for the user.

    Raises:
        BenchmarkError: the protocol's pictures are not square, or the folder cannot be written.
    """
    from manifests.errors import ManifestError
    from manifests.files import make_folder, plain_errors

    width, height = protocol.clip.size
    if width != height:
        raise BenchmarkError(f"{protocol.name} asks for {width}x{height} px: a MoEE model makes square pictures.")
    made_by = model.made_by
    out = cache_folder(cache) / "generated" / f"{protocol.name}-{testset.sha256[:12]}-{_key(made_by, protocol)[:16]}"
    try:
        with plain_errors(out):
            make_folder(out)
    except ManifestError as error:
        raise BenchmarkError(str(error)) from error
    found = Generated(out, made_by, model.trained_on)
    tasks: list[ClipTask] = []
    asked: dict[str, None] = {}
    there = {path.name for path in out.iterdir()}
    for clip in testset.clips:
        instead = model.told(_label(clip, protocol))
        if instead is not None:
            asked[instead] = None
        if f"{clip.id}.mp4" in there:
            found.kept += 1
        elif clip.audio is None:
            found.unmade[clip.id] = "its ground truth has no sound, which the model needs."
        else:
            tasks.append(_task(protocol, folder, clip, clip.audio, out))
    _make(model, tasks, found, count=len(testset.clips), note=note)
    found.made_by = replace(made_by, marks=(*made_by.marks, *asked))
    made = len(testset.clips) - found.kept - len(found.unmade)
    note(f"{made} videos made, {found.kept} were there, {len(found.unmade)} failed")
    return found


def _key(made_by: MadeBy, protocol: Protocol) -> str:
    """Changes with everything that a video depends on, but for the clip."""
    told = [_MADE, asdict(made_by), str(protocol.clip.fps), list(protocol.clip.size), protocol.condition]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _label(clip: TestClip, protocol: Protocol) -> str | None:
    return clip.label if protocol.condition == "label" else None


def _task(protocol: Protocol, folder: Path, clip: TestClip, sound: str, out: Path) -> ClipTask:
    form = protocol.clip
    return ClipTask(
        (folder / clip.reference).absolute(), (folder / sound).absolute(), _label(clip, protocol),
        (out / f"{clip.id}.mp4").absolute(), clip.frames, form.fps, form.size[0],
    )  # fmt: skip


def _make(model: Model | ModelOnNodes, tasks: list[ClipTask], found: Generated, count: int, note: Note) -> None:
    """Make the videos that are missing; those that cannot be made are told with the clip."""
    spoke, settled = time.monotonic(), count - len(tasks)
    for done, (place, why) in enumerate(_ends(model, tasks, found.videos), 1):
        if why is not None:
            found.unmade[tasks[place].target.stem] = why
        if time.monotonic() - spoke >= _QUIET_SECONDS:
            spoke = time.monotonic()
            note(f"{settled + done} of {count} clips are generated")
    found.unmade = dict(sorted(found.unmade.items()))


def _ends(model: Model | ModelOnNodes, tasks: list[ClipTask], out: Path) -> Iterator[tuple[int, str | None]]:
    """The number of each clip, and why it has no video, as they come."""
    if isinstance(model, Model):
        return enumerate(make_clip(model, task) for task in tasks)
    return model.made(tasks, out.absolute())

"""Lets a MoEE model make the videos of a test set: what is there already is kept, a bad clip costs itself only."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.errors import BenchmarkError
from benchmark.places import cache_folder
from benchmark.systems import MadeBy, Model, System

if TYPE_CHECKING:
    from benchmark.bundle import Bundle
    from benchmark.protocol import Protocol
    from benchmark.testset import TestClip, TestSet

_MADE: Final = "generated/1"  # another way to give a model its inputs gets another number
_QUIET_SECONDS: Final = 30.0
_OF_CLIP: Final = (BenchmarkError, ArithmeticError, MemoryError, RuntimeError, ValueError)
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


@dataclass(frozen=True)
class Settings:
    """Which model, and how it makes videos. place: folder or hub id; the others as for `moee generate`."""

    place: str
    steps: int = 20
    guidance: float = 3.5
    seed: int = 0
    device: str = "auto"


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
) -> Bundle:
    """Let a model make the videos of a protocol's test set, score them and write the bundle.

    Args:
        protocol, real, out, cache, workers, allow_failures, allow_fewer, partial, seeded, note: see
            `benchmark.run.run`.
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
    model = Model(settings.place, settings.steps, settings.guidance, settings.seed, settings.device)
    folder, testset = test_set(real, chosen, cache, workers, allow_fewer, note)
    made = generate(model, chosen, folder, testset, cache, note)
    trained_on = made.trained_on if system.trained_on is None else system.trained_on
    return run(
        protocol, replace(system, model=made.made_by, trained_on=trained_on), made.videos, folder, out, cache=cache,
        workers=workers, allow_failures=allow_failures, partial=partial, seeded=seeded, unmade=made.unmade, note=note,
    )  # fmt: skip


def generate(
    model: Model,
    protocol: Protocol,
    folder: Path,
    testset: TestSet,
    cache: Path | None = None,
    note: Note = lambda text: None,
) -> Generated:
    """Make a video for every clip of a test set, from what any system is given: reference, sound, label.

    Args:
        model: opened.
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
    asked: dict[str, None] = {}
    spoke, count = time.monotonic(), len(testset.clips)
    for done, clip in enumerate(testset.clips):
        if time.monotonic() - spoke >= _QUIET_SECONDS:
            spoke = time.monotonic()
            note(f"{done} of {count} clips are generated")
        instead = model.told(_label(clip, protocol))
        if instead is not None:
            asked[instead] = None
        _make(model, protocol, folder, clip, found)
    found.made_by = replace(made_by, marks=(*made_by.marks, *asked))
    note(f"{count - found.kept - len(found.unmade)} videos made, {found.kept} were there, {len(found.unmade)} failed")
    return found


def _key(made_by: MadeBy, protocol: Protocol) -> str:
    """Changes with everything that a video depends on, but for the clip."""
    told = [_MADE, asdict(made_by), str(protocol.clip.fps), list(protocol.clip.size), protocol.condition]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _label(clip: TestClip, protocol: Protocol) -> str | None:
    return clip.label if protocol.condition == "label" else None


def _make(model: Model, protocol: Protocol, folder: Path, clip: TestClip, found: Generated) -> None:
    target = found.videos / f"{clip.id}.mp4"
    if target.is_file():
        found.kept += 1
        return
    if clip.audio is None:
        found.unmade[clip.id] = "its ground truth has no sound, which the model needs."
        return
    form = protocol.clip
    try:
        model.make(
            folder / clip.reference, folder / clip.audio, _label(clip, protocol), target, clip.frames, form.fps,
            form.size[0],
        )  # fmt: skip
    except _OF_CLIP as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        found.unmade[clip.id] = f"the model could not make its video: {said}"

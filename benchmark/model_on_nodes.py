"""A MoEE model on the nodes of a cluster: one worker says what it is, and each worker opens it once and makes clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import BenchmarkError
from benchmark.making import ClipTask, Settings, make_clip
from benchmark.systems import MadeBy, Model

if TYPE_CHECKING:
    from benchmark.cluster import Cluster
    from curation.stage import Resources


@dataclass(frozen=True)
class _Facts:
    """What a worker says of the model that it opened."""

    made_by: MadeBy
    trained_on: frozenset[str] | None


@dataclass(frozen=True)
class _Task:
    """A clip, the model that makes it, and what that model is."""

    settings: Settings
    made_by: MadeBy
    clip: ClipTask


class ModelOnNodes:
    """A model that no process of this machine opens.

    Args:
        settings: which one; a folder is seen by all nodes.
        cluster: whose nodes open it: on a GPU where the cluster has any, unless the settings name a processor.
        shared: a folder that all nodes see, for what is looked up of them.

    Raises:
        BenchmarkError: it cannot be opened, or as `benchmark.cluster.Cluster.run`.
    """

    def __init__(self, settings: Settings, cluster: Cluster, shared: Path) -> None:
        place = Path(settings.place)
        self._read = [place.absolute()] if place.exists() else []
        self._settings = replace(settings, place=str(place.absolute())) if place.exists() else settings
        self._cluster, self._shared = cluster, shared.absolute()
        self._facts  # noqa: B018 - what is wrong with the model is said before anything is made for it

    @property
    def made_by(self) -> MadeBy:
        """See `benchmark.systems.Model.made_by`."""
        return self._facts.made_by

    @property
    def trained_on(self) -> frozenset[str] | None:
        """See `benchmark.systems.Model.trained_on`."""
        return self._facts.trained_on

    def told(self, label: str | None) -> str | None:
        """See `benchmark.systems.Model.told`."""
        return Model.told(label)

    def made(self, clips: Sequence[ClipTask], folder: Path) -> Iterator[tuple[int, str | None]]:
        """Make clips' videos; see `benchmark.making.made`."""
        from benchmark.extract.workers import times

        tasks = [_Task(self._settings, self.made_by, clip) for clip in clips]
        read = sorted({path.parent for clip in clips for path in (clip.reference, clip.sound)})
        ends = self._cluster.run(_make, tasks, self._needs, shared=[folder], read=[*self._read, *read])
        for end in ends:
            if end.error is not None:
                raise end.error
            died = None if end.died is None else f"the process that made it ended ({end.died}), {times(end.attempts)}."
            yield end.index, died or end.value

    @cached_property
    def _facts(self) -> _Facts:
        ends = self._cluster.run(_describe, [self._settings], self._needs, shared=[self._shared], read=self._read)
        (end,) = ends
        if end.died is not None:
            raise BenchmarkError(
                f"The process that opened the model {self._settings.place} ended ({end.died}): see whether the nodes "
                "have the memory for it."
            )
        if end.error is not None:
            raise end.error
        facts: _Facts = end.value
        return facts

    @property
    def _needs(self) -> Resources:
        from benchmark.cluster import GENERATION

        return replace(GENERATION, gpus=0.0) if self._settings.device == "cpu" else GENERATION


@lru_cache(maxsize=1)
def _opened(settings: Settings) -> Model:
    """In a worker: the model, opened once for all clips that it is given."""
    return settings.open()


def _describe(settings: Settings) -> _Facts:
    model = _opened(settings)
    return _Facts(model.made_by, model.trained_on)


def _make(task: _Task) -> str | None:
    model = _opened(task.settings)
    if model.made_by != task.made_by:
        raise BenchmarkError(
            f"The nodes do not make the same videos: one has the model {_said(model.made_by)}, another "
            f"{_said(task.made_by)}. Give all nodes the same program, model and kind of processor."
        )
    if task.clip.target.is_file():  # made before the process that made it was lost
        return None
    return make_clip(model, task.clip)


def _said(made_by: MadeBy) -> str:
    return f"{made_by.sha256[:12]} run by {made_by.code[:12]} on {made_by.device} ({made_by.precision})"

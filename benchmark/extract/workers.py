"""Who does the units of an extraction: this process, processes of this machine, or the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.errors import BenchmarkError
from benchmark.extract.models import lacking
from benchmark.extract.network import NetworkExtractor
from benchmark.extract.registry import extractors
from benchmark.extract.units import Done, Unit
from benchmark.extract.work import work

if TYPE_CHECKING:
    from benchmark.cluster import Cluster
    from curation.engines.item import Finished


def worked(
    units: Sequence[Unit], workers: int, cluster: Cluster | None, weights: Mapping[str, Sequence[str]]
) -> Iterator[tuple[int, Done]]:
    """The number of each unit and what became of it, as they come.

    Args:
        workers: processes of this machine; 1 works in this one.
        cluster: that does the work instead.
        weights: extractor -> `name@sha256` of its models on this machine, which keys and results are named by.

    Raises:
        BenchmarkError: a model cannot be opened, the cache cannot be written, or a node cannot take part.
    """
    if cluster is not None:
        ends = _on_nodes(units, cluster, weights)
    elif workers == 1 or len(units) < 2:
        yield from enumerate(map(work, units))
        return
    else:
        ends = _here(units, workers)
    for end in ends:
        if end.error is not None:
            raise end.error
        if end.died is not None:
            died = f"its worker ended ({end.died}), {times(end.attempts)}: run again with fewer workers."
            yield end.index, Done(defects={job.video: died for job in units[end.index].videos})
        else:
            yield end.index, end.value


def times(count: int) -> str:
    """1 -> once, 2 -> twice, 3 -> 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _here(units: Sequence[Unit], workers: int) -> Iterator[Finished]:
    why = lacking((), ("pebble",), "curation")
    if why:
        raise BenchmarkError(f"Only one worker can be used: {why}")
    from curation.engines.local import LocalEngine

    return LocalEngine(workers).run(work, units)


def _on_nodes(units: Sequence[Unit], cluster: Cluster, weights: Mapping[str, Sequence[str]]) -> Iterator[Finished]:
    from benchmark.cluster import FEATURES, NETWORKS

    known = extractors()
    needs = NETWORKS if any(isinstance(known[name], NetworkExtractor) for name in weights) else FEATURES
    same = _SameModels(tuple((name, tuple(found)) for name, found in weights.items()))
    read = sorted({job.path.parent for unit in units for job in unit.videos})
    shared = sorted({unit.cache for unit in units})
    return cluster.run(work, units, needs, shared=shared, read=read, ready=same)


@dataclass(frozen=True)
class _SameModels:
    """Whether a node has the models that results are named by."""

    weights: tuple[tuple[str, tuple[str, ...]], ...]

    def __call__(self) -> str | None:
        known = extractors()
        for name, wanted in self.weights:
            why = known[name].missing()
            if why:
                return f"the extractor {name} cannot run on it: {why}"
            if tuple(known[name].weights()) != wanted:
                return (
                    f"its models for {name} are other ones than those of this machine: copy the weights to all nodes."
                )
        return None

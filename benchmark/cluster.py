"""Work on the nodes of a Ray cluster: what each kind of it needs, lots for GPUs, nodes that see the same folders."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmark.errors import BenchmarkError
from curation.engines.item import Engine, Finished, report_progress
from curation.stage import Resources
from manifests.text import printable

PICTURES: Final = Resources(cpus=1.0, memory=1 << 30)
"""To decode, change and encode the pictures of one clip."""
FEATURES: Final = Resources(cpus=1.0, memory=2 << 30)
"""To extract the features of one pair of videos, without published networks."""
NETWORKS: Final = Resources(cpus=1.0, gpus=0.25, memory=3 << 30)
"""The same with published networks."""
GENERATION: Final = Resources(cpus=1.0, gpus=1.0, memory=4 << 30)
"""To make a clip's video with a model."""
ROUNDS: Final = 4  # lots per place on a GPU: what the last one lets the others wait for is a quarter of the run at most
LARGEST_LOT: Final = 16
_MARK: Final = b"While this file is here, nodes of a cluster look for it; it may be removed.\n"


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster whose nodes see the folders of a run under the same paths.

    Args:
        address: `auto` (the one that runs on this machine, or that RAY_ADDRESS names), `HOST:PORT`, or None: a Ray of
            its own on this machine.
        workers: tasks at once, at most; 0 for as many as the cluster has room for.
        attempts: how often a task may lose its process or its node before it is given up.
    """

    address: str | None = None
    workers: int = 0
    attempts: int = 3

    def run(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        needs: Resources,
        *,
        shared: Sequence[Path],
        read: Sequence[Path] = (),
        ready: Callable[[], str | None] | None = None,
    ) -> Iterator[Finished]:
        """Yield each item's end as it comes; an item whose process died `attempts` times has `died`.

        Ray ends a process after each task that held a share of a GPU, so items come to a GPU in lots: models are
        opened once for each. The items of a lot that died are done again, each alone.

        Args:
            function: importable by name, called with one item.
            items: picklable and small; paths in them are absolute.
            needs: of one item; GPUs only count where the cluster has any.
            shared: folders that items write to, made if missing.
            read: files and folders that they read.
            ready: asked once in every process; a sentence says why its node cannot do this work.

        Raises:
            BenchmarkError: no cluster answers, no node has what is needed, or one does not see the folders, holds
                another version of this program, or is not ready: the sentence names it.
        """
        from curation.engines.cluster import RayEngine

        if not items:
            return
        gpus = float(self.join().cluster_resources().get("GPU", 0)) if needs.gpus else 0.0
        needs = replace(needs, gpus=min(needs.gpus, gpus))
        size = _lot_size(len(items), int(gpus // needs.gpus)) if needs.gpus else 1
        engine = RayEngine(self.address, self.workers, self.attempts, resources=needs)
        with _ours(), _marked(shared) as marks:
            seen = (*marks, *(_first_file(path) for path in read if path.exists()))
            yield from _ends(engine, _Lot(function, seen, _program(), ready), items, size)

    def join(self) -> Any:
        """Join the cluster, or start the one of this machine; gives the module `ray`.

        Raises:
            BenchmarkError: Ray is not installed, or nothing answers at the address.
        """
        from curation.engines.cluster import connect

        with _ours():
            return connect(self.address, self.workers)


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    from curation.errors import CurationError

    try:
        yield
    except CurationError as error:
        raise BenchmarkError(str(error)) from error


def _lot_size(items: int, places: int) -> int:
    return max(1, min(LARGEST_LOT, items // (ROUNDS * max(1, places))))


def _ends(engine: Engine, work: _Lot, items: Sequence[Any], size: int) -> Iterator[Finished]:
    """Lots, then one by one what was in a lot whose process died."""
    lots = [range(first, min(first + size, len(items))) for first in range(0, len(items), size)]
    alone: list[range] = []
    for end in engine.run(work, [[items[place] for place in lot] for lot in lots]):
        lot = lots[end.index]
        if end.died is not None and len(lot) > 1:
            alone += [range(place, place + 1) for place in lot]
        else:
            yield from _of_lot(end, lot)
    for end in engine.run(work, [[items[place] for place in lot] for lot in alone]) if alone else ():
        yield from _of_lot(end, alone[end.index])


def _of_lot(end: Finished, lot: range) -> Iterator[Finished]:
    if end.error is not None:
        raise end.error  # of the node: items' own errors are part of the value
    if end.died is not None:
        yield Finished(lot[0], died=end.died, attempts=end.attempts)
        return
    for place, (value, error) in zip(lot, end.value, strict=True):
        yield Finished(place, value=value, error=error, attempts=end.attempts)


# --- what a node must have -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """A file that every node must see: its path, and its size where it does not change."""

    path: Path
    bytes: int | None


@dataclass(frozen=True)
class _Program:
    """What the numbers depend on beside the inputs."""

    source: str
    packages: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Lot:
    """A task: some items, after a look at the node."""

    function: Callable[[Any], Any]
    seen: tuple[_Seen, ...]
    program: _Program
    ready: Callable[[], str | None] | None

    def __call__(self, lot: Sequence[Any]) -> list[tuple[Any, BaseException | None]]:
        _look_at_node(self)
        done: list[tuple[Any, BaseException | None]] = []
        for item in lot:
            try:
                done.append((self.function(item), None))
            except Exception as error:
                done.append((None, error))
            report_progress(len(done) / len(lot))
        return done


_looked_at: set[tuple[_Seen, ...]] = set()  # in a worker process; marks make each run's another one


def _look_at_node(work: _Lot) -> None:
    if work.seen in _looked_at:
        return
    why = _unseen(work.seen) or _other_program(work.program) or (work.ready and work.ready())
    if why:
        import socket

        raise BenchmarkError(f"The node {socket.gethostname()} cannot take part: {why}")
    _looked_at.add(work.seen)


def _unseen(seen: Sequence[_Seen]) -> str | None:
    for one in seen:
        try:
            size = one.path.stat().st_size
        except OSError:
            size = -1
        if size < 0 or (one.bytes is not None and size != one.bytes):
            folder = one.path.parent
            return (
                f"it does not see what this machine has in {printable(str(folder))}. Every node must see cache, test "
                "set, videos and results under the same path: put them on a shared disk (NFS, Lustre) and name it "
                "with --cache."
            )
    return None


def _other_program(program: _Program) -> str | None:
    own = _program()
    if own.source != program.source:
        return "it holds another version of this program: install the same one on all nodes."
    here, there = dict(program.packages), dict(own.packages)
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            return (
                f"it has {name} {there.get(name, '(none)')} where this machine has {here.get(name, '(none)')}, and "
                "numbers may depend on it: install the same packages on all nodes."
            )
    return None


@cache
def _program() -> _Program:
    from benchmark.bundle import code, packages

    return _Program(code().source, tuple(sorted(packages().items())))


def _first_file(path: Path) -> _Seen:
    """The path itself, or the first file of a folder."""
    if not path.is_dir():
        return _Seen(path, path.stat().st_size)
    files = (one for one in sorted(path.iterdir()) if one.is_file() and not one.name.startswith("."))
    first = next(files, None)
    return _Seen(path, None) if first is None else _Seen(first, first.stat().st_size)


@contextlib.contextmanager
def _marked(folders: Sequence[Path]) -> Iterator[tuple[_Seen, ...]]:
    """Put a file into each folder that only those who share it can see."""
    from manifests.errors import ManifestError
    from manifests.files import make_folder, plain_errors

    marks: list[_Seen] = []
    try:
        for folder in dict.fromkeys(folders):
            try:
                with plain_errors(folder):
                    make_folder(folder)
                    mark = folder / f".tmp-{os.getpid()}-{os.urandom(8).hex()}-nodes"
                    mark.write_bytes(_MARK)
            except ManifestError as error:
                raise BenchmarkError(str(error)) from error
            marks.append(_Seen(mark, len(_MARK)))
        yield tuple(marks)
    finally:
        for one in marks:
            one.path.unlink(missing_ok=True)

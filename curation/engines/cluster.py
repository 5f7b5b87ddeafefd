"""The Ray engine: an item is a task of a Ray cluster; where it runs and when it is tried again is Ray's to decide.

A task whose process or node dies is started again elsewhere, up to a cap; then the item ends as died, and all others go
on. Arguments and results are small: media never pass through Ray's object store.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from curation.engines.hosts import Hosted, served, start
from curation.engines.item import Finished, Limits, working
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.stage import Resources

POLL_SECONDS: Final = 0.25
ASK_SECONDS: Final = 1.0  # between looks at the cluster's progress and size
AHEAD: Final = 2  # tasks given to Ray per slot: none idles, an autoscaler sees demand, and 18,000 tasks are not polled
STORE_BYTES: Final = 256 << 20  # of the object store where this engine starts Ray itself: only small things travel
TELL_SECONDS: Final = 1.0  # between two reports of one worker
HOW: Final = "pip install -c requirements/constraints.txt -e '.[cluster]'"
AUTO: Final = "auto"
KNOCK_SECONDS: Final = 10.0


class RayEngine:
    """Runs a function over items as tasks of a Ray cluster.

    Args:
        address: of the cluster: `auto` (the one that runs on this machine, or that RAY_ADDRESS names), `HOST:PORT`, or
            None: a Ray of its own on this machine.
        workers: items at once, at most; 0 for as many as the cluster has cores for.
        attempts: how often an item may lose its process or its node before it is given up.
        limits: what an item may take.
        resources: what an item needs of a node (GPUs for the item itself, not for models in actors).
        models: models that may live in actors of their own, by name; see `curation.engines.hosts`.
        actors: for each of them; 0: one per GPU of the cluster for those that use one.

    Raises:
        CurationError: Ray is not installed, there is no cluster at the address, or no node has the resources.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int = 0,
        attempts: int = 3,
        limits: Limits | None = None,
        resources: Resources | None = None,
        models: Mapping[str, Hosted] | None = None,
        actors: int = 0,
    ) -> None:
        self.address = address
        self.workers = workers
        self.attempts = attempts
        self.limits = limits or Limits()
        self.resources = resources
        self.models = models or {}
        self.actors = actors

    def run(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        tick: Callable[[Sequence[float]], None] | None = None,
    ) -> Iterator[Finished]:
        """Yield each item's end as it comes; see `curation.engines.item.Engine`."""
        connect(self.address, self.workers)
        run = _Run(self, function, items)
        try:
            yield from run.ends(tick)
        finally:
            run.stop()


def connect(address: str | None, workers: int = 0) -> Any:
    """Join a cluster, or start one of its own on this machine; does nothing when that is done.

    Raises:
        CurationError: Ray is not installed, or nothing answers at the address.
    """
    try:
        # one killed worker is reported by the engine; what Ray would say of it on stderr is long and says no more
        os.environ.setdefault("RAY_DEDUP_LOGS", "1")
        import ray
    except ImportError as error:
        raise CurationError(f"--engine ray needs Ray ({error}): {HOW}") from None
    if ray.is_initialized():
        return ray
    _hush()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    if address is None and not os.environ.get("RAY_ADDRESS"):
        from manifests.processes import usable_cores

        os.environ.setdefault("RAY_task_oom_retries", "2")  # else a source that eats all memory is tried for ever
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15: beside another program they would get a quarter of it
        ray.init("local", num_cpus=workers or usable_cores(), object_store_memory=STORE_BYTES, **quiet)
        return ray
    try:
        quiet.pop("include_dashboard")
        _knock(address or os.environ["RAY_ADDRESS"])
        ray.init(address or AUTO, **quiet)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        first = str(error).strip().splitlines()[0][:200]
        raise CurationError(
            f"no Ray cluster answers at {address or os.environ.get('RAY_ADDRESS')!r} ({first}): start one with "
            "`ray start --head`, give RAY_AUTH_TOKEN the token that its nodes have, or leave --address away to use "
            "this machine alone"
        ) from None
    return ray


def _knock(address: str) -> None:
    """Raise OSError when nobody listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


def _hush() -> None:
    """Ray prints what happened to its processes on stdout, whatever is asked: it would spoil `--json`.

    There is no public switch (ray 2.60, `listen_error_messages`); where this one goes, only the quiet goes with it.
    """
    import ray._private.worker as worker

    if hasattr(worker, "_worker_logs_enabled"):
        worker._worker_logs_enabled = False


class _Run:
    """One call of `run`: what waits, what Ray has, what is known of each."""

    def __init__(self, engine: RayEngine, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ray = connect(engine.address, engine.workers)
        self.ray, self.engine, self.items = ray, engine, items
        needs = engine.resources
        self.cpus = needs.cpus if needs else 1.0
        self.memory = needs.memory if needs else 0
        self.gpus = needs.gpus if needs else 0.0
        self._check_room()
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board = ray.remote(num_cpus=0, scheduling_strategy=here)(_Board).remote(len(items))
        options: dict[str, Any] = {"num_cpus": self.cpus, "max_retries": engine.attempts - 1, "retry_exceptions": False}
        if self.memory:
            options["memory"] = self.memory
        if self.gpus:
            options["num_gpus"] = self.gpus
        self.task = ray.remote(**options)(_call)
        self.hosts = start(engine.models, engine.actors, ray.cluster_resources().get("GPU", 0.0))
        self.function = ray.put(function)
        self.waiting = deque(range(len(items)))
        self.running: dict[Any, int] = {}
        self.slots, self.asked = 1, 0.0
        self.shares: list[float] = [0.0] * len(items)

    def ends(self, tick: Callable[[Sequence[float]], None] | None) -> Iterator[Finished]:
        while self.waiting or self.running:
            self._ask()
            while self.waiting and len(self.running) < self._most():
                self._submit(self.waiting.popleft())
            done, _ = self.ray.wait(list(self.running), num_returns=len(self.running), timeout=POLL_SECONDS)
            for reference in done:
                end = self._end(reference, self.running.pop(reference))
                self.shares[end.index] = 1.0
                yield end
            if tick:
                tick(self.shares)

    def stop(self) -> None:
        """Take back what nobody waits for any more."""
        for reference in self.running:
            self.ray.cancel(reference, force=True)
        for actor in [self.board, *(handle for handles in self.hosts.values() for handle in handles)]:
            self.ray.kill(actor)

    def _most(self) -> int:
        """Tasks that Ray may have: with a cap on workers no more than that, else some for every free slot as well."""
        return self.engine.workers or AHEAD * self.slots

    def _submit(self, index: int) -> None:
        engine = self.engine
        reference = self.task.remote(self.function, index, self.items[index], engine.limits, self.board, self.hosts)
        self.running[reference] = index

    def _ask(self) -> None:
        """Look at the board and at the cluster, now and then."""
        if time.monotonic() - self.asked < ASK_SECONDS:
            return
        self.asked = time.monotonic()
        there = self.ray.cluster_resources()
        self.slots = max(1, int(there.get("CPU", 1) // self.cpus))
        if self.gpus:
            self.slots = max(1, min(self.slots, int(there.get("GPU", 0) / self.gpus)))
        for index, share in self.ray.get(self.board.shares.remote()).items():
            if self.shares[index] < 1.0:
                self.shares[index] = share

    def _end(self, reference: Any, index: int) -> Finished:
        from ray.exceptions import RayError, RayTaskError

        try:
            value, error = self.ray.get(reference)
        except RayTaskError as raised:  # before or after the function: its arguments or its result could not travel
            return Finished(index, error=raised.cause if isinstance(raised.cause, Exception) else raised)
        except RayError as raised:
            return self._died(index, raised)
        return Finished(index, value=value, error=error, attempts=self._attempts(index))

    def _died(self, index: int, error: BaseException) -> Finished:
        attempts, node, silent = self.ray.get(self.board.last.remote(index))
        kind = type(error).__name__.removesuffix("Error")
        what = {"WorkerCrashed": "crashed", "NodeDied": "node gone", "OutOfMemory": "out of memory"}.get(kind, kind)
        if what == "crashed" and self.engine.limits.stall and silent >= self.engine.limits.stall:
            what = "no progress"
        return Finished(index, died=f"{what}, last on {node}", attempts=max(attempts, 1))

    def _attempts(self, index: int) -> int:
        return max(1, self.ray.get(self.board.last.remote(index))[0])

    def _check_room(self) -> None:
        """A task that fits on no node would wait for ever, and nobody would know why."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        wanted = {"CPU": self.cpus, "memory": self.memory, "GPU": self.gpus}
        if any(all(node.get(name, 0) >= least for name, least in wanted.items()) for node in nodes):
            return
        if any("CPU" not in node for node in nodes) and len(nodes) == 1:
            return  # a head without cores, whose workers are yet to come
        raise CurationError(
            f"no node of the Ray cluster has {self.cpus:g} cores, {self.gpus:g} GPUs and {self.memory / 2**30:.1f} GiB "
            "of memory, which one task needs: give its nodes more (`ray start --num-cpus --num-gpus --memory`)"
        )


class _Board:
    """What the driver may look at: how far each item is, and where it was started how often. It holds no core."""

    def __init__(self, items: int) -> None:
        self.share: dict[int, float] = {}
        self.starts: dict[int, list[tuple[str, float]]] = {}
        self.heard: dict[int, float] = {}

    def started(self, index: int, node: str) -> None:
        self.starts.setdefault(index, []).append((node, time.monotonic()))
        self.share[index] = 0.0
        self.heard[index] = time.monotonic()

    def told(self, index: int, share: float) -> None:
        self.share[index] = share
        self.heard[index] = time.monotonic()

    def shares(self) -> dict[int, float]:
        """Those that changed since the last look."""
        shares, self.share = self.share, {}
        return shares

    def last(self, index: int) -> tuple[int, str, float]:
        """How often an item was started, where last, and s since it was heard of."""
        starts = self.starts.get(index) or [("an unknown node", time.monotonic())]
        return len(self.starts.get(index, ())), starts[-1][0], time.monotonic() - self.heard.get(index, starts[-1][1])


def _call(
    function: Callable[[Any], Any],
    index: int,
    item: Any,
    limits: Limits,
    board: Any,
    hosts: Mapping[str, Sequence[Any]],
) -> tuple[Any, BaseException | None]:
    """Work on one item in a worker process; an exception is a result, so that Ray does not try it again."""
    import ray

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    node = f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"
    ray.get(board.started.remote(index, node))  # waited for: what dies at once has been counted
    told = time.monotonic()

    def report(share: float) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            board.told.remote(index, share)

    try:
        with working(limits, report), served(hosts, index):
            return function(item), None
    except Exception as error:
        return None, error

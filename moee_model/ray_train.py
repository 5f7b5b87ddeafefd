"""A training in processes that Ray Train starts: the same function as under torchrun, in as many workers as asked for.

Ray places the workers, opens their process group and starts all of them again when one dies, up to a cap; they go on
from the newest checkpoint in `--out`, as with `--resume`. What they say travels over a desk, an actor beside the
driver: progress one way, the wish to stop the other. Import this module only where Ray is wanted.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from manifests.errors import ManifestError
from manifests.processes import usable_cores
from manifests.text import printable
from moee_model import checkpoint
from moee_model.errors import ModelError
from moee_model.ray_desk import Desk, Told
from moee_model.train import StoppedError
from moee_model.train_run import Job, Outcome, configs
from moee_model.train_run import run as train
from moee_model.train_watch import Watching

POLL_SECONDS: Final = 0.25
KNOCK_SECONDS: Final = 10.0
STORE_BYTES: Final = 128 << 20
"""Of the object store where Ray is started here: no data travels through it."""
FOLDER: Final = "ray"
"""In `--out`: what Ray Train writes about the run, for its own restarts."""


@dataclass(frozen=True)
class Cluster:
    """Where a training runs.

    Args:
        address: `auto`, `HOST:PORT`, or None: RAY_ADDRESS, or a Ray of its own on this machine.
        processes: how many train together; 0: one for each GPU of the cluster, one where there is none.
        restarts: how often all of them are started again after one died.
        device: `auto` (GPUs where the cluster has any), `cpu`, or `cuda`.
    """

    address: str | None = None
    processes: int = 0
    restarts: int = 3
    device: str = "auto"


@dataclass(frozen=True)
class _Work:
    """What a worker is given. desk: the actor."""

    job: Job
    device: str
    desk: Any


def run(job: Job, cluster: Cluster, watch: Watching) -> Outcome:
    """Train on a Ray cluster; blocks until it is done.

    Raises:
        ModelError: one sentence about what is wrong, or a worker died once more than allowed.
        moee_model.train.StoppedError: SIGTERM or Ctrl-C came.
    """
    job = _everywhere(job)
    if checkpoint.found(job.out / "checkpoints") and not job.resume:
        raise ModelError(f"{printable(str(job.out))} holds a run already: add --resume, or give another --out.")
    mine = _connect(cluster)
    try:
        scaling = _scaling(cluster, watch, mine)
        desk = _desk()
        device = ("cuda" if cluster.device == "cuda" else "auto") if scaling.use_gpu else "cpu"
        trainer = TorchTrainer(
            cast(Any, _work),
            train_loop_config={"work": _Work(replace(job, resume=True), device, desk)},
            scaling_config=scaling,
            torch_config=TorchConfig(backend="nccl" if scaling.use_gpu else "gloo"),
            run_config=RunConfig(
                name="train", storage_path=str(job.out / FOLDER),
                failure_config=FailureConfig(max_failures=cluster.restarts),
            ),
        )  # fmt: skip
        return _Driver(trainer, desk, watch, cluster.restarts).outcome()
    finally:
        ray.shutdown()


def _desk() -> Any:
    """The actor, on the driver's node; if it dies it comes again, and only what was on its way is lost."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote
    return remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(Desk).remote()


def _everywhere(job: Job) -> Job:
    """The job with paths that mean the same in every process of the cluster."""

    def absolute(place: str) -> str:
        return str(Path(place).resolve()) if Path(place).exists() else place

    parts = {part: absolute(place) for part, place in job.parts.items()}
    return replace(
        job, preset=absolute(job.preset), data=absolute(job.data), out=job.out.resolve(),
        features=job.features.resolve(), parts=parts,
    )  # fmt: skip


def _connect(cluster: Cluster) -> bool:
    """Join the cluster; whether it is one of our own."""
    for name in ("ray", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address is None and not os.environ.get("RAY_ADDRESS"):
        cores = max(usable_cores(), cluster.processes)
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15: beside another program it would get a quarter of it
        ray.init("local", num_cpus=cores, object_store_memory=STORE_BYTES, include_dashboard=False, **quiet)
        return True
    address = cluster.address or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        _knock(address)
        ray.init(address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"No Ray cluster answers at {printable(address)} ({printable(str(error).strip().splitlines()[0])}): start "
            "one with `ray start --head`, give this machine its token (~/.ray/auth_token, or RAY_AUTH_TOKEN), or leave "
            "--address away."
        ) from None
    return False


def _knock(address: str) -> None:
    """Raise OSError where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def _scaling(cluster: Cluster, watch: Watching, mine: bool) -> ScalingConfig:
    """One worker for each process, with a GPU of its own where there are any."""
    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0))
    on_gpu = cluster.device == "cuda" or (cluster.device == "auto" and gpus > 0)
    count = cluster.processes or max(1, gpus if on_gpu else 1)
    room = gpus if on_gpu else int(there.get("CPU", 0))
    if count > room:
        lacking = f"{count} processes need {count} {'GPUs' if on_gpu else 'cores'}, the Ray cluster has {room}"
        if mine:
            raise ModelError(f"{lacking}: lower --processes{', or give --device cpu' if on_gpu else ''}.")
        watch.note(f"{lacking}: waiting for more nodes")
    return ScalingConfig(num_workers=count, use_gpu=on_gpu)


def _work(config: dict[str, Any]) -> Outcome | None:
    """What every worker does; None where the run has ended with a sentence that is at the desk."""
    from moee_model.distributed import World

    work: _Work = config["work"]
    if ray.get(work.desk.ended.remote()):
        return None
    watch = Told(work.desk, ray.train.get_context().get_world_rank() == 0)
    world = World(configs(work.job)[1].parallel, None if work.device == "auto" else work.device)
    try:
        outcome = train(work.job, world, watch, watch.asked)
    except StoppedError as stopped:
        ray.get(work.desk.stopped.remote(str(stopped)))
        return None
    except (ModelError, ManifestError) as error:  # another attempt would end the same way
        ray.get(work.desk.failed.remote(str(error)))
        raise
    world.end()
    return outcome


class _Driver:
    """Waits for Ray Train, passes on what the workers say, and the signals that come meanwhile."""

    def __init__(self, trainer: Any, desk: Any, watch: Watching, restarts: int) -> None:
        self.trainer, self.desk, self.watch, self.restarts = trainer, desk, watch, restarts
        self.result: Any = None
        self.error: Exception | None = None
        self.begun = False
        self.signal = 0

    def outcome(self) -> Outcome:
        """The result; see `run`."""
        fit = threading.Thread(target=self._fit, daemon=True)  # Ray Train would take Ctrl-C for itself in the main one
        with self._signals():
            fit.start()
            while fit.is_alive():
                fit.join(POLL_SECONDS)
                self._pass_on()
        said = ray.get(self.desk.said.remote())
        if said.failed:
            raise ModelError(said.failed)
        if said.stopped:
            stopped = StoppedError(self.signal or signal.SIGTERM, 0)
            stopped.args = (said.stopped,)
            raise stopped
        if self.error is not None or self.result is None or self.result.return_value is None:
            raise self._why()
        found: Outcome = self.result.return_value
        return found

    def _fit(self) -> None:
        try:
            self.result = self.trainer.fit()
        except Exception as error:
            self.error = error

    def _pass_on(self) -> None:
        for name, arguments in ray.get(self.desk.news.remote()):
            self.begun = self.begun or name == "begin"
            getattr(self.watch, name)(*arguments)

    def _why(self) -> ModelError:
        said = str(self.error).strip() if self.error else "it gave no result"
        failures: dict[int, BaseException] = getattr(self.error, "worker_failures", {}) or {}
        first = next(iter(failures.values()), None)
        lines = [line.strip() for line in str(first if first is not None else said).splitlines() if line.strip()]
        cause = printable(lines[-1] if lines else said)[:300]
        again = f" {self.restarts + 1} times" if isinstance(self.error, TrainingFailedError) and failures else ""
        return ModelError(f"The training failed on Ray{again} ({cause}): the same command with --resume goes on.")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C let the workers end their step and write a checkpoint; before the first step, and when
        asked twice, everything ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: object) -> None:
            if not self.begun or (self.signal and number == signal.SIGINT):
                stopped = StoppedError(number, 0)
                stopped.args = ("The training was stopped: the same command with --resume goes on.",)
                raise stopped
            self.signal = number
            self.desk.stop.remote(number)

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

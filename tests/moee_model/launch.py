"""Starts `moee train` as users do, on several nodes too, and ends what it started, surely."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml

from moee_model.config import read
from tests.moee_model.numbered_clips import clips, make

ROOT = Path(__file__).parents[2]
SECONDS = 400
STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}  # else a node that joins later never learns where the first one is


class Started:
    """A command that runs, with everything that it starts.

    Attributes:
        out, err: files with what it says.
    """

    def __init__(self, command: Sequence[object], place: Path, log: str, **environment: str) -> None:
        self.out, self.err = place / f"{log}.out", place / f"{log}.err"
        plain = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)} | STORE
        with self.out.open("w") as out, self.err.open("w") as err:
            self.child = subprocess.Popen(
                [str(word) for word in command], cwd=place, env=os.environ | plain | environment,
                stdout=out, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._family: dict[int, psutil.Process] = {}
        self.family()

    def family(self) -> list[psutil.Process]:
        """It and all its descendants that were ever seen and still run."""
        try:
            itself = psutil.Process(self.child.pid)
            self._family |= {one.pid: one for one in [itself, *itself.children(recursive=True)]}
        except psutil.NoSuchProcess:
            pass
        return [one for one in self._family.values() if one.is_running()]

    def workers(self, named: str = "train") -> list[psutil.Process]:
        """Its descendants that have a word in their command line."""
        found = []
        for one in self.family():
            try:
                if one.pid != self.child.pid and any(named in word for word in one.cmdline()):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    def wait(self, seconds: float = SECONDS) -> int:
        """Its exit status."""
        until = time.monotonic() + seconds
        while self.child.poll() is None:
            assert time.monotonic() < until, f"it does not end: {self.said()[-3000:]}"
            self.family()
            time.sleep(0.1)
        return self.child.returncode

    def said(self) -> str:
        """All that it printed."""
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL to it and to all that it started."""
        for one in self.family():
            try:
                one.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.child.wait()


@contextmanager
def started() -> Iterator[Callable[..., Started]]:
    """Gives what starts commands; at the end nothing of them runs."""
    all_of_them: list[Started] = []

    def start(command: Sequence[object], place: Path, log: str, **environment: str) -> Started:
        all_of_them.append(Started(command, place, log, **environment))
        return all_of_them[-1]

    try:
        yield start
    finally:
        for one in all_of_them:
            one.kill()


def moee(*arguments: object) -> list[object]:
    """The command `moee train ...`."""
    return [sys.executable, "-m", "moee_cli", "train", *arguments]


def torchrun(arguments: Sequence[object], port: int, nodes: int | str = 2, restarts: int = 0) -> list[object]:
    """The command that every node runs."""
    return [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", nodes, "--nproc-per-node", 1,
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", port,
        "--max-restarts", restarts, "-m", "moee_cli", "train", *arguments,
    ]  # fmt: skip


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def losses(run: Path) -> dict[int, float]:
    """Step -> loss, as the run logged it."""
    path = run / "scalars.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.is_file() else []
    return {line["step"]: line["loss"] for line in lines}


def until_step(run: Path, step: int, child: Started) -> None:
    """Wait until a run has logged a step."""
    until = time.monotonic() + SECONDS
    while max(losses(run), default=0) < step:
        assert time.monotonic() < until and child.child.poll() is None, child.said()[-3000:]
        child.family()
        time.sleep(0.02)


def worst(one: Path, other: Path) -> float:
    """The largest difference of a loss; both logged the same steps."""
    ours, theirs = losses(one), losses(other)
    assert ours.keys() == theirs.keys() and ours
    return max(abs(ours[step] - theirs[step]) for step in ours)


def prepare(place: Path, batch: int = 3, **settings: object) -> Path:
    """A folder with a dataset of clips that can all be used and a preset `mine.yaml`: four stages of four steps, a
    checkpoint after every second."""
    make(place / "dataset", clips())
    sections = read("tiny")
    sections["model"] |= {"frames": 4, "motion_frames": 2}
    stages = [
        {"name": name, "steps": 4, "batch": batch, "lr": 1e-3} for name in ("image", "motion-audio", "experts", "gates")
    ]
    plain = {"stages": stages, "allow_missing": True, "ema": 0.9, "checkpoint_every": 2, "keep": 20}
    sections["train"] = plain | settings
    (place / "mine.yaml").write_text(yaml.safe_dump(sections))
    return place


def options(out: str, *more: object) -> list[object]:
    """Arguments of a run in `out` that shares the features of the run `one`."""
    return ["mine.yaml", "--data", "dataset", "--out", out, "--features", "one/features", *more]

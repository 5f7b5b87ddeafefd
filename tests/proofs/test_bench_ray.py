"""A model is scored on a cluster as on one machine: same videos, same numbers, whatever dies; a blind node is named."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmark.bundle import verify
from benchmark.protocol import load_protocol
from benchmark.testset import build
from moee_model.config import model_config
from moee_model.pipeline import MoEEPipeline
from tests.benchmark.curated import curated
from tests.benchmark.test_cluster import contents
from tests.curation.runs import ROOT, Ran, command, moee
from tests.curation.s3 import Nodes, nodes
from tests.moee_model.material import woken

pytestmark = pytest.mark.proof
pytest.importorskip("ray")

CLIPS, FRAMES = 4, 50


@dataclass(frozen=True)
class World:
    """A test set of rendered talkers, a model with seeded weights, and where runs leave what they make."""

    folder: Path

    def asked(self, name: str, *more: object) -> tuple[object, ...]:
        """The command of a run that has a cache of its own."""
        return (
            "bench", "run", "sample", "--system", "toy", "--model", self.folder / "model", "--real",
            self.folder / "tests", "--out", self.folder / name, "--cache", self.folder / f"{name}-cache", "--steps", 1,
            "--device", "cpu", *more,
        )  # fmt: skip

    def bundle(self, name: str) -> dict[str, Any]:
        return contents(self.folder / name)

    def videos(self, name: str) -> dict[str, bytes]:
        """What the model made in a run."""
        found = (self.folder / f"{name}-cache" / "generated").rglob("*.mp4")
        return {path.name: path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A short path: Ray's sockets lie below it."""
    folder = Path(tempfile.mkdtemp(prefix="mb"))
    try:
        toy = model_config("toy")
        MoEEPipeline.from_denoiser(woken(toy), toy).save_pretrained(folder / "model")
        build(curated(folder, tmp_path_factory), load_protocol("sample"), folder / "tests")
        yield World(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def local(world: World) -> dict[str, Any]:
    """The bundle of an undisturbed run in one process."""
    ran = moee(*world.asked("local", "--workers", 1))
    assert ran.status == 0, ran.err
    return world.bundle("local")


@pytest.fixture(scope="module")
def two(world: World) -> Iterator[Nodes]:
    """A head without cores and two nodes with one each."""
    with nodes(world.folder / "c", (0, 1, 1), {"PYTHONPATH": str(ROOT)}) as cluster:
        yield cluster


@pytest.mark.full
def test_two_workers_give_the_same_bytes(world: World, local: dict[str, Any]) -> None:
    ran = moee(*world.asked("two", "--workers", 2))
    assert ran.status == 0, ran.err
    assert world.bundle("two") == local and world.videos("two") == world.videos("local")


@pytest.mark.full
def test_two_nodes_give_the_same_bytes(world: World, local: dict[str, Any], two: Nodes, table) -> None:
    ran = moee(*world.asked("nodes", "--engine", "ray", "--address", two.address), env=two.env)
    assert ran.status == 0, ran.err
    assert world.videos("nodes") == world.videos("local") and len(world.videos("nodes")) == CLIPS
    assert world.bundle("nodes") == local
    assert verify(world.folder / "nodes") == []
    table(f"{CLIPS} clips made and scored in one process and on two nodes: same videos, same numbers, same features")


@pytest.mark.full
def test_kill_9_of_a_worker_while_videos_are_made_and_while_they_are_watched_changes_nothing(
    world: World, local: dict[str, Any], two: Nodes, table
) -> None:
    line = command(*world.asked("killed", "--engine", "ray", "--address", two.address))
    said = world.folder / "killed.err"
    with said.open("wb") as errors:
        run = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=errors, text=True, env={**os.environ, **two.env})
        wait_until(lambda: (world.folder / "killed-cache" / "generated").is_dir(), run)
        kill_a_worker(two, run)
        wait_until(lambda: b"videos made" in said.read_bytes(), run)
        kill_a_worker(two, run)
        run.wait(600)
    assert run.returncode == 0, said.read_text()
    assert f"{CLIPS} videos made, 0 were there, 0 failed" in said.read_text()
    assert world.bundle("killed") == local and world.videos("killed") == world.videos("local")
    results = json.loads((world.folder / "killed" / "results.json").read_bytes())
    assert results["frames_decoded"] == 2 * CLIPS * FRAMES, "what was lost is counted once"
    table("kill -9 of a worker while videos were made, and of another while they were watched: same bytes")


@pytest.mark.full
def test_a_node_that_does_not_see_the_cache_ends_the_run_with_its_name(world: World) -> None:
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("folders are hidden from a node by mounting over them, which this user may not do")
    hidden = world.folder / "blind-cache"
    hidden.mkdir()
    with nodes(world.folder / "b", (0, 1), {"PYTHONPATH": str(ROOT)}, (hidden,)) as blind:
        ran: Ran = moee(*world.asked("blind", "--engine", "ray", "--address", blind.address), env=blind.env)
    assert ran.status == 2
    (sentence,) = [line for line in ran.err.splitlines() if "cannot take part" in line]
    assert "does not see what this machine has in" in sentence and str(hidden) in sentence
    assert not (world.folder / "blind").exists()


def wait_until(true: Any, run: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 300
    while not true():
        assert run.poll() is None and time.monotonic() < until
        time.sleep(0.1)


def kill_a_worker(cluster: Nodes, run: subprocess.Popen[str]) -> None:
    """Kill -9 the first process that works on a task."""
    found: list[int] = []
    wait_until(lambda: found.extend(cluster.processes("_call")) or found, run)
    time.sleep(0.5)
    os.kill(found[0], signal.SIGKILL)

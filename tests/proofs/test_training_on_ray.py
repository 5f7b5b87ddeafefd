"""`moee train --engine ray`: Ray Train starts the processes; the losses are those of one process without Ray."""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.moee_model import launch
from tests.moee_model.launch import Started, losses, moee, options, prepare, until_step, worst

pytestmark = pytest.mark.proof

Start = Callable[..., Started]
ON_RAY = ("--engine", "ray", "--processes", 2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, a preset, and the run `one` of a single process."""
    folder = prepare(tmp_path_factory.mktemp("ray"))
    with launch.started() as start:
        one = start(moee(*options("one")), folder, "one")
        assert one.wait() == 0, one.said()
    return folder


@pytest.fixture
def start() -> Iterator[Start]:
    with launch.started() as begin:
        yield begin
    for folder in Path(tempfile.gettempdir()).glob(f"moee-train-{os.getpid()}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def workers(child: Started) -> list[int]:
    """The processes that train."""
    return [one.pid for one in child.workers("ray::") if "RayTrainWorker" in " ".join(one.cmdline())]


def test_two_workers_give_the_losses_of_one_process(place: Path, start: Start, table: Callable[[str], None]) -> None:
    run = start(moee(*options("two", *ON_RAY)), place, "two")
    assert run.wait() == 0, run.said()
    assert "16 steps on" in run.out.read_text() and "stage experts" in run.err.read_text()
    difference = worst(place / "two", place / "one")
    table(f"largest difference of a loss, 2 workers of Ray Train against 1 process, 16 steps: {difference:.1e}")
    assert difference <= 1e-5


@pytest.mark.full
def test_a_killed_worker_costs_the_steps_since_the_last_checkpoint(place: Path, start: Start) -> None:
    run = start(moee(*options("killed", *ON_RAY)), place, "killed")
    until_step(place / "killed", 7, run)
    os.kill(workers(run)[-1], signal.SIGKILL)
    assert run.wait() == 0, run.said()
    assert "training goes on after step" in run.said()
    assert worst(place / "killed", place / "one") <= 1e-5


@pytest.mark.full
def test_without_restarts_left_a_death_is_one_sentence(place: Path, start: Start) -> None:
    run = start(moee(*options("once", *ON_RAY, "--max-restarts", 0)), place, "once")
    until_step(place / "once", 3, run)
    os.kill(workers(run)[-1], signal.SIGKILL)
    assert run.wait() == 2, run.said()
    last = run.err.read_text().strip().splitlines()[-1]
    assert last.startswith("moee: The training failed on Ray") and "--resume goes on" in last


@pytest.mark.full
def test_sigterm_writes_a_checkpoint_and_the_run_goes_on(place: Path, start: Start) -> None:
    run = start(moee(*options("ended", *ON_RAY)), place, "ended")
    until_step(place / "ended", 5, run)
    run.child.send_signal(signal.SIGTERM)
    assert run.wait() == 143, run.said()
    step = max(losses(place / "ended"))
    assert f"stopped after step {step}:" in run.said() and step < 16
    run = start(moee(*options("ended", "--resume")), place, "ended")  # without Ray, in one process
    assert run.wait() == 0 and f"goes on after step {step}" in run.said(), run.said()
    assert worst(place / "ended", place / "one") <= 1e-5


@pytest.mark.full
def test_what_another_attempt_would_not_change_is_said_once(place: Path, start: Start) -> None:
    """Features that belong to another dataset are found by the worker, not by the command."""
    launch.make(place / "other", launch.clips()[:3])
    arguments = [word if word != "dataset" else "other" for word in options("wrong", "--engine", "ray")]
    run = start(moee(*arguments), place, "wrong")
    assert run.wait() == 2, run.said()
    assert run.said().count("holds the features of") == 1 and "Traceback" not in run.said()
    run = start(moee(*options("one", "--engine", "ray")), place, "again")
    assert run.wait() == 2 and "holds a run already: add --resume" in run.said()


@pytest.mark.full
def test_nobody_at_the_address_is_one_sentence(place: Path, start: Start) -> None:
    run = start(
        moee(*options("none", "--engine", "ray", "--address", f"127.0.0.1:{launch.free_port()}")), place, "none"
    )
    assert run.wait() == 2, run.said()
    assert "No Ray cluster answers at 127.0.0.1" in run.said() and "Traceback" not in run.said()


TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def cluster(start: Start, place: Path, hidden: str = "") -> str:
    """A cluster of two nodes with a core each, where the second sees nothing in the folder `hidden`; its address."""
    ray, port = Path(sys.executable).with_name("ray"), launch.free_port()
    plain = ["--block", "--num-cpus", 1, "--object-store-memory", 100 << 20, "--disable-usage-stats"]
    folder = tempfile.mkdtemp(prefix=f"moee-train-{os.getpid()}-")  # short: Ray puts sockets into it
    head = [ray, "start", "--head", "--port", port, "--include-dashboard", "false", "--temp-dir", folder, *plain]
    node = [ray, "start", "--address", f"127.0.0.1:{port}", *plain]
    if hidden:
        (place / hidden).mkdir()
        node = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh", *node]
    for number, command in enumerate([head, node]):
        begun = start(command, place, f"ray-{port}-{number}", **TOKEN)
        until = time.monotonic() + 120
        while "Ray runtime started" not in begun.said():
            assert time.monotonic() < until, begun.said()
            time.sleep(0.5)
    return f"127.0.0.1:{port}"


@pytest.mark.full
def test_two_nodes_of_a_cluster_give_the_losses_of_one_process(place: Path, start: Start) -> None:
    run = start(moee(*options("joined", *ON_RAY, "--address", cluster(start, place))), place, "joined", **TOKEN)
    assert run.wait() == 0, run.said()
    assert worst(place / "joined", place / "one") <= 1e-5


@pytest.mark.full
def test_a_folder_that_not_all_nodes_see_is_one_sentence(place: Path, start: Start) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can give a process another view of the folders")
    address = cluster(start, place, "apart")
    run = start(moee(*options("apart", *ON_RAY, "--address", address)), place, "apart", **TOKEN)
    assert run.wait() == 2, run.said()
    assert "on storage that all nodes share" in run.err.read_text().strip().splitlines()[-1]

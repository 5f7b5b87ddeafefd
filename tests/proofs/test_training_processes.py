"""Training on several nodes: torchrun agents on this machine, each a node, run the real `moee train`; whatever dies,
the losses are those of one process that nobody disturbed."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.moee_model import launch
from tests.moee_model.launch import Started, free_port, losses, moee, options, prepare, torchrun, until_step, worst

pytestmark = pytest.mark.proof

Start = Callable[..., Started]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, a preset, and the run `one` of a single process."""
    folder = prepare(tmp_path_factory.mktemp("nodes"))
    with launch.started() as start:
        one = start(moee(*options("one")), folder, "one")
        assert one.wait() == 0, one.said()
    return folder


@pytest.fixture
def start() -> Iterator[Start]:
    with launch.started() as begin:
        yield begin


def two_nodes(start: Start, place: Path, out: str, *more: object, nodes: int | str = 2) -> tuple[Started, Started, int]:
    """Two agents that train together in `out`, the first with the rendezvous; and its port."""
    port = free_port()
    first = start(torchrun(options(out, "--resume", *more), port, nodes, 2), place, f"{out}-first")
    second = start(torchrun(options(out, "--resume", *more), port, nodes, 2), place, f"{out}-second")
    return first, second, port


def trainer(agent: Started) -> int:
    """The process that an agent started."""
    (found,) = {one.pid for one in agent.workers("moee_cli")}
    return found


def hosts(agent: Started) -> bool:
    """Whether the rendezvous lies with an agent."""
    import psutil

    port = next(int(word.rpartition(":")[2]) for word in map(str, agent.child.args) if "127.0.0.1:" in word)  # type: ignore[union-attr]
    return any(
        one.laddr.port == port and one.status == "LISTEN" for one in psutil.Process(agent.child.pid).net_connections()
    )


def test_two_nodes_give_the_losses_of_one_process(place: Path, start: Start, table: Callable[[str], None]) -> None:
    first, second, _ = two_nodes(start, place, "two")
    assert (first.wait(), second.wait()) == (0, 0), first.said() + second.said()
    assert (first.said() + second.said()).count("16 steps on") == 1
    difference = worst(place / "two", place / "one")
    table(f"largest difference of a loss, 2 nodes against 1 process, 16 steps: {difference:.1e}")
    assert difference <= 1e-5


@pytest.mark.full
def test_a_killed_process_costs_the_steps_since_the_last_checkpoint(place: Path, start: Start) -> None:
    first, second, _ = two_nodes(start, place, "killed")
    until_step(place / "killed", 7, first)
    os.kill(trainer(second), signal.SIGKILL)
    assert (first.wait(), second.wait()) == (0, 0), first.said() + second.said()
    assert "training goes on after step" in first.said() + second.said()
    assert worst(place / "killed", place / "one") <= 1e-5


@pytest.mark.full
@pytest.mark.parametrize("all_of_it", [True, False], ids=["node", "torchrun"])
def test_a_node_that_dies_is_replaced_by_one_that_joins(place: Path, start: Start, all_of_it: bool) -> None:
    """Either everything on the node is gone, or torchrun alone, whose process then ends by itself."""
    out = "node" if all_of_it else "agent"
    first, second, port = two_nodes(start, place, out)
    until_step(place / out, 7, first)
    stays, dies = (first, second) if hosts(first) else (second, first)
    dies.workers()
    if all_of_it:
        dies.kill()
    else:
        dies.child.kill()
    third = start(torchrun(options(out, "--resume"), port, 2, 2), place, f"{out}-third")
    assert (stays.wait(), third.wait()) == (0, 0), stays.said() + third.said()
    assert worst(place / out, place / "one") <= 1e-5


@pytest.mark.full
def test_with_a_range_of_nodes_those_that_are_left_go_on(place: Path, start: Start) -> None:
    first, second, _ = two_nodes(start, place, "fewer", nodes="1:2")
    until_step(place / "fewer", 7, first)
    stays, dies = (first, second) if hosts(first) else (second, first)
    dies.kill()
    assert stays.wait() == 0, stays.said()
    assert worst(place / "fewer", place / "one") <= 1e-5


@pytest.mark.full
def test_sigterm_to_the_job_writes_a_checkpoint_of_all_processes(place: Path, start: Start) -> None:
    first, second, _ = two_nodes(start, place, "ended")
    until_step(place / "ended", 5, first)
    for agent in (first, second):
        agent.child.send_signal(signal.SIGTERM)
    assert first.wait() != 0 and second.wait() != 0
    said = first.said() + second.said()
    assert said.count("stopped after step") == 1, said
    step = max(losses(place / "ended"))
    assert f"stopped after step {step}:" in said and step < 16
    assert len(list((place / "ended" / "checkpoints" / f"step-{step:08d}").glob("rng-*"))) == 2
    first, second, _ = two_nodes(start, place, "ended")
    assert (first.wait(), second.wait()) == (0, 0), first.said() + second.said()
    assert f"training goes on after step {step} of" in first.said() + second.said()
    assert worst(place / "ended", place / "one") <= 1e-5


@pytest.mark.full
def test_a_folder_that_not_all_nodes_see_is_one_sentence(place: Path, start: Start) -> None:
    """The second node sees another folder at the place of --out."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can give a process another view of the folders")
    (place / "apart").mkdir()
    command = torchrun(options("apart"), free_port())
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none apart && exec "$@"', "sh"]
    first = start(command, place, "apart-first")
    second = start([*hidden, *command], place, "apart-second")
    assert first.wait() != 0 and second.wait() != 0
    said = first.said() + second.said()
    assert "nodes needs --out, --features and --data on storage that all nodes share" in said
    assert "--out on" in said and not list((place / "apart").glob(".seen*"))

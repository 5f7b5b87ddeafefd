"""However many processes there are, and wherever that changes: every step trains on the same samples, in one order."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.moee_model import launch
from tests.moee_model.launch import Started, free_port, options, prepare, worst

pytestmark = pytest.mark.proof

Start = Callable[..., Started]
Sample = tuple[str, str, str]
STOP = 7  # in the middle of the second stage, and not at a checkpoint


def recorded(processes: int, file: str, stop: int, out: str) -> list[object]:
    """The command of a run that keeps what it loads; it goes on from what is in `out`."""
    with_torchrun = [
        "torch.distributed.run", "--nnodes", 1, "--nproc-per-node", processes, "--rdzv-backend", "c10d",
        "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "-m",
    ]  # fmt: skip
    return [
        sys.executable, "-m", *with_torchrun, "tests.moee_model.recorded", file, stop,
        "train", *options(out, "--resume"),
    ]  # fmt: skip


def loaded(file: Path) -> dict[int, list[Sample]]:
    """Step -> its samples, put together from the processes: the k-th is with process k modulo their number."""
    steps: dict[int, dict[int, list[Sample]]] = {}
    counts: dict[int, int] = {}
    for line in map(json.loads, file.read_text().splitlines()):
        samples = [tuple(sample) for sample in line["samples"]]
        assert steps.setdefault(line["step"], {}).setdefault(line["rank"], samples) == samples
        counts[line["step"]] = line["of"]
    found = {}
    for step, ranks in steps.items():
        assert len(ranks) == counts[step]
        total = sum(map(len, ranks.values()))
        found[step] = [ranks[place % counts[step]][place // counts[step]] for place in range(total)]
    return found


@pytest.fixture
def start() -> Iterator[Start]:
    with launch.started() as begin:
        yield begin


@pytest.fixture(scope="module", params=["ddp", pytest.param("fsdp2", marks=pytest.mark.full)])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, a preset, and a run of one process that nobody stopped, with what it loaded."""
    folder = prepare(
        tmp_path_factory.mktemp(request.param), 5, parallel=request.param, checkpoint_every=100, log_every=1
    )
    with launch.started() as begin:
        one = begin(recorded(1, "one.jsonl", 0, "one"), folder, "one")
        assert one.wait() == 0, one.said()
    return folder


@pytest.mark.parametrize(
    ("before", "after"), [(2, 1), *(pytest.param(*change, marks=pytest.mark.full) for change in ((1, 2), (2, 3)))]
)
def test_a_run_goes_on_with_other_processes_in_the_same_order(
    place: Path, start: Start, before: int, after: int, table: Callable[[str], None]
) -> None:
    """A batch of five divides by none. What is compared: clips, seeds of the noise, and the tensors themselves."""
    out = f"from-{before}-to-{after}"
    first = start(recorded(before, f"{out}-a.jsonl", STOP, out), place, f"{out}-a")
    assert first.wait() != 0 and f"stopped after step {STOP}:" in first.said(), first.said()
    then = start(recorded(after, f"{out}-b.jsonl", 0, out), place, f"{out}-b")
    assert then.wait() == 0, then.said()
    wanted = loaded(place / "one.jsonl")
    parts = [loaded(place / f"{out}-{part}.jsonl") for part in "ab"]
    assert sorted(wanted) == list(range(1, 17)) and sorted(parts[0]) == list(range(1, STOP + 1))
    assert sorted(parts[1]) == list(range(STOP + 1, 17))
    assert parts[0] | parts[1] == wanted
    difference = worst(place / out, place / "one")
    samples = sum(map(len, wanted.values()))
    table(f"{before} -> {after} processes: {samples} samples the same, largest difference of a loss {difference:.1e}")
    assert difference <= 1e-5

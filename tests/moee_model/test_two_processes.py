"""Several processes train what one does: the same gradients up to the order of sums, whatever share each holds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
MODULE = "tests.moee_model.two_processes"


def run(out: Path, processes: int, *arguments: object) -> None:
    """Train in so many gloo processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", MODULE, str(out), *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr[-3000:]


def largest_difference(one: Path, other: Path, steps: int = 8) -> float:
    """Over all steps and parameters, the largest difference of a gradient, as a share of its largest entry (no less
    than a hundredth of the step's largest)."""
    worst = 0.0
    for step in range(1, steps + 1):
        ours, theirs = (load_file(folder / f"gradients-{step}.safetensors") for folder in (one, other))
        assert ours.keys() == theirs.keys()
        largest = max(float(value.abs().max()) for value in ours.values())
        for name, value in ours.items():
            scale = max(float(value.abs().max()), 1e-2 * largest)
            worst = max(worst, float((value - theirs[name]).abs().max()) / scale)
    return worst


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process, batches of 5."""
    folder = tmp_path_factory.mktemp("alone")
    run(folder, 1, "ddp", 8, 5)
    return folder


@pytest.mark.parametrize("parallel", ["ddp", "fsdp2"])
def test_two_gloo_processes_give_the_gradients_of_one(tmp_path: Path, alone: Path, parallel: str, table) -> None:
    """All four stages; five samples do not divide by two: the mean is over the samples, not over the processes."""
    run(tmp_path, 2, parallel, 8, 5)
    difference = largest_difference(alone, tmp_path)
    table(f"largest difference of a gradient, {parallel}, 2 processes against 1: {difference:.1e}")
    assert difference <= 1e-5


def test_several_passes_give_the_gradients_of_one(tmp_path: Path, alone: Path) -> None:
    run(tmp_path, 1, "ddp", 8, 5, 3)
    assert largest_difference(alone, tmp_path) <= 1e-5


def test_a_run_goes_on_with_another_number_of_processes(tmp_path: Path, alone: Path) -> None:
    """Two processes write a checkpoint in shares and in the middle of a stage, one goes on, and the other way round."""
    run(tmp_path, 2, "fsdp2", 3, 5)
    run(tmp_path, 1, "ddp", 5, 5)
    run(tmp_path, 2, "ddp", 8, 5)
    assert largest_difference(alone, tmp_path) <= 1e-5
    ends = [load_file(place / "checkpoints/step-00000008/parameters.safetensors") for place in (alone, tmp_path)]
    assert max(float((ends[0][name] - ends[1][name]).abs().max()) for name in ends[0]) <= 1e-5

"""The Slurm files: clean for shellcheck, strict, and with nothing of one site."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.kuberay import ROOT

FOLDER = ROOT / "deploy" / "slurm"
SHELL = sorted([*FOLDER.glob("*.sh"), *FOLDER.glob("*.sbatch")])
BATCH = [path for path in SHELL if path.suffix == ".sbatch"]
ANYWHERE = {
    "job-name", "nodes", "ntasks", "ntasks-per-node", "no-kill", "requeue", "signal", "open-mode", "output",
    "cpus-per-task", "gpus-per-node",
}  # fmt: skip


def test_there_are_scripts_to_look_at() -> None:
    assert {"ray.sbatch", "curate.sbatch", "curate-array.sbatch"} <= {path.name for path in BATCH}


def test_shellcheck_finds_nothing() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", *map(str, SHELL)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_a_failing_line_ends_a_script(path: Path) -> None:
    assert re.search(r"^set -euo pipefail$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", BATCH, ids=lambda path: path.name)
def test_a_batch_file_asks_for_nothing_that_only_some_sites_have(path: Path) -> None:
    asked = re.findall(r"^#SBATCH --([a-z-]+)", path.read_text(), re.MULTILINE)
    assert len(asked) == len(re.findall(r"^#SBATCH", path.read_text(), re.MULTILINE)), "long options only"
    assert set(asked) <= ANYWHERE


def test_a_program_outside_of_slurm_says_how_to_start_it() -> None:
    clean = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([FOLDER / "with-ray.sh", "true"], capture_output=True, text=True, env=clean, check=False)
    assert (done.returncode, "sbatch deploy/slurm/ray.sbatch" in done.stderr) == (2, True)

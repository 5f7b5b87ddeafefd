"""The scripts that ask public programs stand alone, and what they import is pinned."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.parity.command import RUN
from benchmark.parity.environment import REQUIREMENTS, environment
from benchmark.parity.rows import REFERENCES

SCRIPTS = sorted(RUN.parent.glob("*.py"))
SHARED = {"numpy", "torch", "scipy", "PIL", "shared"}


def imported(script: Path) -> set[str]:
    """The first part of every module that a script imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names}


def packages(script: Path) -> tuple[str, ...]:
    for node in ast.parse(script.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PACKAGES":
            return ast.literal_eval(node.value)
    return ()


def test_no_script_imports_anything_of_this_project() -> None:
    ours = {"benchmark", "perception", "curation", "media", "manifests", "moee_cli", "tests", "perf"}
    assert not {script.name: imported(script) & ours for script in SCRIPTS if imported(script) & ours}


def test_every_program_has_a_script_whose_packages_are_pinned() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
    pinned = {line.partition("==")[0] for line in lines}
    found = {script.stem: packages(script) for script in SCRIPTS if script.stem.startswith("with_")}
    assert found.keys() == REFERENCES.keys()
    for name, wanted in found.items():
        assert wanted and set(wanted) <= pinned, name
        own = {package.replace("-", "_") for package in wanted} | {"cleanfid", "cdfvd", "skimage"}
        assert imported(RUN.parent / f"{name}.py") <= own | SHARED | set(sys.stdlib_module_names), name


def ask(name: str, inputs: Path, out: Path) -> tuple[dict, dict[str, np.ndarray]]:
    subprocess.run([sys.executable, "-I", RUN, name, inputs, out, "1"], check=True, capture_output=True)
    with np.load(out) as file:
        arrays = {key: file[key] for key in file.files}
    return json.loads(str(arrays.pop("about"))), arrays


def test_a_script_runs_in_isolation_and_gives_numbers_and_versions(tmp_path: Path) -> None:
    from importlib.metadata import version

    from benchmark.metrics.ssim import ssim

    one, other = np.random.default_rng(0).integers(0, 256, (2, 3, 40, 50, 3), dtype=np.uint8)
    np.savez(tmp_path / "pairs.npz", one=one, other=other)
    about, found = ask("with_skimage", tmp_path, tmp_path / "out.npz")
    assert about["versions"] == {"scikit-image": version("scikit-image")} and "error" not in about
    assert np.abs(found["ssim"] - [ssim(*pair) for pair in zip(one, other, strict=True)]).max() < 1e-12


def test_a_program_that_is_not_there_says_so_and_nothing_else_is_written(tmp_path: Path) -> None:
    about, found = ask("with_nothing", tmp_path, tmp_path / "out.npz")
    assert about["error"] == "ModuleNotFoundError: No module named 'with_nothing'" and not found


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(BenchmarkError, match="is no environment"):
        environment(tmp_path / "mine")


def test_an_environment_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert environment(tmp_path) == tmp_path / "bin" / "python"

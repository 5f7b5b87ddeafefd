"""`moee models`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from perception import weights
from perception.cli import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_list_says_what_is_here_its_licence_and_what_is_missing_without_it(made_up) -> None:
    (made_up.folder / "weights" / "one.bin").write_bytes(made_up.data["one"])
    said = run("list")
    assert said.exit_code == 0
    row_one, row_two = (next(line for line in said.stdout.splitlines() if line.startswith(n)) for n in ("one", "two"))
    assert "in the weights" in row_one
    assert "(non-commercial)" not in row_one
    assert "non-commercial" in said.stdout
    assert "absent" in row_two
    assert "without it less works. Get it: moee models fetch two" in said.stdout


def test_list_for_machines_has_every_fact(made_up) -> None:
    facts = json.loads(run("list", "--json").stdout)
    assert [(model["name"], model["state"], model["noncommercial"]) for model in facts] == [
        ("one", "absent", False),
        ("two", "absent", True),
    ]
    assert facts[0]["bytes"] == 300_000
    assert facts[0]["path"] is None


def test_fetch_without_or_with_a_wrong_name_is_wrong_use(made_up) -> None:
    assert run("fetch").exit_code == 2
    wrong = run("fetch", "onee")
    assert wrong.exit_code == 2
    assert "did you mean 'one'" in wrong.stderr
    assert wrong.stdout == ""


def test_fetch_names_each_failure_and_exits_with_one(made_up) -> None:
    (made_up.folder / "weights" / "two.bin").write_bytes(made_up.data["two"])
    said = run("fetch", "--all", "--json")
    assert said.exit_code == 1
    one, two = json.loads(said.stdout)
    assert "moee models fetch one" in one["error"]
    assert two["path"].endswith("two.bin")


def test_verify_reads_the_files_again_and_finds_damage(made_up) -> None:
    path = made_up.folder / "weights" / "one.bin"
    path.write_bytes(made_up.data["one"])
    assert run("verify").exit_code == 0
    facts = path.stat()
    path.write_bytes(made_up.data["one"][::-1])
    import os

    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # even with its date set back
    said = run("verify")
    assert said.exit_code == 1
    assert str(path) in said.stdout.replace("\n", "")


def test_the_commands_load_nothing_heavy() -> None:
    code = "import sys, perception.cli; print([m for m in ('torch', 'mediapipe', 'cv2', 'numpy') if m in sys.modules])"
    root = Path(weights.__file__).parent.parent
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_help_shows_an_example() -> None:
    for command in ("list", "fetch", "verify"):
        assert f"Example: moee models {command}" in run(command, "--help").stdout

"""`moee takedown` shows first, removes with --yes, and says in one sentence what is wrong with a line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from curation.errors import CurationError
from curation.takedown.cli import takedown
from tests.curation.takedown.material import make, person_of, source_of, track_of

app = typer.Typer()
app.command()(takedown)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path / "set")
    return tmp_path / "set"


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_a_dry_run_comes_first_and_names_what_would_go(root: Path) -> None:
    person = person_of(root, track_of("alone.mp4"))
    status, said = run(root, "--identity", person, "--reason", "asked")
    assert status == 0
    assert "rows of clips" in said and "nothing was changed: add --yes" in said
    assert (root / "clips").is_dir() and not (root / "tombstones.json").exists()


def test_with_yes_it_is_done_and_said_as_json(root: Path) -> None:
    status, said = run(root, "--source", source_of("third.mp4"), "--reason", "asked", "--yes", "--json")
    report = json.loads(said)
    assert status == 0 and report["removed"] and report["clips"] == 1
    assert not any(report["left"].values()) and Path(report["receipt"]).is_file()
    status, said = run(root, "--source", source_of("third.mp4"), "--reason", "asked", "--yes")
    assert status == 0 and "taken down before" in said


def test_a_list_names_sources_and_persons(root: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(
        f"# asked in June\n{source_of('third.mp4')}\n{person_of(root, track_of('alone.mp4'))}\n"
    )
    status, said = run(root, "--list", tmp_path / "list.txt", "--reason", "asked", "--json")
    assert status == 0 and json.loads(said)["clips"] == 3


def test_a_folder_that_was_published_is_published_again_without_the_person(root: Path, tmp_path: Path) -> None:
    gone = source_of("third.mp4")
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("not ours")
    with pytest.raises(CurationError, match="did not write"):
        run(root, "--source", gone, "--reason", "asked", "--published", other, "--yes")
    assert (root / "heads" / gone[2:4] / f"{gone}.json").exists(), "nothing is removed before all places are known"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--reason", "asked"), "say what to remove"),
        (("--source", "x", "--reason", "  "), "1 to 200 characters"),
        (("--confirm", "i_1", "--reason", "asked"), "--confirm names persons"),
        (("--list", "/nowhere/list", "--reason", "asked"), "cannot be read"),
    ],
)
def test_a_wrong_line_is_one_sentence(root: Path, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CurationError, match=said):
        run(root, *arguments)

"""What the command line says of engines, shares and addresses before any work begins."""

from pathlib import Path

import pytest

from curation.cli import _inputs
from tests.curation.runs import moee


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(10):
        (tmp_path / f"{number}.mp4").write_bytes(bytes([number]))
    return tmp_path


def test_shares_are_disjoint_and_hold_everything(folder: Path) -> None:
    whole = [item.name for item in _inputs([str(folder)], "out", None, None)]
    shares = [[item.name for item in _inputs([str(folder)], "out", None, f"{k}/3")] for k in range(3)]
    assert sorted(name for share in shares for name in share) == whole
    assert [len(share) for share in shares] == [4, 3, 3]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--share", "3/3"), "--share '3/3' is no K/N with K from 0 to N - 1, such as 0/8"),
        (("--share", "x"), "--share 'x' is no K/N with K from 0 to N - 1, such as 0/8"),
        (("--engine", "spark"), "there is no engine 'spark': use --engine local or --engine ray"),
        (("--address", "auto"), "--address names a Ray cluster: add --engine ray"),
        (("--retry", "all"), "there is no --retry 'all': use --retry permanent or --retry quarantined"),
    ],
)
def test_wrong_options_are_one_sentence(folder: Path, options: tuple[str, ...], sentence: str) -> None:
    ran = moee("curate", folder, "--out", folder / "out", *options)
    assert (ran.status, ran.err) == (2, f"moee: {sentence}\n")
    assert not (folder / "out").exists()


def test_a_file_address_is_a_folder(folder: Path) -> None:
    ran = moee("curate", f"file://{folder}", "--out", f"file://{folder}/out", "--limit", 1, "--dry-run")
    assert ran.status == 0 and ran.json["inputs"] == 1 and ran.json["out"] == f"{folder}/out"


def test_an_address_where_nobody_listens_is_said_at_once(folder: Path) -> None:
    pytest.importorskip("ray")
    ran = moee("curate", folder, "--out", folder / "out", "--engine", "ray", "--address", "127.0.0.1:9")
    assert ran.status == 2
    assert ran.err.startswith(
        "moee: no Ray cluster answers at '127.0.0.1:9' ([Errno 111] Connection refused): start one"
    )

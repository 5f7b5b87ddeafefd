"""`moee publish` as a user types it: result on stdout, one sentence and exit 2 for wrong use."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def moee(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "moee_cli", "publish", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


def test_it_says_what_was_published_and_that_nothing_is_left_to_do(manifest: Path, tmp_path: Path) -> None:
    first, again = moee(manifest, "--to", tmp_path / "p"), moee(manifest, "--to", tmp_path / "p", "--json")
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert first.stdout.startswith("published: 5 clips, 0.0006 h (3 train, 1 validation, 1 test), 16 files")
    assert "left out, joins persons of two splits: 1 kept clip: c_" in first.stdout
    assert json.loads(again.stdout)["already"] is True and again.stderr == ""


def test_the_other_form(manifest: Path, tmp_path: Path) -> None:
    done = moee(manifest, "--to", tmp_path / "p", "--form", "dh-faceemovid-150", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["splits"] == {"train": 3, "validation": 1, "test": 1, "no split": 1}


def test_wrong_use_is_one_sentence_and_exit_2(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    for arguments, words in (
        ((manifest, "--to", "hf:name"), "hf:name names no repository: write hf:ORG/NAME"),
        ((manifest, "--to", "hf:org/name"), "has no known licence, and 1 more source: publish with --private, or say"),
        ((manifest, "--to", tmp_path / "p", "--private"), "--private is for the Hub: give --to hf:ORG/NAME"),
        ((manifest, "--to", tmp_path / "p", "--max-shard", "big"), "--max-shard big is no size: write 1GB or 500MB."),
        (
            (manifest, "--to", "hf:org/name", "--media", "embeded"),
            "There is no --media embeded: did you mean embedded?",
        ),
        ((manifest, "--to", "https://example.org/x"), "Publishing to https://example.org/x is not in this version"),
        ((manifest, "--to", "s3://bucket/x"), "Publishing to s3://bucket/x is not in this version"),
        ((manifest, "--to", tmp_path / "p[0]*?"), "p[0]*? has * and ? and [ and ] in its full path"),
        ((manifest, "--to", tmp_path / "a::b" / "p"), "has :: in its full path, which load_dataset cannot read"),
        ((manifest, "--to", tmp_path / "p", "--language", "Klingon"), "--language Klingon is no code of a language"),
        ((manifest, "--to", tmp_path / "p", "--license", ""), "The licence must have 1 to 200 characters."),
        ((manifest, "--to", tmp_path / "p", "--form", "dh-faceemovid"), "did you mean dh-faceemovid-150?"),
        ((tmp_path / "nothing", "--to", tmp_path / "p"), "There is no manifest in"),
        ((manifest, "--to", tmp_path / "full"), "holds files that moee publish did not write"),
        ((manifest, "--to", manifest), "lies in the manifest's own folder"),
    ):
        done = moee(*arguments)
        assert done.returncode == 2 and done.stdout == "", arguments
        assert words in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "p").exists()


def test_licence_and_name_are_part_of_what_is_published(manifest: Path, tmp_path: Path) -> None:
    stated = ("--license", "cc-by-4.0", "--pretty-name", "My clips", "--json")
    plain = json.loads(moee(manifest, "--to", tmp_path / "p", "--json").stdout)
    first, again = (json.loads(moee(manifest, "--to", tmp_path / "p", *stated).stdout) for _ in range(2))
    assert (plain["already"], first["already"], again["already"]) == (False, False, True)
    head = (tmp_path / "p" / "README.md").read_text()
    assert head.startswith("---\npretty_name: My clips\nlicense: cc-by-4.0\n")
    assert not any("replaced" in note for note in first["notes"])  # it is the same manifest


def test_help_says_that_edits_are_lost() -> None:
    done = moee("--help")
    said = " ".join(done.stdout.replace("│", " ").split())
    assert "edits in its card are lost" in said and "--license" in said and "--pretty-name" in said


def test_help_shows_an_example() -> None:
    done = moee("--help")
    assert done.returncode == 0 and "Example: moee publish dataset/ --to published/" in done.stdout

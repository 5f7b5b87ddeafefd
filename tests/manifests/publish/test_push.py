"""What is sent to the Hub: only what it lacks by size and hash, within its limits, under one version per state."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from manifests.errors import ManifestError
from manifests.publish import push, versions
from manifests.publish.push import Outgoing, compare
from manifests.publish.remote import Head, RemoteFile, repo_of
from tests.hub_server import HubServer

ROOT = Path(__file__).resolve().parents[3]


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def test_a_file_is_there_when_size_and_hash_are_the_same_large_or_small(tmp_path: Path) -> None:
    content = {"large": b"a" * 99, "small": b"text", "other": b"1234", "new": b"n"}
    for name, words in content.items():
        (tmp_path / name).write_bytes(words)
    hashes = {name: hashlib.sha256(words).hexdigest() for name, words in content.items()}
    files = {name: Outgoing(tmp_path / name, len(words), hashes[name]) for name, words in content.items()}
    listed = {
        "large": RemoteFile(99, hashes["large"], "pointer"),
        "small": RemoteFile(4, None, git_sha1(b"text")),
        "other": RemoteFile(4, None, git_sha1(b"123x")),
        "old": RemoteFile(1, None, "x"),
        "theirs": RemoteFile(1, None, "x"),
        ".gitattributes": RemoteFile(1, None, "x"),
    }
    steps = compare(files, Head("c", False, listed), ["old", "small", ".gitattributes"])
    assert (steps.there, steps.send, steps.differ) == (["large", "small"], ["new", "other"], ["other"])
    assert steps.delete == ["old"] and steps.bytes == 5 and not steps.done
    assert compare(files, None).send == sorted(files)


def test_what_the_hub_does_not_take_is_refused_before_anything_is_sent() -> None:
    small = Outgoing(b"", 0, "")
    for files, words in (
        ({f"clips/{number}": small for number in range(10_000)}, "10,000 files in clips: the Hub takes fewer than"),
        ({f"{number % 99}/{number}": small for number in range(100_000)}, "100,000 files: the Hub takes fewer than"),
        ({"data/x.parquet": Outgoing(b"", 50_000_000_001, "")}, "data/x.parquet is larger than 50 GB"),
    ):
        with pytest.raises(ManifestError, match=words):
            push.check_limits(files)
    push.check_limits({f"{number % 99}/{number}": small for number in range(99_999)})


def test_a_state_has_one_version_and_the_next_state_the_next_free_number() -> None:
    first = versions.with_next([], [], "s1", "k1", 5, "the first one")
    assert [version.name for version in first] == ["v1"]
    assert versions.with_next(first, ["v1"], "s1", "k1", 5, "again") == first
    second = versions.with_next(first, ["v1", "v7", "very"], "s2", "k2", 4, "less")
    assert [version.name for version in second] == ["v1", "v8"]
    assert versions.of_record({"versions": versions.as_records(second)}) == second
    assert versions.of_record({"versions": [{"name": "v1"}, 3]}) == []


@pytest.mark.parametrize("name", ["hf:a", "hf:a/b/c", "hf:../x", "hf:a/b?x", "hf:a/--", "hf:", "hf:a/b c"])
def test_a_name_that_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(ManifestError, match="names no repository"):
        repo_of(name)


def test_without_a_token_one_sentence_says_what_to_do(manifest: Path, tmp_path: Path) -> None:
    with HubServer(tmp_path / "hub") as hub:
        env = {**os.environ, **hub.env(tmp_path / "home")}
        del env["HF_TOKEN"]
        line = [sys.executable, "-m", "moee_cli", "publish", str(manifest), "--to", "hf:org/set", "--private"]
        done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
        assert done.returncode == 2 and "There is no token for the Hub: set HF_TOKEN or run" in done.stderr
        assert hub.asked == []

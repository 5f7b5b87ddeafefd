"""On the Hub too nothing is left of what was taken down: in no file of any revision that it still serves.

The Hub is `tests.hub_server`: the API that huggingface_hub speaks, over real HTTP, with faults.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import manifests
from tests.curation.takedown.material import (
    WHO,
    make,
    person_of,
    source_of,
    track_of,
    words_of_p,
)
from tests.hub_server import Fault, HubServer

ROOT = Path(__file__).resolve().parents[3]
REPO = "org/set"


@dataclass
class Desk:
    """A user's machine: a manifest of three persons, a cache, and the Hub that it speaks to."""

    root: Path
    hub: HubServer
    home: Path

    def __post_init__(self) -> None:
        self.person = person_of(self.root, track_of("alone.mp4"))
        self.words = words_of_p(self.root)

    @property
    def env(self) -> dict[str, str]:
        """The environment of its programs."""
        own = {"XDG_CACHE_HOME": str(self.home / "cache-home"), "OMP_NUM_THREADS": "1"}
        return {**os.environ, **self.hub.env(self.home / "hf"), **own}

    def moee(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        line = [sys.executable, "-m", "moee_cli", *map(str, words)]
        done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=self.env, check=False, timeout=300)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def publish(self, *options: object, status: int = 0) -> None:
        """Publish it in files of 20 KB."""
        done = self.moee("publish", self.root, "--to", f"hf:{REPO}", "--max-shard", "20KB", *options)
        assert done.returncode == status, done.stderr

    def takedown(self, *options: object) -> list[object]:
        """The line that takes person P down, also on the Hub."""
        return ["takedown", self.root, "--identity", self.person, "--reason", "asked", "--published", f"hf:{REPO}",
                "--yes", "--json", *options]  # fmt: skip

    def repo(self) -> dict[str, Any]:
        """What the Hub says of the repository."""
        found = self.hub.repo("dataset", REPO)
        assert found is not None
        return found

    def served(self) -> dict[str, bytes]:
        """Every file of every commit that the Hub gives, and every object on its disk, referenced or not."""
        objects = {path.name: path.read_bytes() for path in (self.hub.folder / "objects").iterdir()}
        named = {
            f"{c['id']}/{name}": objects.get(f["sha256"], b"")
            for c in self.repo()["commits"]
            for name, f in c["files"].items()
        }
        return {**objects, **named, "repository": json.dumps(self.repo()).encode()}

    def holding(self, words: list[str]) -> list[str]:
        """Where any of the words, or any byte of a clip of theirs, can still be read on the Hub."""
        found = []
        for name, content in self.served().items():
            text = name + content.decode("utf-8", "replace")
            if content[:4] == b"PAR1":
                text += repr(pq.read_table(io.BytesIO(content)).to_pydict())
            found += [f"{name}: {word}" for word in words if word in text]
            found += [f"{name}: clip {number}" for number, clip in enumerate(self.clips) if clip in content]
        return found

    @property
    def clips(self) -> list[bytes]:
        """What no other clip holds: the mark at the end of each of the person's two films."""
        return [b"film alone.mp4 0", b"film both.mp4 0"]


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Iterator[Desk]:
    """A manifest that may be changed, and a Hub without faults."""
    with HubServer(tmp_path / "hub", part_bytes=1 << 30) as hub:
        yield Desk(Path(shutil.copytree(made, tmp_path / "set")), hub, tmp_path)


def check_gone(desk: Desk, said: dict[str, Any], tag: str = "v2") -> None:
    """One commit, one tag, no byte of what went, and a receipt that says so."""
    repo = desk.repo()
    assert len(repo["commits"]) == 1 and repo["tags"] == {tag: repo["commits"][0]["id"]}
    assert desk.holding(desk.words) == []
    assert not any(said["left"].values()) and said["left"]["revisions"] == 0
    (told,) = json.loads(Path(said["receipt"]).read_text())["published_again"]
    assert told["hub"]["commit"] == repo["commits"][0]["id"] and not told["failed"]
    assert told["hub"]["tag"] == tag and told["hub"]["tags_gone"] == ["v1"] * (tag == "v2")
    assert told["hub"]["revisions_asked"] >= 2 and told["hub"]["revisions_that_still_resolve"] == []


@pytest.mark.parametrize("media", ["embedded", "files", "none"])
def test_through_faults_nothing_is_left_on_the_hub_in_the_form_that_was_published(desk: Desk, media: str) -> None:
    desk.publish("--media", media, *(["--private"] if media == "none" else []))
    before = desk.repo()
    assert desk.holding(desk.words) and bool(desk.holding([])) == (media != "none")
    desk.hub.faults = [
        Fault("status", "/commit/", times=1),
        Fault("status", "/super-squash/", times=1),
        Fault("status", "/lfs-files", "GET", times=1),
        Fault("reset", "/tag/v1", "DELETE", times=1),
    ]
    done = desk.moee(*desk.takedown())
    assert done.returncode == 0, done.stderr + done.stdout
    assert not [fault for fault in desk.hub.faults if fault.times], "every fault was met"
    check_gone(desk, json.loads(done.stdout))
    assert desk.repo()["private"] == before["private"] == (media == "none")
    form = json.loads(desk.hub.content(REPO, ".published.json"))["form"]
    assert form == {"embedded": "hub", "files": "files", "none": "bare"}[media]
    kept = {row["id"] for row in manifests.open(desk.root).table("clips").to_pylist()}
    tables = [name for name in desk.hub.files(REPO) if name.startswith("data/") and name.endswith(".parquet")]
    rows = [row for name in tables for row in pq.read_table(pa.BufferReader(desk.hub.content(REPO, name))).to_pylist()]
    assert {row["id"] for row in rows} == kept and len(kept) == 3


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/lfs/"), ("POST", "/super-squash/"), ("POST", "/lfs-files/batch")]
)
def test_killed_in_mid_push_the_same_line_finishes_it(desk: Desk, method: str, path: str) -> None:
    desk.publish()
    hold = Fault("hold", path, method, times=1_000)
    desk.hub.faults = [hold]
    line = [sys.executable, "-m", "moee_cli", *map(str, desk.takedown())]
    started = subprocess.Popen(
        line, cwd=ROOT, env=desk.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until(lambda: hold.times < 1_000 or started.poll() is not None)
        assert started.poll() is None, "it ended before it was killed"
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    desk.hub.faults = []
    desk.hub.go_on.set()
    assert (desk.root / ".takedown.json").exists()
    done = desk.moee(*desk.takedown())
    assert done.returncode == 0, done.stderr + done.stdout
    check_gone(desk, json.loads(done.stdout))
    assert not (desk.root / ".takedown.json").exists()
    assert not list((desk.home / "cache-home").rglob("*.parquet"))


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what a started program does."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.01)


def test_when_nothing_is_left_the_repository_says_so_and_holds_nothing_else(desk: Desk) -> None:
    desk.publish()
    (desk.home / "all.txt").write_text("\n".join(source_of(name) for name in WHO))
    line = ["takedown", desk.root, "--list", desk.home / "all.txt", "--reason", "asked", "--published", f"hf:{REPO}"]
    done = desk.moee(*line, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    check_gone(desk, json.loads(done.stdout))
    assert set(desk.hub.files(REPO)) == {".gitattributes", ".published.json", "README.md"}
    assert desk.holding([*desk.words, *(source_of(name) for name in WHO), *WHO]) == []
    again = desk.moee(*line, "--yes", "--json")
    assert again.returncode == 0 and len(desk.repo()["commits"]) == 1, again.stderr


def test_what_was_not_allowed_to_be_public_is_not_made_so_and_the_same_line_goes_on(tmp_path: Path, made: Path) -> None:
    """After the publication a source lost its licence: what was allowed then does not cover it."""
    with HubServer(tmp_path / "hub", part_bytes=1 << 30) as hub:
        desk = Desk(Path(shutil.copytree(made, tmp_path / "set")), hub, tmp_path)
        desk.publish()
        shutil.rmtree(desk.root)
        make(desk.root, filmed=True, licence=None)
        before = desk.repo()
        done = desk.moee(*desk.takedown())
        said = json.loads(done.stdout)
        assert done.returncode == 1 and "has no known licence" in said["published"][0]["error"]
        assert desk.repo() == before, "nothing is sent, and nothing is taken away"
        assert said["removed"] and not said["left"]["rows"] and len(manifests.open(desk.root).table("clips")) == 3
        assert json.loads(Path(said["receipt"]).read_text())["published_again"][0]["failed"]
        desk.publish(status=2)
        desk.publish("--allow", "unlicensed")
        assert "unlicensed" in json.loads(desk.hub.content(REPO, ".published.json"))["stated"]["allowed"]
        later = desk.moee(*desk.takedown())
        assert later.returncode == 0, later.stderr + later.stdout
        check_gone(desk, json.loads(later.stdout))
        stated = json.loads(desk.hub.content(REPO, ".published.json"))["stated"]
        assert stated["allowed"] == ["unlicensed"] and stated["shard"] == 20_000


def test_a_revision_that_still_resolves_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that only pretends to squash: the line asks for the old commit, and says that it is there."""
    from tests import hub_server

    desk.publish()
    old = desk.repo()["commits"][-1]["id"]

    def pretend(handler: Any, kind: str, name: str, repo: dict[str, Any], title: str) -> None:
        raise hub_server._Reply(200)

    monkeypatch.setattr(hub_server._Handler, "_squash", pretend)
    done = desk.moee(*desk.takedown())
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["left"]["revisions"] >= 1
    assert old in said["published"][0]["hub"]["revisions_that_still_resolve"]


def test_a_branch_that_somebody_made_is_told(desk: Desk) -> None:
    desk.publish()
    repo = desk.repo()
    desk.hub.keep("dataset", REPO, repo | {"branches": {"dev": repo["commits"][-1]["id"]}})
    said = json.loads(desk.moee(*desk.takedown()).stdout)
    assert "refs/heads/dev" in said["published"][0]["note"] and said["published"][0]["hub"]["branches_beside"] == 1

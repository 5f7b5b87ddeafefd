"""Publishing to a Hub that fails: it ends complete, a kill costs nothing that was sent, an altered file is seen.

The Hub is `tests.hub_server`: the API that huggingface_hub and datasets speak, over real HTTP, with faults.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.hub_server import Fault, HubServer
from tests.manifests.publish.material import Clip, Film, films, make
from tests.proofs.conftest import CuratedReal

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]
REPO = "org/talking-heads"
FIRST = """
import hashlib, sys
import datasets, fsspec
rows = datasets.load_dataset(sys.argv[1], streaming=True, split="train")
row = next(iter(rows.decode(False)))
video = row.get("video")
content = video and (video["bytes"] or fsspec.open(video["path"]).open().read())
print(row["id"], hashlib.sha256(content).hexdigest() == row["file_sha256"] if video else "no footage")
"""

STYLE = """body { font-family: sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; overflow-wrap: anywhere }
table { border-collapse: collapse; display: block; overflow-x: auto } td, th { border: 1px solid #ccc; padding: 4px }
pre { background: #f4f4f4; padding: 8px; overflow-x: auto } img { max-width: 100% }"""
PICTURES = "Promise.all([...document.images].map(async i => { await i.decode(); return i.naturalWidth; }))"
SECTIONS = (
    "Not free for every use,How to load,Splits,Sources and licences,From input to kept,Balance,What the faces say,"
    "Leakage between splits,How it was made,Limits,Consent and takedown,Link rot,Citation,Columns,Columns of frames,"
    "Versions"
)


@dataclass
class Desk:
    """A user's machine: a manifest, a cache, and the Hub that it speaks to."""

    manifest: Path
    hub: HubServer
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of its programs."""
        own = {"XDG_CACHE_HOME": str(self.home / "cache"), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
        return {**os.environ, **self.hub.env(self.home / "hf"), **own}

    def line(self, *options: str) -> list[str]:
        """The command; files of 20 KB, so that there are several."""
        place = [str(self.manifest), "--to", f"hf:{REPO}", "--allow", "unlicensed", "--max-shard", "20KB"]
        return [sys.executable, "-m", "moee_cli", "publish", *place, *options]

    def publish(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it."""
        return subprocess.run(
            self.line(*options), capture_output=True, text=True, cwd=ROOT, env=self.env, check=False, timeout=500
        )

    def first(self) -> list[str]:
        """Id of the first clip that `load_dataset` streams, and whether its bytes are those of the manifest."""
        command = [sys.executable, "-c", FIRST, REPO]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.home, env=self.env, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A manifest of six small clips and a Hub without faults."""
    with HubServer(tmp_path / "hub", part_bytes=30_000) as hub:
        yield Desk(make(tmp_path / "dataset", films()), hub, tmp_path)


def check_whole(desk: Desk) -> int:
    """What the Hub serves is what its own record says, byte for byte; returns how many files."""
    files = desk.hub.files(REPO)
    record = json.loads(desk.hub.content(REPO, ".published.json"))
    assert set(files) == {*record["files"], ".published.json", ".gitattributes"} and record["whole"] is True
    for name, entry in record["files"].items():
        assert hashlib.sha256(desk.hub.content(REPO, name)).hexdigest() == entry["sha256"], name
    return len(record["files"])


def faults() -> list[Fault]:
    """Every fault of the brief, at every step of a publication."""
    return [
        Fault("status", "whoami", "GET", times=2),
        Fault("status", "repos/create", times=2),
        Fault("status", "/tree/", "GET", times=1, status=502),
        Fault("status", "preupload", times=1, status=429, retry_after=1),
        Fault("status", "objects/batch", times=2),
        Fault("reset", "/lfs/[0-9a-f]+$", "PUT", times=2),
        Fault("reset", "/lfs/[0-9a-f]+/1$", "PUT", times=1),
        Fault("status", "/lfs/", "PUT", times=1, status=429, retry_after=2),
        Fault("status", "/complete", times=1),
        Fault("conflict", "/commit/", times=1),
        Fault("status", "/commit/", times=1),
        Fault("reset", "/commit/", times=1),
        Fault("status", "/tag/", times=1),
    ]


@pytest.mark.parametrize("material", ["rendered", "real"])
def test_a_publication_through_every_fault_ends_complete_and_streams(
    material: str, desk: Desk, request: pytest.FixtureRequest, table: Callable[[str], None]
) -> None:
    if material == "real":
        curated: CuratedReal = request.getfixturevalue("curated_real")
        desk.manifest = desk.home / "real"
        assert curated(desk.manifest).status in (0, 1)
    desk.hub.faults = faults()
    done = desk.publish("--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert not [fault for fault in desk.hub.faults if fault.times], "every fault was met"
    files = check_whole(desk)
    head = desk.hub.repo("dataset", REPO)
    assert head is not None and head["tags"] == {"v1": said["commit"]}
    clip, same = desk.first()
    assert clip.startswith("c_") and same == "True"
    clips = said["published"]["clips"]
    table(f"{material}: {clips} clips, {files} files, {said['bytes'] / 1e6:.1f} MB, {len(faults())} kinds of faults")


@pytest.mark.parametrize(("media", "said"), [("files", "True"), ("none", "no footage")])
def test_the_other_ways_for_media_stream_from_the_hub_too(desk: Desk, media: str, said: str) -> None:
    done = desk.publish("--media", media)
    assert done.returncode == 0, done.stderr
    check_whole(desk)
    clip, *words = desk.first()
    assert clip.startswith("c_") and " ".join(words) == said
    assert (media == "none") == (not any(name.endswith(".mp4") for name in desk.hub.files(REPO)))


def test_killed_in_mid_upload_and_run_again_it_sends_only_what_is_missing(
    desk: Desk, table: Callable[[str], None]
) -> None:
    desk.hub.part_bytes = 1 << 30  # one request for each file
    hold = Fault("hold", "/lfs/[0-9a-f]+$", "PUT", times=1_000, skip=3)
    desk.hub.faults = [hold]
    started = subprocess.Popen(desk.line(), cwd=ROOT, env=desk.env, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: len(desk.hub.uploads()) == 3 and hold.times < 1_000)
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    before = {one.path for one in desk.hub.uploads()}
    desk.hub.faults = []
    desk.hub.go_on.set()
    assert len(before) == 3 and len(desk.hub.files(REPO)) == 1, "nothing was committed"
    desk.hub.asked.clear()
    done = desk.publish()
    assert done.returncode == 0, done.stderr
    after = [one.path for one in desk.hub.uploads()]
    assert not before & set(after) and len(after) == len(set(after))
    check_whole(desk)
    large = sum(entry["lfs"] for entry in desk.hub.files(REPO).values())
    assert len(before) + len(after) == large
    table(f"{large} large files: {len(before)} sent before the kill, {len(after)} after it, none twice")
    desk.hub.asked.clear()
    again = desk.publish()
    assert again.returncode == 0 and again.stdout.startswith("already published: v1") and not desk.hub.uploads()


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what a started program does."""
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.01)


def test_a_file_that_is_altered_on_the_server_is_detected(desk: Desk) -> None:
    name = "data/test-00000-of-00001.parquet"
    desk.hub.faults = [Fault("alter", "/commit/", target=name)]
    at_once = desk.publish()
    assert at_once.returncode == 2 and f"lists another {name} than was sent" in at_once.stderr
    repaired = desk.publish()
    assert repaired.returncode == 0 and f"the Hub holds another {name}: it is replaced" in repaired.stderr
    check_whole(desk)
    desk.hub.alter(REPO, name)
    later = desk.publish("--dry-run", "--json")
    assert json.loads(later.stdout)["replaced"] == [name]


def test_the_next_state_is_the_next_version_with_its_changes_in_the_card(desk: Desk) -> None:
    assert desk.publish().returncode == 0
    before = set(desk.hub.files(REPO))
    changed = [film for film in films() if film.name != "three.mp4"]
    extra = Film("five.mp4", [Clip(2, 8, columns={"split": "train", "given_emotion": "fear"})])
    first, *rest = changed[0].clips
    again = Film("one.mp4", [replace(first, columns={**first.columns, "caption": "Another."}), *rest], says=True)
    desk.manifest = make(desk.home / "next", [again, *changed[1:], extra])
    done = desk.publish()
    assert done.returncode == 0, done.stderr
    assert "published: v2 in" in done.stdout
    head = desk.hub.repo("dataset", REPO)
    assert head is not None and head["tags"] == {"v1": head["commits"][1]["id"], "v2": head["commits"][-1]["id"]}
    card = desk.hub.content(REPO, "README.md").decode()
    rows = [line for line in card.split("## Versions")[1].splitlines() if line.startswith(("| v1", "| v2"))]
    assert [row.split(" | ")[0] for row in rows] == ["| v2", "| v1"]
    said = rows[0].replace("\\", "")
    assert "1 clip added, 1 removed, 1 changed (caption in 1" in said and "the first one" in rows[1]
    assert "data/test-00000-of-00001.parquet" in before - set(desk.hub.files(REPO)), "no test split any more"
    check_whole(desk)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_card_shows_every_section_and_plot_in_a_browser(desk: Desk, browser: Any, width: int) -> None:
    markdown = pytest.importorskip("markdown_it")
    assert desk.publish().returncode == 0
    for name in desk.hub.files(REPO):
        (desk.home / "card" / name).parent.mkdir(parents=True, exist_ok=True)
        (desk.home / "card" / name).write_bytes(desk.hub.content(REPO, name))
    body = (desk.home / "card" / "README.md").read_text().split("---\n", 2)[2]
    assert f'load_dataset("{REPO}", split="train")' in body and "FOLDER" not in body
    head = f"<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><style>{STYLE}</style>"
    shown = desk.home / "card" / "shown.html"
    shown.write_text(head + markdown.MarkdownIt("commonmark", {"html": True}).enable("table").render(body))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(shown.as_uri())
    shown_titles = page.evaluate("[...document.querySelectorAll('h2')].map(e => e.innerText)")
    assert shown_titles == SECTIONS.split(",")
    pictures = page.evaluate(PICTURES)
    assert len(pictures) == 5 and all(pictures)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing reaches beyond the window"
    if os.environ.get("MOEE_SCREENSHOTS"):
        page.screenshot(path=Path(os.environ["MOEE_SCREENSHOTS"]) / f"card-{width}.png", full_page=True)
    page.close()


FORGET = """
import sys
from manifests.publish.to_hub import publish_to_hub
print(publish_to_hub(sys.argv[1], sys.argv[2], allow=["unlicensed"], max_shard_bytes=20_000, forget=True).commit)
"""


def test_after_a_takedown_no_earlier_version_and_no_byte_of_it_is_on_the_hub(desk: Desk) -> None:
    assert desk.publish().returncode == 0
    gone = [entry["sha256"] for name, entry in desk.hub.files(REPO).items() if name.startswith("data/test")]
    desk.manifest = make(desk.home / "next", [film for film in films() if film.name != "three.mp4"])
    clip = b"c_26d30456705ceed6"  # of three.mp4
    assert any(clip in path.read_bytes() for path in (desk.hub.folder / "objects").iterdir())
    line = [sys.executable, "-c", FORGET, str(desk.manifest), f"hf:{REPO}"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=desk.env, check=False)
    assert done.returncode == 0, done.stderr
    head = desk.hub.repo("dataset", REPO)
    assert head is not None and len(head["commits"]) == 1 and head["tags"] == {"v2": done.stdout.strip()}
    assert not any((desk.hub.folder / "objects" / oid).exists() for oid in gone)
    assert not any(clip in path.read_bytes() for path in (desk.hub.folder / "objects").iterdir())
    check_whole(desk)
    desk.hub.asked.clear()
    again = desk.publish()
    assert again.stdout.startswith("already published: v2") and not desk.hub.uploads(), again.stderr

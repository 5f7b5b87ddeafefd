"""Proof: one person is taken out of a folder of real clips and of all that was made of it, and does not come back."""

import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import platformdirs
import pyarrow.parquet as pq
import pytest

import manifests
from perception.embedding import SAME_PERSON
from tests.curation.runs import ROOT, Ran, moee
from tests.curation.takedown.material import holding
from tests.hub_server import HubServer

pytestmark = pytest.mark.proof

PERSON, OTHER, THIRD = "emotion_mead_W009_{}.mp4", "talk_590_aoc_other_clip_speech_5s.mp4", "talk_512_may_speech_5s.mp4"
RECIPE = "name: lenient\nselect:\n  seconds: {min: 1}\n  faces: {max: 1}\n"
TAKEDOWN = "import typer; from curation.takedown.cli import takedown; typer.run(takedown)"
SIDE = 512
REPO = "org/faces"


def line(*arguments: object) -> list[str]:
    """The command line of `moee takedown`."""
    return [sys.executable, "-c", TAKEDOWN, *map(str, arguments)]


def take_down(*arguments: object) -> Ran:
    """Run it to its end."""
    done = subprocess.run(line(*arguments), capture_output=True, text=True, cwd=ROOT, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def frames(path: Path) -> Iterator[np.ndarray]:
    """The pictures of a video, SIDE x SIDE."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(width=SIDE, height=SIDE, format="rgb24")


def join(first: Path, second: Path, target: Path) -> None:
    """One video of two, one after the other: two persons in one source."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for path in (first, second):
            for pixels in frames(path):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory, test_data: Path, weights_folder: Path) -> Path:
    """Two clips of one person, one that shows them and then somebody else, one of a third person."""
    folder, videos = tmp_path_factory.mktemp("raw"), test_data / "videos"
    for number, feeling in enumerate(("happy_level3", "sad_level3")):
        (folder / f"w{number}.mp4").write_bytes((videos / PERSON.format(feeling)).read_bytes())
    (folder / "third.mp4").write_bytes((videos / THIRD).read_bytes())
    join(videos / PERSON.format("neutral_level1"), videos / OTHER, folder / "both.mp4")
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    """The person's own picture, of a clip that the folder does not hold."""
    from PIL import Image

    path = tmp_path_factory.mktemp("picture") / "me.png"
    pixels = list(frames(test_data / "videos" / PERSON.format("surprised_level3")))[30]
    Image.fromarray(pixels).save(path)
    return path


def words_of(root: Path, person: str) -> list[str]:
    """Every id, name and hash that is of the person alone."""
    manifest = manifests.open(root)
    tracks = {row["id"]: row["source"] for row in manifest.table("identities").to_pylist() if row["identity"] == person}
    sources = manifest.table("sources").to_pylist()
    shared = {row["id"] for row in sources if row["name"] == "both.mp4"}
    alone = [row for row in sources if row["id"] in tracks.values() and row["id"] not in shared]
    clips = [row for row in manifest.table("clips").to_pylist() if row["track"] in tracks]
    assert len(alone) == 2 and len(clips) == 3 and shared < set(tracks.values())
    words = [person, *tracks, *(row[name] for row in alone for name in ("id", "name", "sha256"))]
    return words + [row[name] for row in clips for name in ("id", "file_sha256")]


def vectors_of(root: Path) -> list[tuple[str, np.ndarray]]:
    """Every embedding that any file of a folder holds: the table, results of stages."""
    return [
        (row["id"], np.asarray(row["vector"]))
        for path in root.rglob("embeddings*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]


def clip_hashes(published: Path) -> set[str]:
    """The sha256 of every clip inside published shards."""
    return {
        hashlib.sha256(row["video"]["bytes"]).hexdigest()
        for path in published.rglob("*.parquet")
        if "video" in pq.read_schema(path).names
        for row in pq.read_table(path, columns=["video"]).to_pylist()
    }


def cache_of(folder: Path, root: Path) -> None:
    """Features as training keeps them, a copy of each clip, and a list that names all."""
    rows = []
    for clip in manifests.open(root).clips.to_dict("records"):
        part = f"picture/{clip['file_sha256'][:2]}/{clip['file_sha256']}-0123456789abcdef.safetensors"
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_bytes(b"latents")
        (folder / f"copy-{len(rows)}.bin").write_bytes((root / clip["file"]).read_bytes())
        rows.append({"id": clip["id"], "sha256": clip["file_sha256"], "parts": {"picture": part}})
    (folder / "features.json").write_text(json.dumps({"version": 1, "clips": rows, "left_out": {}}))


def state(*folders: Path) -> dict[str, str]:
    """Every file by its hash."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def killed(arguments: list[str], after: float) -> bool:
    """Kill it after so many seconds; False when it ended by itself."""
    run = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        run.wait(after)
        return False
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGKILL)
        run.wait()
        return True


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub, to which every program of this test speaks, and a cache of its own with the user's models in it."""
    (tmp_path / "home" / "moee").mkdir(parents=True)
    (tmp_path / "home" / "moee" / "weights").symlink_to(Path(platformdirs.user_cache_dir("moee")) / "weights")
    with HubServer(tmp_path / "hub") as server:
        for name, value in {**server.env(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home")}.items():
            monkeypatch.setenv(name, value)
        yield server


def push(root: Path) -> list[str]:
    """Publish to the Hub, allowing what the refusal names; returns what was allowed."""
    line = ("publish", root, "--to", f"hf:{REPO}")
    refused = moee(*line)
    allowed = re.findall(r"--allow (\S+)", refused.err)
    assert refused.status == 2 and allowed, refused.err
    done = moee(*line, *(word for name in allowed for word in ("--allow", name)))
    assert done.status == 0, done.err
    return allowed


def served(hub: HubServer) -> Path:
    """The folder of everything that the Hub holds, referenced or not."""
    for path in (hub.folder / "objects").iterdir():
        if path.read_bytes()[:4] == b"PAR1":
            path.rename(path.with_suffix(".parquet"))  # so that it is looked into
    return hub.folder


def test_nothing_of_a_person_is_left_by_bytes_or_by_face_and_curate_brings_nothing_back(
    raw: Path, picture: Path, tmp_path: Path, hub: HubServer, table: Callable[[str], None]
) -> None:
    root, published, cache = tmp_path / "set", tmp_path / "published", tmp_path / "cache"
    (tmp_path / "lenient.yaml").write_text(RECIPE)
    curate = ("curate", raw, "--out", root, "--recipe", tmp_path / "lenient.yaml", "--workers", 1, "--json")
    assert moee(*curate).status == 0
    assert moee("publish", root, "--to", published).status == 0
    allowed = push(root)
    first = hub.repo("dataset", REPO)
    assert moee("manifest", "report", root).status == 0
    cache_of(cache, root)

    # Who is it? The picture finds one person, and a look changes nothing.
    before = state(root, published, cache)
    found = json.loads(take_down(root, "--image", picture, "--reason", "asked", "--json").out)
    (match,) = found["matches"]
    person = match["identity"]
    words, faces = words_of(root, person), dict(vectors_of(root))
    gone = [faces[track] for track in words if track in faces]
    hashes = {word for word in words if len(word) == 64}
    everywhere = (root, published, cache)
    assert all(holding(folder, words) for folder in (root, published, cache)) and hashes & clip_hashes(published)
    options = ["--image", picture, "--confirm", person, "--reason", "asked by the person"]
    options += ["--published", published, "--published", f"hf:{REPO}", "--cache", cache]
    shown = json.loads(take_down(root, *options, "--json").out)
    assert state(*everywhere) == before and shown["clips"] == 3 and (shown["sources"], shown["parts"]) == (2, 1)

    # Done, through kills at ever later moments.
    kills, after = 0, 1.0
    while killed(line(root, *options, "--yes"), after):
        kills, after = kills + 1, after * 1.4
    done = take_down(root, *options, "--yes", "--json")
    assert done.status == 0, done.err

    # On the Hub: one commit, one tag, no object of an earlier one, and no more allowed than before.
    repo = hub.repo("dataset", REPO)
    assert first is not None and repo is not None and len(repo["commits"]) == 1
    assert repo["tags"] == {"v2": repo["commits"][0]["id"]} and "v1" in first["tags"]
    record = json.loads(hub.content(REPO, ".published.json"))
    assert record["clips"] == 2 and set(record["stated"]["allowed"]) <= set(allowed)
    receipts = [json.loads(path.read_text()) for path in (root / "takedowns").iterdir()]
    said = [place["hub"] for receipt in receipts for place in receipt["published_again"] if "hub" in place]
    asked = max(one["revisions_asked"] for one in said)
    assert asked >= 2 and not any(one["revisions_that_still_resolve"] for one in said)
    objects = len(list((hub.folder / "objects").iterdir()))
    assert holding(served(hub), words) == [] and clip_hashes(hub.folder) and not hashes & clip_hashes(hub.folder)

    # By bytes: names of files, text, every value of every table, clips inside shards.
    left = [hit for folder in everywhere for hit in holding(folder, words)]
    assert left == []
    assert not hashes & (clip_hashes(published) | set(state(*everywhere).values()))
    assert not (root / "report.html").exists() and not list(root.glob("pages/*"))
    # By face: no embedding that is kept lies within the threshold of one that went.
    nearest = min(float(np.linalg.norm(vector - other)) for _, vector in vectors_of(root) for other in gone)
    assert nearest > SAME_PERSON["dlib-face"]
    assert json.loads(take_down(root, "--image", picture, "--reason", "asked", "--json").out)["matches"] == []

    # What stays is sound, counted, and published.
    assert moee("manifest", "validate", root).status == 0
    kept = manifests.open(root).clips
    assert len(kept) == 2 and sum(row["clips"] for row in manifests.open(root).table("splits").to_pylist()) == 2
    assert clip_hashes(published) == set(kept["file_sha256"])
    assert {row["id"] for row in json.loads((cache / "features.json").read_text())["clips"]} == set(kept["id"])

    # A rerun brings nothing back.
    clips = pq.read_table(root / "clips.parquet").to_pylist()
    again = moee(*curate)
    assert again.status == 0 and again.source("w0.mp4")["reasons"] == ["taken-down"]
    assert again.source("both.mp4")["clips"] == 1 and again.json["frames"]["analysis_decoded"] == 0
    assert holding(root, words) == [] and pq.read_table(root / "clips.parquet").to_pylist() == clips
    assert moee("manifest", "validate", root).status == 0
    table(
        f"{len(words)} ids, names and hashes of 3 clips in 2 sources and a shared one: 0 left in "
        f"{len(state(*everywhere))} files after {kills} kills; nearest face that stays {nearest:.2f} "
        f"(threshold {SAME_PERSON['dlib-face']:.2f}); picture at {match['distance']:.2f}; on the Hub 0 left in "
        f"{objects} objects, {asked} earlier revisions asked, 0 resolve"
    )


def test_a_stranger_s_picture_finds_nobody(raw: Path, test_data: Path, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "lenient.yaml").write_text(RECIPE)
    one = tmp_path / "one"
    one.mkdir()
    (one / "third.mp4").write_bytes((raw / "third.mp4").read_bytes())
    arguments = ("--out", tmp_path / "set", "--recipe", tmp_path / "lenient.yaml", "--workers", 1)
    assert moee("curate", one, *arguments).status == 0
    stranger = list(frames(test_data / "videos" / PERSON.format("happy_level3")))[30]
    Image.fromarray(stranger).save(tmp_path / "stranger.png")
    said = take_down(tmp_path / "set", "--image", tmp_path / "stranger.png", "--reason", "asked")
    assert said.status == 0 and "nobody in this manifest is that near" in said.out

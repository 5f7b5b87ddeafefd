"""A local site that serves real clips and does everything wrong that sites do; it logs each request it gets.

`python -m tests.curation.download.server CLIPS [--host H] [--latency S]` prints its port; the log is at `/_log`.
A path is `/<behaviour>/<number>/<clip name>`.
"""

import argparse
import functools
import gzip
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOSTILE_TITLE = "../../../etc/passwd \"quoted\" 'single' \x1b[31mred\x07 \x00nul \u202eevil &lt;b&gt;&amp; " + "x" * 250
PAGE = "<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"
MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S"><Period>
<AdaptationSet mimeType="video/mp4">
<Representation id="new" codecs="av01.0.05M.08" width="320" height="256" bandwidth="90000"><BaseURL>/404/1/new.mp4</BaseURL></Representation>
<Representation id="tall" codecs="avc1.64001f" width="4000" height="3000" bandwidth="99000"><BaseURL>/404/1/tall.mp4</BaseURL></Representation>
<Representation id="good" codecs="avc1.64001f" width="160" height="128" bandwidth="50000"><BaseURL>/ok/1/pictures.mp4</BaseURL></Representation>
</AdaptationSet>
<AdaptationSet mimeType="audio/mp4"><Representation id="sound" codecs="mp4a.40.2" bandwidth="64000"><BaseURL>/ok/1/sound.m4a</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""  # noqa: E501


@dataclass
class Asked:
    """One request, with the moment it came and what it got."""

    at: float
    path: str
    start: int
    status: int = 0
    sent: int = 0
    whole: bool = False


class Stall(threading.Thread):
    """Measures the longest time in s that this process was not given a processor: a request may be seen that late."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self.start()

    def run(self) -> None:
        """Sleep a little, again and again, and see how much later it is than it should be."""
        while True:
            before = time.monotonic()
            time.sleep(0.005)
            self.longest = max(self.longest, time.monotonic() - before - 0.005)


class Site(ThreadingHTTPServer):
    """The server with its clips, its log and its memory of how often a path was asked."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, clips: Path, host: str = "127.0.0.1", latency: float = 0.0) -> None:
        self.clips = {path.name: path.read_bytes() for path in sorted(clips.iterdir()) if path.is_file()}
        self.latency = latency
        self.log: list[Asked] = []
        self.count: dict[str, int] = defaultdict(int)
        self.lock = threading.Lock()
        self.stall = Stall()
        self.elsewhere = "127.0.0.1:9"  # where `to-other-port` leads
        super().__init__((host, 0), Handler)

    @property
    def url(self) -> str:
        """Its root, without the last slash."""
        return f"http://{self.server_address[0]}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request as its path says."""

    server: Site
    timeout = 60
    pace = 0.0

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        if self.path == "/_stall":
            self._body(json.dumps(self.server.stall.longest).encode(), "application/json")
            return
        if self.path == "/_log":
            self._body(json.dumps([asdict(asked) for asked in self.server.log]).encode(), "application/json")
            return
        self.path = self.path.removeprefix(f"http://{self.headers.get('Host')}")  # as a proxy is asked
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted.startswith("bytes=") else 0
        self.asked = Asked(time.monotonic(), self.path, start)
        with self.server.lock:
            self.server.log.append(self.asked)
            self.server.count[self.path] += 1
            self.number = self.server.count[self.path]
        if self.server.latency:
            time.sleep(self.server.latency)
        _, behaviour, *rest = self.path.split("/")
        self.clip = self.server.clips.get(rest[-1].partition("?")[0] if rest else "", b"")
        try:
            if behaviour.isdigit():
                self._status(int(behaviour))
            else:
                getattr(self, "b_" + behaviour.replace("-", "_"))()
        except OSError:
            self.close_connection = True

    # -- plain answers ----------------------------------------------------------------------------

    def _status(self, status: int, body: bytes = b"no", **headers: str) -> None:
        self._body(body, "text/html", status, **headers)

    def _body(self, body: bytes, kind: str, status: int = 200, **headers: str) -> None:
        if hasattr(self, "asked"):
            self.asked.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self._send(body)

    def _send(self, body: bytes, most: int | None = None) -> None:
        for at in range(0, min(len(body), most if most is not None else len(body)), 1 << 14):
            time.sleep(self.pace)
            block = body[at : min(at + (1 << 14), most if most is not None else len(body))]
            self.wfile.write(block)
            if hasattr(self, "asked"):
                self.asked.sent += len(block)
        if hasattr(self, "asked"):
            self.asked.whole = self.asked.sent == len(body)

    def b_ok(self, most: int | None = None, length: bool = True) -> None:
        """The clip, in parts if asked so; `most` bytes of it are really sent."""
        body, etag = self.clip, f'"{len(self.clip)}"'
        if not body:
            return self._status(404)
        start = self.asked.start if self.headers.get("If-Range", etag) == etag else 0
        if start >= len(body):
            return self._status(416)
        last = self.headers.get("Range", "").rpartition("-")[2]
        end = min(int(last) + 1, len(body)) if last.isdigit() else len(body)
        partial = "Range" in self.headers and self.headers.get("If-Range", etag) == etag
        self.asked.status = 206 if partial else 200
        self.send_response(self.asked.status)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", "Fri, 20 Nov 2026 10:00:00 GMT")
        if length:
            self.send_header("Content-Length", str(end - start))
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
        self.end_headers()
        return self._send(body[start:end], None if most is None else max(0, most - start))

    def b_target(self) -> None:
        """Where pages and redirects lead."""
        self.b_ok()

    def b_page(self) -> None:
        """A page with a video in it."""
        place = self.path.replace("/page/", "/target/", 1)
        self._body(PAGE.format(title="A talk", body=f'<video src="{place}"></video>').encode(), "text/html")

    def b_title(self) -> None:
        """A page whose title is an attack."""
        place = self.path.replace("/title/", "/target/", 1)
        self._body(PAGE.format(title=HOSTILE_TITLE, body=f'<video src="{place}"></video>').encode("utf-8"), "text/html")

    def b_mpd(self) -> None:
        """A DASH manifest: pictures in av1 (which is not there), pictures in H.264, sound apart."""
        self._body(MPD.encode(), "application/dash+xml")

    def b_hls_long(self) -> None:
        """A playlist that announces more than there is."""
        self.b_hls(60)

    def b_hls(self, seconds: int = 6) -> None:
        """An HLS playlist of one piece."""
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:60\n#EXTINF:{seconds}.0,\n/ok/0/transport.ts\n#EXT-X-ENDLIST\n"
        self._body(text.encode(), "application/vnd.apple.mpegurl")

    def b_list(self) -> None:
        """A page with two videos."""
        videos = '<video src="/ok/1/short.mp4"></video><video src="/ok/2/short.mp4"></video>'
        self._body(PAGE.format(title="Two", body=videos).encode(), "text/html")

    def b_html(self) -> None:
        """No video at all."""
        self._body(PAGE.format(title="News", body="<p>words</p>").encode(), "text/html; charset=utf-8")

    def b_audio(self) -> None:
        """Sound only."""
        self._body(b"\xff\xfb" + bytes(3000), "audio/mpeg")

    # -- statuses ---------------------------------------------------------------------------------

    def b_forbidden_login(self) -> None:
        self._status(403, b"<p>Please log in to watch this.</p>")

    def b_members(self) -> None:
        """For those who bring the cookie."""
        if "member=yes" in self.headers.get("Cookie", ""):
            return self.b_ok()
        return self.b_forbidden_login()

    def b_forbidden_captcha(self) -> None:
        self._status(403, b"<p>Solve the captcha to go on.</p>")

    def b_forbidden_age(self) -> None:
        self._status(403, b"<p>Confirm your age.</p>")

    def b_too_many(self) -> None:
        """Once too many, with seconds to wait."""
        if self.number == 1:
            self._status(429, Retry_After="1")
        else:
            self.b_ok()

    def b_too_many_date(self) -> None:
        """Once too many, with a moment to wait for."""
        if self.number == 1:
            self._status(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True))
        else:
            self.b_ok()

    def b_too_many_day(self) -> None:
        self._status(429, Retry_After="86400")

    def b_failing_thrice(self) -> None:
        """Works the fourth time."""
        if self.number <= 3:
            self._status(500)
        else:
            self.b_ok()

    # -- connections ------------------------------------------------------------------------------

    def b_truncated(self) -> None:
        """Announces the whole and ends in the middle, always."""
        self.b_ok(most=len(self.clip) // 2)

    def b_truncated_once(self) -> None:
        """The same, once."""
        self.b_ok(most=len(self.clip) // 2 if self._downloads() == 1 else None)

    def b_short(self) -> None:
        """Half a file that claims nothing about its length: whole, as far as HTTP can say."""
        self.b_ok(most=len(self.clip) // 2, length=False)

    def b_reset(self) -> None:
        """Breaks the connection in the middle, once."""
        if self._downloads() != 1:
            return self.b_ok()
        self.b_ok(most=len(self.clip) // 2)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.2)  # so that what was sent arrives before the reset
        self.connection.close()
        return None

    def _downloads(self) -> int:
        """Which download this is: the first request of an attempt only looks at the headers."""
        return 1 if self.number <= 2 else 2

    def b_slow(self) -> None:
        """One byte a second."""
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(self.clip)))
        self.end_headers()
        for at in range(60):
            self.wfile.write(self.clip[at : at + 1])
            time.sleep(1)

    def b_paced(self) -> None:
        """The clip at 0.5 MB/s, as a busy site sends it."""
        self.pace = 1 / 32
        self.b_ok()

    def b_slow_headers(self) -> None:
        """A byte of a header each half second, for ever."""
        for _ in range(120):
            self.wfile.write(b"H")
            time.sleep(0.5)

    # -- redirects --------------------------------------------------------------------------------

    def b_moved(self) -> None:
        self._status(302, Location=self.path.replace("/moved/", "/target/", 1))

    def b_loop(self) -> None:
        self._status(302, Location=self.path)

    def b_ring(self) -> None:
        self._status(301, Location=self.path.replace("/ring/", "/ring-back/", 1))

    def b_ring_back(self) -> None:
        self._status(307, Location=self.path.replace("/ring-back/", "/ring/", 1))

    def b_to_file(self) -> None:
        self._status(302, Location="file:///etc/passwd")

    def b_to_private(self) -> None:
        self._status(302, Location="http://169.254.169.254/latest/meta-data/")

    def b_to_other_port(self) -> None:
        self._status(302, Location=f"http://{self.server.elsewhere}/ok/inside.mp4")

    def b_to_short_ip(self) -> None:
        self._status(302, Location="http://0x7f.1:22/")

    def b_page_to_private(self) -> None:
        self._body(PAGE.format(title="t", body='<video src="http://10.0.0.1/v.mp4"></video>').encode(), "text/html")

    # -- bombs ------------------------------------------------------------------------------------

    def b_bomb(self) -> None:
        """128 MiB of nothing, packed into a thousandth."""
        self._body(_bomb(), "video/mp4", Content_Encoding="gzip")

    def b_page_bomb(self) -> None:
        self._body(_bomb(), "text/html", Content_Encoding="gzip")

    def b_huge(self) -> None:
        """Announces ten terabytes."""
        self._body(self.clip, "video/mp4", Content_Length=str(10**13))

    def b_endless(self) -> None:
        """A page without an end."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>")
        for _ in range(1000):
            self.wfile.write(b"<p>more</p>" * 10000)

    def b_garbage(self) -> None:
        self._body(bytes(range(256)) * 64, "video/mp4")

    def b_nothing(self) -> None:
        self._body(b"", "video/mp4")


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(1 << 27), 1)


@contextmanager
def serving(clips: Path, host: str = "127.0.0.1", latency: float = 0.0) -> Iterator[Site]:
    """The site, in a thread of this process."""
    site = Site(clips, host, latency)
    thread = threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()


def main() -> None:
    """The site as a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--latency", type=float, default=0.0)
    chosen = parser.parse_args()
    site = Site(chosen.clips, chosen.host, chosen.latency)
    print(site.url, flush=True)
    site.serve_forever()


if __name__ == "__main__":
    main()

"""A line to the server that breaks: a reply ends in its middle, or stops there without an end."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Cut = Callable[[str], str]
"""From a request's first line to `whole`, `broken` (the reply ends in its middle) or `silent` (it goes no further)."""
SILENCE = 60.0  # s


@contextmanager
def cutting(port: int, cut: Cut) -> Iterator[int]:
    """Stand before the server of a port; gives the port on which it is reached through here."""

    class Line(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = _request(self.request)
            if not asked:
                return
            with socket.create_connection(("127.0.0.1", port)) as server:
                head, _, body = asked.partition(b"\r\n")
                server.sendall(head + b"\r\nConnection: close\r\n" + body)
                reply = b"".join(iter(lambda: server.recv(1 << 16), b""))
            how = cut(head.decode())
            start = reply.index(b"\r\n\r\n") + 4
            self.request.sendall(reply if how == "whole" else reply[: (start + len(reply)) // 2])
            if how == "silent":
                time.sleep(SILENCE)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def _request(client: socket.socket) -> bytes:
    """One request with its body; empty where the browser only opened the line."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        part = client.recv(1 << 16)
        if not part:
            return b""
        asked += part
    head, _, body = asked.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", b"0")):
        body += client.recv(1 << 16)
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:"))
    return head + b"\r\n\r\n" + body

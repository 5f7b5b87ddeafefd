"""The real server in a process of its own, and raters that speak HTTP to it."""

import csv
import http.client
import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.curation.runs import ROOT, command


@dataclass
class Served:
    """A study that is being served."""

    folder: Path
    port: int = 0
    process: Any = field(default=None, repr=False)

    def start(self) -> "Served":
        """Start the server, on the port that it had before."""
        self.process = subprocess.Popen(
            command("study", "serve", self.folder, "--port", self.port),
            stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        said = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
        assert found, said + self.process.stderr.read()
        self.port = int(found[1])
        return self

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()

    @property
    def links(self) -> list[str]:
        """The secrets of the raters, number 1 first."""
        with (self.folder / "links.csv").open(newline="") as file:
            return [row["link"].split("/r/")[1] for row in csv.DictReader(file)]

    def ask(
        self, path: str, body: Any = None, method: str | None = None, kind: str = "application/json", **headers: str
    ) -> "Reply":
        """One request, its path sent as it stands."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = dict(headers) | ({"Content-Type": kind} if raw is not None else {})
        connection.putrequest(method or ("GET" if raw is None else "POST"), path, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        if raw is not None:
            connection.putheader("Content-Length", str(len(raw)))
        connection.endheaders(raw)
        found = connection.getresponse()
        reply = Reply(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())
        connection.close()
        return reply


@dataclass(frozen=True)
class Reply:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def sentence(self) -> str:
        """The body of a refusal: one plain sentence."""
        text = self.body.decode()
        assert text.endswith(".\n") and text.count("\n") == 1 and "<" not in text, text
        return text.strip()


def answer(step: dict[str, Any], value: int = 3, **changes: Any) -> dict[str, Any]:
    """An answer to a step as the page sends it."""
    values = {question["key"]: value for question in step["questions"]}
    sent = {"position": step["position"], "token": step["token"], "values": values, "seconds": 2.5, "plays": 1}
    return sent | changes

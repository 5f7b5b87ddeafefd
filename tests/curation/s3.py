"""A real S3 server on this machine for tests, and Ray clusters of several nodes, each started as a user starts one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")


def free_port() -> int:
    """A port that nobody listens to just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def s3_server(bucket: str = "data") -> Iterator[dict[str, str]]:
    """An S3 server with an empty bucket; gives the environment that leads to it."""
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(environment["AWS_ENDPOINT_URL"])
        urllib.request.urlopen(
            urllib.request.Request(f"{environment['AWS_ENDPOINT_URL']}/{bucket}", method="PUT"), timeout=10
        ).close()
        yield environment
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)


class Nodes:
    """A Ray cluster of nodes on loopback: each its own raylet, session folder and scratch folder.

    Args:
        folder: where everything of it lies; short, for Ray's sockets lie in it.
        env: environment of the nodes.
        hidden: folders that the nodes cannot see (an empty file system is mounted there), where the system allows it.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], hidden: tuple[Path, ...] = ()) -> None:
        self.folder, self.hidden = folder, hidden
        self.env = {**env, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
        self.env["RAY_raylet_start_wait_time_s"] = "180"  # a busy machine is slow
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, cpus: int) -> subprocess.Popen[bytes]:
        """Start a node; the first is the head, which takes no work of its own when `cpus` is 0."""
        place = self.folder / f"n{len(self.nodes)}"
        place.mkdir(parents=True)
        head = ["--head", "--port", str(self.port), "--temp-dir", str(place), "--include-dashboard=false"]
        command = [str(RAY), "start", *(head if not self.nodes else ["--address", self.address]), "--block"]
        command += ["--num-cpus", str(cpus), "--object-store-memory", str(100 << 20), "--memory", str(16 << 30)]
        if self.hidden:
            mounts = " && ".join(f"mount -t tmpfs none '{folder}'" for folder in self.hidden)
            command = ["unshare", "--mount", "sh", "-c", f"{mounts} && exec {' '.join(command)}"]
        node = subprocess.Popen(
            command,
            stdout=(place / "said").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **self.env, "MOEE_SCRATCH": str(place / "scratch")},
        )
        self.nodes.append(node)
        return node

    def wait(self) -> None:
        """Until all nodes that were started have joined."""
        script = (
            "import ray, sys, time\n"
            "until = time.monotonic() + 90\n"
            f"ray.init('{self.address}', log_to_driver=False, logging_level='ERROR')\n"
            f"while sum(node['Alive'] for node in ray.nodes()) < {len(self.nodes)}:\n"
            "    time.sleep(0.3)\n"
            "    sys.exit('nodes are missing') if time.monotonic() > until else None\n"
        )
        for _ in range(30):
            done = subprocess.run(
                [sys.executable, "-c", script],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, **self.env},
            )
            if done.returncode == 0:
                return
            if any(node.poll() is not None for node in self.nodes):
                said = [(self.folder / f"n{place}" / "said").read_text()[-1000:] for place in range(len(self.nodes))]
                raise RuntimeError("a node did not start: " + "\n".join(said))
            time.sleep(1.0)
        raise TimeoutError(done.stderr[-2000:])

    def kill(self, node: subprocess.Popen[bytes]) -> list[str]:
        """End a node with all its processes at once, as a power cut does; what its workers did then (`ray::NAME`)."""
        import psutil

        did = []
        for process in [*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)]:
            with suppress(psutil.Error):
                did += process.cmdline()[:1]
            with suppress(psutil.NoSuchProcess):
                process.kill()
        node.wait()
        return [title.removeprefix("ray::") for title in did if title.startswith("ray::")]

    def processes(self, name: str) -> list[int]:
        """Process ids of the nodes' workers that do this now (`ray::NAME`)."""
        import psutil

        found = []
        for node in self.nodes:
            if node.poll() is None:
                for process in psutil.Process(node.pid).children(recursive=True):
                    try:
                        if process.cmdline() and process.cmdline()[0].startswith(f"ray::{name}"):
                            found.append(process.pid)
                    except psutil.Error:
                        continue
        return found

    def end(self) -> None:
        """End all of it."""
        for node in reversed(self.nodes):
            if node.poll() is None:
                self.kill(node)


@contextmanager
def nodes(
    folder: Path, cpus: tuple[int, ...], env: Mapping[str, str], hidden: tuple[Path, ...] = ()
) -> Iterator[Nodes]:
    """A running cluster with these nodes, the head first."""
    cluster = Nodes(folder, env, hidden)
    try:
        for count in cpus:
            cluster.start(count)
            cluster.wait()
        yield cluster
    finally:
        cluster.end()

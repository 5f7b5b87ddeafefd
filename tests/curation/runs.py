"""Runs of the real command line, as a user types it, and what they leave behind."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Its result on stdout."""
        return json.loads(self.out)

    def source(self, name: str) -> dict[str, Any]:
        """What `moee curate --json` says of one input."""
        (found,) = [source for source in self.json["sources"] if source["name"] == name]
        return found


def command(*arguments: object) -> list[str]:
    """The command line of `moee` in this environment."""
    return [sys.executable, "-m", "moee_cli", *map(str, arguments)]


def moee(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Ran:
    """Run `moee` to its end."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        check=False,
        **options,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def real_clips() -> Path | None:
    """The folder of real clips, or None."""
    folder = Path(os.environ.get("MOEE_TEST_DATA", ROOT.parent / "shared" / "data")) / "videos"
    return folder if folder.is_dir() else None


def sample_video(
    folder: Path, name: str, *, seconds: float = 3.0, index_first: bool = True, subject: str = "astronaut"
) -> Path:
    """A talking portrait of the embedded sample, rendered into `folder`; its index stands first or last."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("the sample's speech needs espeak-ng: apt-get install espeak-ng")
    from curation.sample.render import render
    from curation.sample.scenes import Line, Scene, Shot

    said = ("The boat left the harbour at nine.", "Nobody was on board.", "We found it in the morning.")
    lines = tuple(Line(text) for text in said[: max(1, round(seconds / 2))])
    scene = Scene(name, (Shot(subject, "neutral", lines),), index_first=index_first)
    render(folder, scenes=(scene,), workers=1)
    for other in (folder / "truth.parquet", folder / ".sample.json"):
        other.unlink(missing_ok=True)
    return folder / name


def kill_after(seconds: float, *arguments: object, alone: bool = False) -> bool:
    """Start `moee`, kill it after a while with its whole process group, or alone; False when it had ended before."""
    run = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    time.sleep(seconds)
    alive = run.poll() is None
    if alive:
        (os.kill if alone else os.killpg)(run.pid, signal.SIGKILL)
    run.wait()
    return alive


def result_bytes(out: Path) -> dict[str, str]:
    """Hashes of the clip table and of every exported clip."""
    files = [out / "clips.parquet", *sorted((out / "clips").iterdir())]
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

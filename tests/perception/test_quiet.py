"""Native chatter stays off the terminal; everything else gets there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perception import quiet
from perception.quiet import native_logs_hidden
from tests.perception.conftest import need

ROOT = Path(quiet.__file__).parent.parent


def test_only_what_the_block_writes_is_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with native_logs_hidden(), native_logs_hidden():
        os.write(2, b"native chatter ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def test_an_error_in_the_block_gives_the_terminal_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="real"), native_logs_hidden():
        raise ValueError("real")
    os.write(2, b"visible")
    assert capfd.readouterr().err == "visible"


def test_what_was_hidden_is_in_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="perception.quiet"), native_logs_hidden():
        os.write(2, b"why it failed")
    assert "why it failed" in caplog.text


def test_all_models_load_run_and_end_without_a_word() -> None:
    """A whole process that even forgets to close its models: nothing on standard error."""
    for name in ("blazeface-full", "blazeface-short", "face-landmarker", "face-mesh"):
        need(name)
    code = (
        "import numpy as np\n"
        "from perception.faces import FaceDetector\n"
        "from perception.landmarks import FaceLandmarker\n"
        "image = np.full((120, 160, 3), 90, np.uint8)\n"
        "models = [FaceDetector.load(r) for r in ('full', 'short')]\n"
        "print([len(m([image])[0]) for m in models])\n"
        "models += [FaceLandmarker.load(model=m) for m in ('face-landmarker', 'face-mesh')]\n"
        "print([m([image], [(20, 20, 80, 80)])[0] for m in models[2:]])\n"
        "FaceDetector.load('full').close()\n"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == ["[0, 0]", "[None, None]"]

"""The cost comparison counts what is written, costs as much as S3FD does, and does all of the reference's steps."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from perf.s3fd import S3fd  # noqa: E402
from perf.syncnet import Watched  # noqa: E402
from perf.syncnet_reference import Reference  # noqa: E402
from tests.benchmark.extract.made import moving  # noqa: E402

PUBLISHED = 89_844_381  # bytes of sfd_face.pth
LENGTHS = 256 + 512 + 512  # numbers by which S3FD scales what ours scales to one


def test_the_detector_has_as_many_numbers_as_s3fd() -> None:
    numbers = sum(parameter.numel() for parameter in S3fd().parameters()) + LENGTHS
    assert 0 < PUBLISHED - 4 * numbers < 16_384


def test_the_detector_sees_six_sizes() -> None:
    with torch.inference_mode():
        found = S3fd()(torch.zeros(1, 3, 128, 96))
    assert [tuple(box.shape[2:]) for box, _ in found] == [(32, 24), (16, 12), (8, 6), (4, 3), (2, 2), (1, 1)]
    assert [face.shape[1] for _, face in found] == [4, 2, 2, 2, 2, 2]


def test_files_and_programs_are_noticed_only_while_it_is_on(tmp_path: Path) -> None:
    watched = Watched()
    (tmp_path / "before").write_text("x")
    watched.on = True
    (tmp_path / "before").read_text()
    assert watched.seen == []
    (tmp_path / "while").write_text("x")
    subprocess.run([sys.executable, "-c", ""], check=True)
    watched.on = False
    (tmp_path / "after").write_text("x")
    assert watched.seen[0] == f"open {tmp_path / 'while'}"
    assert any("Popen" in what or "spawn" in what for what in watched.seen[1:])
    assert not any("after" in what for what in watched.seen)


def test_every_step_of_the_reference_makes_its_files(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg is not here: run `make setup`")
    clip = moving(tmp_path / "clip.mp4", frames=12, size=(192, 160), sound=12 / 25)
    steps: list[str] = []

    @contextlib.contextmanager
    def timed(step: str) -> Iterator[None]:
        steps.append(step)
        yield

    work = tmp_path / "work"
    work.mkdir()
    spots = {frame: (96.0, 80.0, 30.0) for frame in range(12) if frame != 5}
    files = Reference().run(clip, work, spots, timed)
    made = {path.name: sum(1 for _ in path.iterdir()) for path in work.iterdir() if path.is_dir()}
    assert made.keys() == {"frames", "back"}
    assert all(12 <= count <= 14 for count in made.values()), "FFmpeg 5.1 makes two pictures more"
    assert files == sum(made.values()) + len(
        ("video.avi", "audio.wav", "crop.avi", "cut.wav", "muxed.avi", "heard.wav")
    )
    assert steps == [
        "coded again", "JPEG frames and WAV", "detection", "crops coded", "crops read back", "sound, network, offset",
    ]  # fmt: skip

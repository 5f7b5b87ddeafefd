"""Bundles proved: 1,000 wild changes are found, numbers come again in a fresh process without network, in seconds."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.bundle import files, load_features, recompute, verify
from benchmark.protocol import load_protocol
from perf.rescoring import TARGET_S, synthetic
from tests.benchmark.bundle.material import flip, make

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]
Table = Callable[[str], None]

# What the process does with files and sockets is told by the interpreter itself.
WATCHED = """
import sys
opened, spoken = set(), []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.add(str(arguments[0]))
    elif event.startswith("socket.") and event != "socket.__new__" or event == "subprocess.Popen":
        spoken.append(event)
sys.addaudithook(watch)
from pathlib import Path
from benchmark.bundle import verify
problems = verify(Path(sys.argv[1]))
print("problems", len(problems))
print("spoken", sorted(set(spoken)))
print("videos", [name for name in opened if name.endswith((".mp4", ".mov", ".mkv", ".webm", ".avi", ".wav"))])
"""


def test_numbers_come_again_in_a_fresh_process_without_network_or_video(tmp_path: Path, table: Table) -> None:
    make(tmp_path / "b", synthetic(60, 10), tuple(load_protocol("sample").metrics))
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path / "b")],
        cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    table(" ".join(ran.stdout.split()))
    assert ran.stdout.splitlines() == ["problems 0", "spoken []", "videos []"]


def test_1000_flipped_bits_are_all_found_and_their_file_named(tmp_path: Path, table: Table) -> None:
    folder = tmp_path / "b"
    make(folder, synthetic(12, 4), ("psnr", "akd", "identity"))
    rng = random.Random(0)
    listed = [*files.listing(folder)[0], files.SEAL]
    sizes = [(folder / name).stat().st_size for name in listed]
    named = 0
    for number in range(1000):
        place = rng.choices(range(len(listed)), sizes if number % 2 else None)[0]
        at, bit = rng.randrange(sizes[place]), rng.randrange(8)
        flip(folder / listed[place], at, bit)
        named += {problem.file for problem in verify(folder) if problem.file} == {listed[place]}
        flip(folder / listed[place], at, bit)
    table(f"{named} of 1000 flipped bits found and their file named, in {len(listed)} files")
    assert named == 1000 and verify(folder) == []


def test_a_thousand_clips_are_scored_again_in_seconds(tmp_path: Path, table: Table) -> None:
    keys = tuple(load_protocol("sample").metrics)
    make(tmp_path / "b", synthetic(1000, 50), keys)
    started = time.perf_counter()
    results, _ = recompute(load_features(tmp_path / "b"), keys)
    seconds = time.perf_counter() - started
    table(f"1000 clips x 50 frames, {len(results)} metrics: {seconds:.2f} s of {TARGET_S:g} s")
    assert seconds < 2 * TARGET_S  # the machine may be doing other things

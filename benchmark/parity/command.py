"""`moee bench parity`: makes the inputs, runs every program and ours, compares, and writes the page."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.parity.environment import environment
from benchmark.parity.inputs import Inputs, write_inputs
from benchmark.parity.ours import PARTS, write_weights
from benchmark.parity.page import page
from benchmark.parity.published import Value, values
from benchmark.parity.rows import REFERENCES, Row, Side, program, rows

log = logging.getLogger(__name__)

RUN: Final = Path(__file__).parent / "reference" / "run.py"
Note = Callable[[str], None]


@dataclass(frozen=True)
class Parity:
    """What a run found.

    Attributes:
        rows: the comparisons.
        values: numbers that others published, and what ours gives for them.
        inputs: what both sides got.
        ours, theirs: part, or program -> what it found, with versions and seconds.
        seconds: in all, and of the environment and the inputs.
    """

    rows: list[Row]
    values: list[Value]
    inputs: Inputs
    ours: dict[str, Side]
    theirs: dict[str, Side]
    seconds: dict[str, float]

    @property
    def equal(self) -> bool:
        """Whether no difference lies beyond its tolerance; skipped rows say nothing."""
        return all(row.verdict != "differs" for row in self.rows) and all(v.verdict != "differs" for v in self.values)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "equal": self.equal,
            "inputs": self.inputs.as_dict(),
            "versions": versions(self),
            "rows": [row.as_dict() for row in self.rows],
            "published": [value.as_dict() for value in self.values],
            "seconds": self.seconds | {name: side.seconds for name, side in (self.ours | self.theirs).items()},
        }


def parity(
    real: Path | None = None,
    *,
    frames: int = 200,
    clips: int = 20,
    env: Path | None = None,
    out: Path | None = None,
    note: Note = log.info,
) -> Parity:
    """Run the public programs and ours on the same inputs and seeded weights.

    Args:
        real: a folder of videos; None renders the embedded sample.
        frames: for Inception, an even number for each clip.
        clips: even, at least 4.
        env: the environment of the public programs; None keeps one in the user's cache, made when it is not there.
        out: the page that is written (Markdown); None writes none.
        note: takes a line about each part when it is done.

    Returns:
        Rows in a fixed order; a program that cannot be imported costs its own rows only.

    Raises:
        BenchmarkError: no environment, no inputs of that kind, or no place for the page.
    """
    start = time.perf_counter()
    if out is not None and (out.is_dir() or (out.parent.exists() and not out.parent.is_dir())):
        raise BenchmarkError(f"{out} cannot be written: name a file for the page with --out.")
    python = environment(env)
    seconds = {"environment": time.perf_counter() - start}
    with tempfile.TemporaryDirectory(prefix="moee-parity-") as place:
        folder = Path(place)
        began = time.perf_counter()
        inputs = write_inputs(folder, real, frames, clips)
        write_weights(folder)
        seconds["inputs"] = time.perf_counter() - began
        note(f"inputs: {inputs.frames} frames, {inputs.clips} clips ({seconds['inputs']:.0f} s)")
        ours, theirs = _both(folder, python, note)
    seconds["all"] = time.perf_counter() - start
    found = Parity(rows(ours, theirs), values(), inputs, ours, theirs, seconds)
    if out is not None:
        _write(out, page(found))
    return found


def versions(found: Parity) -> dict[str, str]:
    """Of every public program that ran."""
    return dict(sorted(pair for side in found.theirs.values() for pair in side.versions.items()))


def _both(folder: Path, python: Path, note: Note) -> tuple[dict[str, Side], dict[str, Side]]:
    """Two things run at any time, on half of the cores each: all of ours, one part after another, is one of them."""
    import torch

    threads = max(1, (os.cpu_count() or 1) // 2)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with ThreadPoolExecutor(2) as pool:
            ours = pool.submit(lambda: {part: _our_part(part, folder, note) for part in PARTS})
            theirs = {name: pool.submit(_reference, python, name, folder, threads, note) for name in REFERENCES}
            try:
                return ours.result(), {name: found.result() for name, found in theirs.items()}
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(before)


def _our_part(part: str, folder: Path, note: Note) -> Side:
    start = time.perf_counter()
    arrays = PARTS[part](folder)
    seconds = time.perf_counter() - start
    note(f"ours, {part}: {seconds:.0f} s")
    return Side(arrays, seconds=seconds)


def _reference(python: Path, name: str, folder: Path, threads: int, note: Note) -> Side:
    out = folder / f"{name}.npz"
    # Isolated, so that it sees nothing of this project but only its own packages and, behind them, this environment's.
    command = [str(part) for part in (python, "-I", RUN, name, folder, out, threads)]
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=hidden, check=False)
    if done.returncode or not out.is_file():
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Side(error=f"{program(name)} ended with {done.returncode}: {said}")
    with np.load(out) as file:
        about = json.loads(str(file["about"]))
        arrays = {key: file[key] for key in file.files if key != "about"}
    if "error" in about:
        log.debug("%s:\n%s", name, done.stderr)
    note(f"{program(name)}: {about['seconds']:.0f} s" + (f"; {about['error']}" if "error" in about else ""))
    return Side(arrays, about["versions"], about["seconds"], about.get("error", ""))


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
    except OSError as error:
        raise BenchmarkError(f"{out} cannot be written: {error.strerror}.") from error

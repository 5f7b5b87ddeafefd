"""What an engine costs beside the work, and how much two workers do of what one does: seconds of the clock.

Each run is a process of its own. On a machine that does other things as well these numbers say little, so how many
cores others kept busy meanwhile stands beside each.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from perf.scale.clips import ROOT, described

OVERHEAD: Final = 1.3
SCALING: Final = 1.7
ITEMS: Final = 8  # sources: two workers end together
IDLE: Final = 0.1  # cores that others may keep busy


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        engine, workers: which.
        start: s until the engine was there (Ray: its start, once).
        work: s of the whole run after that, from the inputs to the snapshot.
        others: cores that other processes kept busy meanwhile, mean.
        digest: SHA-256 of clips.parquet: every run must give the same.
    """

    engine: str
    workers: int
    start: float
    work: float
    others: float
    digest: str


def measure(paths: Sequence[Path], folder: Path, ray: bool = True) -> list[Run]:
    """Local with one and with two workers, and Ray with two, on the same clips.

    Args:
        paths: clips, at least two per worker.
        folder: empty.
        ray: whether to run Ray, where it is installed.
    """
    wanted = [("local", 1), ("local", 2), *([("ray", 2)] if ray else [])]
    return [_run(engine, workers, paths, folder / f"{engine}{workers}") for engine, workers in wanted]


def copies(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Sources of equal length, `ITEMS` of them: the shortest clip with other bytes at its end, so that each is new.

    Args:
        paths: clips.
        folder: for the copies.
    """
    folder.mkdir(parents=True)
    shortest = min(paths, key=lambda path: path.stat().st_size)
    made = []
    for number in range(ITEMS):
        copy = folder / f"{number:02d}{shortest.suffix}"
        # a `free` box: readers of MP4 skip it
        copy.write_bytes(shortest.read_bytes() + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
        made.append(copy)
    return made


def lines(runs: Sequence[Run], paths: Sequence[Path]) -> list[str]:
    """The table in Markdown."""
    made = [
        f"{described(list(paths))}; recipe talking-head, seconds of the clock, models opened by each worker included.",
        "",
        "| engine | workers | start, once | the work | cores busy with other things |",
        "|---|---|---|---|---|",
    ]
    made += [f"| {run.engine} | {run.workers} | {run.start:.1f} | {run.work:.1f} | {run.others:.2f} |" for run in runs]
    by = {(run.engine, run.workers): run for run in runs}
    one, two, ray = by.get(("local", 1)), by.get(("local", 2)), by.get(("ray", 2))
    made.append("")
    if ray is not None and two is not None:
        made.append(f"Ray over local, same work and workers: {ray.work / two.work:.2f}x (wanted <= {OVERHEAD}x).")
    if one is not None and two is not None:
        made.append(f"One to two workers: {one.work / two.work:.2f}x (wanted >= {SCALING}x on two idle cores).")
    same = len({run.digest for run in runs}) == 1
    made.append(f"clips.parquet of all runs: {'the same bytes' if same else 'NOT the same bytes'}.")
    if any(run.others > IDLE for run in runs):
        made.append("The machine was not idle: these ratios are no measurement of it; run `--tables engines` again.")
    return made


def _run(engine: str, workers: int, paths: Sequence[Path], out: Path) -> Run:
    asked = {"engine": engine, "workers": workers, "paths": [str(path) for path in paths], "out": str(out)}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    busy, started = _busy(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "perf.scale.engine_run", json.dumps(asked)],
        stdout=subprocess.PIPE, env=environment, cwd=ROOT, check=True,
    )  # fmt: skip
    seconds = time.monotonic() - started
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    others = max(0.0, (_busy() - busy - float(said["used"])) / seconds)
    return Run(engine, workers, said["start"], said["work"], others, said["digest"])


def _busy() -> float:
    """Core-seconds that all processes of this machine have used since it started."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")

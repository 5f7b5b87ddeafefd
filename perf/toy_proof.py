"""Proves the mixture of experts in the toy world: trains it, measures it, writes `docs/proofs/toy-world.*`.

Pictures and speech are learned once per seed; on these parts every variant trains its own experts. Two processes work
at the same time, a thread each.

    python -m perf.toy_proof [--seeds 3] [--ablations] [--out docs/proofs]
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PLAIN: Final = ("full", "shuffled", "output-gate")
ABLATIONS: Final = ("no-experts", "no-global-gate", "no-masked-sampling")
OUT: Final = ROOT / "docs" / "proofs"


def prove(
    seeds: Sequence[int],
    ablations: bool,
    scale: float = 1.0,
    halfway: Callable[[dict[str, Any]], None] | None = None,
    variants: Sequence[str] = PLAIN,
) -> dict[str, Any]:
    """Train and measure; ablations come last.

    Args:
        seeds: of persons, words, weights and training. ablations: also the paper's. scale: of the numbers of steps.
        halfway: takes what was found before the ablations. variants: what is trained beside them.

    Returns:
        `seeds`: seed -> variant -> what was found; `run`: how.
    """
    from perf.toy.seed import measured, plain

    started, commit = time.perf_counter(), _commit()
    found: dict[int, dict[str, Any]] = {seed: {} for seed in seeds}

    def finish(waiting: dict[Future[Any], tuple[int, str]]) -> None:
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                seed, name = waiting.pop(future)
                found[seed][name] = future.result()
                _say(f"{time.perf_counter() - started:6.0f} s  seed {seed}: {name} done")
                if name == "base":
                    waiting |= {pool.submit(measured, one, seed, bases[seed], scale): (seed, one) for one in variants}

    def said(others: bool) -> dict[str, Any]:
        return plain({"run": _run(seeds, others, scale, commit, time.perf_counter() - started), "seeds": found})

    with (
        tempfile.TemporaryDirectory(prefix="moee-toy-") as folder,
        ProcessPoolExecutor(2, get_context("spawn")) as pool,
    ):
        bases = {seed: Path(folder) / f"{seed}.pt" for seed in seeds}
        finish({pool.submit(_base, seed, bases[seed], scale): (seed, "base") for seed in seeds})
        if ablations:
            if halfway is not None:
                halfway(said(False))
            finish({pool.submit(measured, one, seed, bases[seed], scale): (seed, one)
                    for one in ABLATIONS for seed in seeds})  # fmt: skip
    return said(ablations)


def _base(seed: int, target: Path, scale: float) -> dict[str, Any]:
    """Train what all variants of a seed share, into a file."""
    import torch

    from perf.toy.world import world

    torch.set_num_threads(1)
    lines: list[str] = []
    torch.save(world(seed, lines.append, scale).base, target)
    return {"notes": lines}


def _run(seeds: Sequence[int], ablations: bool, scale: float, commit: str, seconds: float) -> dict[str, Any]:
    command = f"python -m perf.toy_proof --seeds {len(seeds)}{' --ablations' if ablations else ''}"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "command": command + (f" --scale {scale:g}" if scale != 1 else ""),
        "seconds": round(seconds),
        "processor": _processor(),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
    }


def _commit() -> str:
    """The commit of the working tree, marked where files differ from it; empty outside of git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=, changed", "--abbrev=12", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """See the module."""
    from perf.toy.page import lines, write

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ablations", action="store_true", help="also the paper's ablations")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of steps, for a quick look")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--from", dest="given", type=Path, help="write the page again from this toy-world.json")
    asked = parser.parse_args()
    if asked.given:
        found = json.loads(asked.given.read_text(encoding="utf-8"))
    else:
        found = prove(range(asked.seeds), asked.ablations, asked.scale, lambda found: write(found, asked.out))
    write(found, asked.out)
    print("\n".join(lines(found)))


if __name__ == "__main__":
    main()

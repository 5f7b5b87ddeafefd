"""Bundles as they come in: each is verified first; what does not verify is not shown, and the reason is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmark.errors import BenchmarkError
from benchmark.leaderboard.model import Unshown
from manifests.processes import end_with_parent
from manifests.text import printable

MOST: Final = 5  # sentences shown of a bundle that is not sound


def check(folders: Sequence[Path], workers: int = 1) -> tuple[list[Path], list[Unshown]]:
    """Verify bundles of systems and of rater studies, several at a time.

    Args:
        folders: of bundles. workers: processes.

    Returns:
        Those that are sound, and those that are not, each in the order given.
    """
    if workers > 1 and len(folders) > 1:
        with ProcessPoolExecutor(min(workers, len(folders)), get_context("spawn"), _start_worker) as pool:
            found = list(pool.map(problems, folders))
    else:
        found = [problems(folder) for folder in folders]
    sound = [folder for folder, wrong in zip(folders, found, strict=True) if not wrong]
    unshown = [
        Unshown(folder=printable(folder.resolve().name), sentences=tuple(wrong[:MOST]), total=len(wrong))
        for folder, wrong in zip(folders, found, strict=True)
        if wrong
    ]
    return sound, unshown


def problems(folder: Path) -> list[str]:
    """What is wrong with a bundle, a sentence each; empty when it is sound."""
    from benchmark.bundle import load, verify
    from benchmark.study import bundle as opinions

    try:
        if opinions.is_opinions(folder):
            found = opinions.verify(folder)
            if not found:
                opinions.load(folder)
        else:
            found = verify(folder)
            if not found:
                load(folder)
    except BenchmarkError as error:
        return [str(error)]
    except OSError as error:
        return [f"It cannot be read: {printable(error.strerror or str(error))}."]
    return [problem.sentence for problem in found]


def _start_worker() -> None:
    """Processes share the cores: the arithmetic of each takes one."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    end_with_parent()

"""What worker processes have in common: how many of them this machine carries, and that none outlives its run."""

import math
import multiprocessing
import os
import threading
from pathlib import Path
from typing import Final

CGROUP: Final = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Cores that this process may use: a cluster job or a container often gets fewer than the machine has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _words("cpu.max")
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, math.ceil(int(quota[0]) / int(quota[1])))
    return max(1, cores)


def usable_memory() -> int:
    """Bytes that are free now, within the limit of a container."""
    import psutil

    free = psutil.virtual_memory().available
    limit, used = _words("memory.max"), _words("memory.current")
    if limit and used and limit[0].isdigit() and used[0].isdigit():
        free = min(free, int(limit[0]) - int(used[0]))
    return max(0, free)


def default_workers(memory: int) -> int:
    """A process per core, as many as fit.

    Args:
        memory: bytes that one process needs at its peak.
    """
    return max(1, min(usable_cores(), usable_memory() // memory))


def end_with_parent() -> None:
    """Called in a worker: a run that is killed by SIGKILL must not leave it behind, waiting or still writing."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _words(name: str) -> list[str]:
    try:
        return (CGROUP / name).read_text().split()
    except OSError:
        return []

"""One run on one engine, in a process of its own; for `perf.scale.engines`, which gives the arguments as JSON."""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from perf.scale.clock import used


def run(engine: str, workers: int, paths: list[str], out: str) -> dict[str, Any]:
    """Curate; returns seconds of the engine's start and of the work, core-seconds of all processes, and the result."""
    from curation.engines.local import LocalEngine
    from curation.run import curate
    from curation.sources import inputs_of
    from manifests.recipe import load_recipe

    started = time.monotonic()
    before = _ray_used()
    if engine == "ray":
        from curation.engines.cluster import RayEngine, connect

        connect(None, workers)
        chosen: Any = RayEngine(None, workers)
    else:
        chosen = LocalEngine(workers)
    start = time.monotonic() - started
    inputs = inputs_of([Path(path) for path in paths], Path(out))
    started = time.monotonic()
    curate(inputs, Path(out), load_recipe("talking-head"), workers=workers, watcher=_Silent(), engine=chosen)
    work = time.monotonic() - started
    spent = used() + _ray_used() - before
    if engine == "ray":
        import ray

        ray.shutdown()
        spent = max(spent, used())
    digest = hashlib.sha256((Path(out) / "clips.parquet").read_bytes()).hexdigest()
    return {"start": start, "work": work, "used": spent, "digest": digest}


def _ray_used() -> float:
    """Core-seconds of the processes below this one that still run."""
    import psutil

    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


class _Silent:
    """Nobody watches."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


if __name__ == "__main__":
    print(json.dumps(run(**json.loads(sys.argv[1]))))

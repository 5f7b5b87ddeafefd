"""What exact Frechet distances cost: against the usual eigenvalues of S1 S2, and what intervals and resamples take.

Both sides get the same rows, threads and machine, warm, in one run: python -m perf.frechet
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

FEATURES = 2048
SIZES = (4096, 1000, 256)
CLIPS, FRAMES = 300, 4


def seconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median wall and processor seconds of one call."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return statistics.median(walls), statistics.median(processors)


def against_eigvals(repeats: int) -> None:
    """Print both times, their ratio and how far the values are apart: from rows of several sizes, from covariances."""
    import numpy as np

    from benchmark.statistics.frechet import frechet, frechet_from_moments

    def usual_moments(mean_x: np.ndarray, cov_x: np.ndarray, mean_y: np.ndarray, cov_y: np.ndarray) -> float:
        root = np.sqrt(np.linalg.eigvals(cov_x @ cov_y).astype(complex)).real.sum()
        return float(((mean_x - mean_y) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * root)

    def usual(x: np.ndarray, y: np.ndarray) -> float:
        return usual_moments(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))

    for sides in (_rows(700, 600), _rows(500, 600)):  # both ways, warm
        usual(*sides)
        frechet(*sides)
    for n in SIZES:
        x, y = _rows(n, FEATURES)
        _compare(f"n={n} d={FEATURES}", lambda x=x, y=y: usual(x, y), lambda x=x, y=y: frechet(x, y), repeats)  # type: ignore[misc]
    x, y = _rows(SIZES[0], FEATURES)
    parts = (x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))
    name = f"covariances given, n={SIZES[0]} d={FEATURES}"
    _compare(name, lambda: usual_moments(*parts), lambda: frechet_from_moments(*parts), repeats)


def _compare(name: str, usual: Callable[[], float], fast: Callable[[], float], repeats: int) -> None:
    apart = abs(fast() / usual() - 1)
    ours, our_processor = seconds(fast, max(repeats, 5))
    theirs, their_processor = seconds(usual, repeats)
    print(
        f"{name}: eigvals {theirs:.2f} s ({their_processor:.2f} processor s), ours {ours:.3f} s ({our_processor:.3f}): "
        f"{theirs / ours:.1f} times as fast ({their_processor / our_processor:.1f} by processor), "
        f"values {apart:.1e} apart",
        flush=True,
    )


def intervals() -> None:
    """Print what a jackknife of a distance takes, and a thousand resamples."""
    import numpy as np

    from benchmark.statistics.grams import Grams
    from benchmark.statistics.sets import frechet_sets, make_groups

    x, y = _rows(CLIPS * FRAMES, FEATURES)
    owners = np.repeat(np.arange(CLIPS), FRAMES)
    groups, text = make_groups(["one"] * CLIPS)
    wall, processor = seconds(lambda: frechet_sets(x, owners, y, owners, groups), 1)
    print(
        f"jackknife of {text}, {CLIPS} clips x {FRAMES} frames, d={FEATURES}, second order: {wall:.1f} s "
        f"({processor:.1f} processor s)",
        flush=True,
    )
    grams = Grams.of(*_rows(CLIPS, FEATURES))
    draws = np.random.default_rng(1).integers(0, CLIPS, (1000, 2, CLIPS))
    wall, processor = seconds(lambda: [grams.frechet(*draw) for draw in draws], 1)
    print(f"1000 resamples from Grams, n={CLIPS}: {wall:.1f} s ({processor:.1f} processor s)")


def _rows(n: int, d: int):  # type: ignore[no-untyped-def] # numpy is imported after the threads are set
    import numpy as np

    rng = np.random.default_rng(n)
    spread = np.arange(1, d + 1) ** -0.5
    return rng.standard_normal((n, d)) * spread, rng.standard_normal((n, d)) * spread[::-1] + 0.05


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of the slow side; medians are printed")
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)  # before NumPy is imported, which reads them once
    print(f"{arguments.threads} threads")
    intervals()
    against_eigvals(arguments.repeats)


if __name__ == "__main__":
    main()

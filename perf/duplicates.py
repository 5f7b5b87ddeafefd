"""What finding duplicates costs over a large manifest: seconds and memory on fingerprints that are made up.

Sources of 27 s with pictures and sound that change at random, as smooth in time as talking people; one in twenty is a
copy of another one, trimmed and noisy: python -m perf.duplicates [--sources N]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import numpy as np
import pyarrow as pa

LENGTH = 27 * 8  # steps
ONE_IN = 20


def made_up(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(pictures [n, 24] int8, sound [n, 16] uint8) of a source, as `media.fingerprint` stores them.

    Args:
        number: of the source; every twentieth copies the one before it, without its first 3 s and with noise.
        seed: of all of them.
    """
    from media.fingerprint import BANDS, WAVES, rooted

    copy = number % ONE_IN == ONE_IN - 1
    rng = np.random.default_rng([seed, number - copy])
    wide = 1 + np.hypot(*np.array(WAVES).T)
    pictures = _smooth(rng.standard_normal((LENGTH, len(WAVES)))) * 0.5 / wide
    sound = 80 + 25 * _smooth(rng.standard_normal((LENGTH, 1))) + 12 * _smooth(rng.standard_normal((LENGTH, BANDS)))
    if copy:
        noise = np.random.default_rng([seed, number, 1])
        pictures = (pictures + noise.normal(0, 0.1, pictures.shape) / wide)[24:]
        sound = (sound + noise.normal(0, 3, sound.shape))[24:]
    return rooted(pictures), np.clip(np.rint(sound), 0, 255).astype(np.uint8)


def table(sources: int) -> pa.Table:
    """Rows of `fingerprints` of so many sources."""
    from curation.stages.fingerprints import fingerprint_row
    from manifests.schema import table_from_rows
    from media.fingerprint import Fingerprint

    blocks = []
    for begin in range(0, sources, 1000):
        rows = []
        for number in range(begin, min(sources, begin + 1000)):
            pictures, sound = made_up(number)
            prints = [Fingerprint(np.arange(len(values), dtype=np.int64), values) for values in (pictures, sound)]
            rows.append(fingerprint_row(f"s_{number:016x}", *prints))
        blocks.append(table_from_rows("fingerprints", rows))
    return pa.concat_tables(blocks)


def measure(sources: int) -> dict[str, Any]:
    """Seconds, memory, and how many of the copies were found."""
    from curation.whole.copies import copies

    fingerprints = table(sources)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, used = time.perf_counter(), time.process_time()
    found = {(copy.source, copy.other) for copy in copies(fingerprints)}
    seconds = time.perf_counter() - started
    true = {(number - 1, number) for number in range(ONE_IN - 1, sources, ONE_IN)}
    return {
        "sources": sources,
        "hours": round(sources * LENGTH / 8 / 3600, 1),
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - used, 1),
        "fingerprints_mb": round(fingerprints.nbytes / 1e6, 1),
        "peak_mb_more": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1),
        "copies": len(true),
        "found": len(true & found),
        "others_found": len(found - true),
    }


def _smooth(values: np.ndarray) -> np.ndarray:
    """Changes with most of their power below 3 Hz, of standard deviation 1."""
    kernel = np.array([1, 3, 4, 3, 1]) / 6
    padded = np.pad(values, ((2, 2), (0, 0)), mode="wrap")
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)


def main() -> None:
    """Print sizes up to the one asked for as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=20_000)
    arguments = parser.parse_args()
    for sources in (arguments.sources // 4, arguments.sources):
        print(json.dumps(measure(sources)), flush=True)


if __name__ == "__main__":
    main()

"""Scores systems on fixed protocols: exact metrics, numbers with intervals, bundles that verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.bundle import Bundle

__all__ = ["score"]


def score(
    protocol: str | Path, videos: str | Path, real: str | Path, out: str | Path, system: str = "unnamed", **options: Any
) -> Bundle:
    """Score a system's videos and write a bundle, as `moee bench run` does.

    Args:
        protocol: name (`hdtf`, `mead`, `dh-faceemovid-150`, `sample`) or a YAML file.
        videos: folder with a video `<clip id>.mp4` for every clip of the test list.
        real: a curated manifest, or a test set that was made from one.
        out: the bundle's folder.
        system: its name.
        options: as `benchmark.run.run` takes them (cache, workers, allow_failures, allow_fewer, partial, seeded,
            note).

    Returns:
        The bundle: `bundle.results.metrics`, `bundle.clips`, `bundle.features`.

    Raises:
        BenchmarkError: one sentence; where a clip is not fit to be scored, it names the clip.
    """
    from benchmark.run import run
    from benchmark.systems import System

    return run(protocol, System(system), Path(videos), Path(real), Path(out), **options)

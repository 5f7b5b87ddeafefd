"""One decode of each pair of videos serves every feature; what was made once is kept and not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.extract.contract import Available, Extraction, Pair, Settings, Side, VideoFacts

if TYPE_CHECKING:
    from benchmark.cluster import Cluster

__all__ = [
    "Available",
    "Extraction",
    "Pair",
    "Settings",
    "Side",
    "VideoFacts",
    "available",
    "extract",
    "extractors_for",
    "inspect",
    "require",
]


def available() -> tuple[Available, ...]:
    """Every extractor, those that cannot run on this machine too; no network is opened."""
    from benchmark.extract.registry import available

    return available()


def require(names: Sequence[str]) -> None:
    """Check that these extractors can run here.

    Raises:
        BenchmarkError: one is unknown, or its weights or library are missing: says how to get it.
    """
    from benchmark.extract.registry import require

    require(names)


def extractors_for(features: Sequence[str], seeded: bool = False) -> tuple[str, ...]:
    """The extractors that give these features, in the registry's order.

    Args:
        features: names as metrics need them, such as `points68`.
        seeded: take published networks on seeded weights, whose numbers are not comparable.

    Raises:
        BenchmarkError: no extractor gives one of them.
    """
    from benchmark.extract.registry import extractors_for

    return extractors_for(features, seeded)


def inspect(path: Path) -> VideoFacts:
    """What a file's container declares, with its hash; only its first picture is decoded.

    Raises:
        MediaError: it is no video.
        BenchmarkError: it cannot be read.
    """
    from benchmark.extract.facts import inspect

    return inspect(path)


def extract(
    pairs: Sequence[Pair],
    settings: Settings,
    cache: Path,
    workers: int = 1,
    note: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    cluster: Cluster | None = None,
) -> Extraction:
    """Find the features of all pairs; what the cache holds is not made again, and then nothing is decoded.

    Args:
        pairs: clips with unique ids.
        settings: see `Settings`.
        cache: folder of what was made before; made if absent. Any runs may share it.
        workers: processes, one thread each; 1 works in this process. Results do not depend on it.
        note: called with a sentence on what is worth telling, such as a damaged file of the cache.
        progress: called with (clips done, clips in all).
        cluster: whose nodes do the work; None: processes of this machine. Results do not depend on it.

    Returns:
        Features of every clip that can be scored; the others stand in `Extraction.errors`.

    Raises:
        BenchmarkError: an extractor is unknown or missing, a clip is named twice, the cache cannot be written, or as
            `benchmark.cluster.Cluster.run`.
    """
    from benchmark.extract.run import extract

    return extract(pairs, settings, cache, workers, note, progress, cluster)

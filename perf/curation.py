"""Curation at scale: what stages cost, what engines add, the usual way beside ours, a million rows: ratios of one run.

    python -m perf.curation [--tables stages,usual,engines,million,larger,gpu] [--rows N] [--rounds N] [CLIP...]

Takes real clips where they are (MOEE_TEST_DATA), else the embedded sample. Prints Markdown; asserts nothing. Processor
seconds mean the same on a busy machine; the seconds of the clock (engines, million) want an idle one.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

TABLES = ("stages", "usual", "engines", "million", "larger", "gpu")
PERSONS = 5_000


@dataclass
class _Measured:
    """What earlier tables found, for later ones."""

    inputs: dict[str, float] = field(default_factory=dict)


def _stages(paths: list[Path], folder: Path, asked: argparse.Namespace, found: _Measured) -> list[str]:
    from perf.scale.clips import hours
    from perf.scale.ours import warm
    from perf.scale.stages import bytes_lines, lines, measure

    warm(paths[0], folder / "warm")
    ours, share = measure(paths, folder, asked.rounds)
    video = hours(paths)
    found.inputs |= {
        "core_seconds": ours.total / video,
        "table_bytes": ours.table_bytes / video,
        "clip_bytes": ours.clip_bytes / video,
    }
    return [*lines(ours, share, paths), "", *bytes_lines(ours, paths)]


def _usual(paths: list[Path], folder: Path, asked: argparse.Namespace, found: _Measured) -> list[str]:
    from perf.scale.against import lines
    from perf.scale.ours import curate, warm
    from perf.scale.usual import FPS, SIDE, prepare

    warm(paths[0], folder / "warm2")
    return lines(curate(paths, folder / "curated", (SIDE, FPS)), prepare(paths, folder / "usual"), paths)


def _engines(paths: list[Path], folder: Path, asked: argparse.Namespace, found: _Measured) -> list[str]:
    import importlib.util

    from perf.scale.engines import copies, lines, measure

    there = importlib.util.find_spec("ray") is not None
    work = copies(paths, folder / "copies")
    runs = measure(work, folder, there)
    by = {(run.engine, run.workers): run.work for run in runs}
    found.inputs["scaling"] = by["local", 1] / by["local", 2] / 2
    if there:
        found.inputs["overhead"] = max(1.0, by["ray", 2] / by["local", 2])
    return lines(runs, work)


def _million(paths: list[Path], folder: Path, asked: argparse.Namespace, found: _Measured) -> list[str]:
    from perf.scale.million import lines, measure
    from perf.scale.rows import Size

    size = Size(asked.rows, max(10, min(PERSONS, asked.rows // 20)))
    place = asked.manifests or folder / "manifests"
    place.mkdir(parents=True, exist_ok=True)
    return lines(measure(place, size), size)


def _larger(paths: list[Path], folder: Path, asked: argparse.Namespace, found: _Measured) -> list[str]:
    from perf.scale.larger import Inputs, lines

    if "core_seconds" not in found.inputs:
        return ["Left out: it needs the table `stages` in the same run."]
    return lines(Inputs(**found.inputs, measured="scaling" in found.inputs))


def _gpu(paths: list[Path], folder: Path, asked: argparse.Namespace, found: _Measured) -> list[str]:
    from perf.scale.gpu import lines

    return lines()


TITLES: dict[str, tuple[str, Callable[[list[Path], Path, argparse.Namespace, _Measured], list[str]]]] = {
    "stages": ("Stages, and the share of the ceiling", _stages),
    "usual": ("Against the usual way", _usual),
    "engines": ("Engines", _engines),
    "million": ("A large manifest", _million),
    "larger": ("150 hours", _larger),
    "gpu": ("GPU", _gpu),
}


def report(asked: argparse.Namespace) -> Iterator[str]:
    """Measure table by table; yields lines of Markdown as they come."""
    from perf.scale.clips import clips

    with tempfile.TemporaryDirectory(prefix="moee-perf-", dir=asked.folder) as place:
        folder = Path(place)
        needs = {"stages", "usual", "engines"} & set(asked.tables)
        paths = (asked.clips or clips(folder / "sample")) if needs else []
        found = _Measured()
        for name in asked.tables:
            title, measure = TITLES[name]
            yield f"## {title} (`python -m perf.curation --tables {name}`)"
            yield ""
            yield from measure(paths, folder, asked, found)
            yield ""


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP")
    parser.add_argument("--tables", default=",".join(TABLES), metavar="NAMES", help="which, separated by commas")
    parser.add_argument("--rows", type=int, default=1_000_000, help="clips of the large manifest")
    parser.add_argument("--rounds", type=int, default=1, help="of the table stages")
    parser.add_argument("--folder", type=Path, default=None, help="for files in work; the system's by default")
    parser.add_argument("--manifests", type=Path, default=None, help="where the large manifests are kept for next time")
    asked = parser.parse_args(words)
    asked.tables = [name.strip() for name in asked.tables.split(",") if name.strip()]
    for name in asked.tables:
        if name not in TABLES:
            parser.error(f"there is no table {name!r}: choose from {', '.join(TABLES)}")
    if asked.rows < 1000:
        parser.error("--rows must be 1000 or more")
    return asked


def main() -> None:
    """Print the tables."""
    os.environ["OMP_NUM_THREADS"] = "1"
    asked = arguments()
    missing = [path for path in asked.clips if not path.is_file()]
    if missing:
        sys.exit(f"there is no file {missing[0]}")
    for line in report(asked):
        print(line, flush=True)


if __name__ == "__main__":
    main()

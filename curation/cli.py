"""`moee curate`: raw video in, manifest and clips out."""

import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.download import Settings
    from curation.engines.item import Engine, Limits
    from curation.sources.inputs import Input
    from curation.stage import Stage
    from curation.watch import Progress
    from manifests.recipe import Recipe

EXAMPLE = "Example: moee curate videos/ --out dataset/  (the same line again resumes)"


Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE...", help="Video files, folders, lists of URLs, data set folders, s3:// addresses."),
]
Out = Annotated[
    str, typer.Option("--out", metavar="DIR", help="The manifest's folder, made if missing, or s3://BUCKET/FOLDER.")
]
RecipeName = Annotated[str, typer.Option(metavar="NAME|FILE", help="Stages, thresholds and export settings.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core that has the memory.")]
Cookies = Annotated[Path | None, typer.Option(metavar="FILE", help="URLs: cookies in Netscape's format.")]
Browser = Annotated[str | None, typer.Option(metavar="NAME", help="URLs: the browser whose cookies are used.")]
Proxy = Annotated[str | None, typer.Option(metavar="URL", help="URLs: the proxy.")]
Rate = Annotated[float, typer.Option(min=0.001, help="URLs: requests per second to one site.")]
Private = Annotated[bool, typer.Option("--allow-private", help="URLs: the list may name private addresses.")]
Retry = Annotated[
    str | None,
    typer.Option(
        metavar="permanent|quarantined",
        help="URLs: ask again what failed for good. Sources: try again what killed its processes.",
    ),
]
EngineName = Annotated[str, typer.Option(metavar="local|ray", help="Where the work runs.")]
Address = Annotated[
    str | None,
    typer.Option(metavar="auto|HOST:PORT", help="Ray: the cluster to join; without it, a Ray of this machine alone."),
]
Actors = Annotated[
    int, typer.Option(min=0, help="Ray: processes for each network that looks at faces; 0: one per GPU, if any.")
]
Scratch = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder for files in work, on every machine (s3:// only).")
]
Attempts = Annotated[int, typer.Option(min=1, help="How often a source may lose its process before it is set aside.")]
Stall = Annotated[float, typer.Option(min=0, help="Seconds without progress that end a source's process; 0: never.")]
MaxMemory = Annotated[float, typer.Option(min=0, help="GiB that a source's process may take; 0: all there is.")]
Share = Annotated[
    str | None, typer.Option(metavar="K/N", help="Take only every N-th input, the K-th of them first (K from 0).")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="URLs: only ask whether they are still there.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only the first N inputs, by name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and the resolved recipe, and stop.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def curate(
    sources: Sources,
    out: Out,
    recipe: RecipeName = "talking-head",
    engine: EngineName = "local",
    address: Address = None,
    actors: Actors = 0,
    workers: Workers = 0,
    limit: Limit = None,
    share: Share = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    scratch: Scratch = None,
    attempts: Attempts = 3,
    stall: Stall = 900.0,
    max_memory: MaxMemory = 8.0,
    cookies: Cookies = None,
    cookies_from_browser: Browser = None,
    proxy: Proxy = None,
    rate: Rate = 2.0,
    allow_private: Private = False,
    retry: Retry = None,
    refresh: Refresh = False,
) -> None:
    """Curate videos into a manifest of measured clips and the files of the kept ones."""
    from curation.download import Settings
    from curation.engines.item import Limits
    from curation.engines.local import LocalEngine
    from curation.pipeline import build, needs
    from manifests.processes import default_workers
    from manifests.recipe import load_recipe

    if engine not in ENGINES:
        raise CurationError(f"there is no engine {engine!r}: use --engine {' or --engine '.join(ENGINES)}")
    if address is not None and engine != "ray":
        raise CurationError("--address names a Ray cluster: add --engine ray")
    if retry not in (None, "permanent", "quarantined"):
        raise CurationError(f"there is no --retry {retry!r}: use --retry permanent or --retry quarantined")
    chosen = load_recipe(recipe)
    stages = build(chosen).stages
    resources = needs(stages)
    place = out.removeprefix("file://")
    inputs = _inputs(sources, place, chosen.dataset, share)[:limit]
    if not inputs:
        raise CurationError("the sources hold no files: give a video file or a folder of them")
    count = workers or default_workers(resources.memory)
    if dry_run:
        from curation.plan import plan

        print(json.dumps(plan(inputs, chosen, count, Path(place)), indent=2))
        return
    limits = Limits(stall=stall, memory=int(max_memory * 2**30))
    how = How(
        engine=_cluster(address, workers, actors, attempts, limits, stages)
        if engine == "ray"
        else LocalEngine(count, attempts, limits),
        workers=count,
        scratch=scratch,
        retry_quarantined=retry == "quarantined",
        fetch=Settings(
            max_height=chosen.fetch.max_height,
            rate=rate,
            cookies_file=cookies,
            cookies_from_browser=cookies_from_browser,
            proxy=proxy,
            allow_private=allow_private,
            retry_permanent=retry == "permanent",
        ),
    )
    _run(inputs, place, chosen, how, refresh=refresh, as_json=as_json)


ENGINES = ("local", "ray")


@dataclass(frozen=True)
class How:
    """How a run is done, whatever it is that is done."""

    engine: "Engine"
    workers: int
    scratch: Path | None
    retry_quarantined: bool
    fetch: "Settings"


def _cluster(
    address: str | None, workers: int, actors: int, attempts: int, limits: "Limits", stages: "Sequence[Stage]"
) -> "Engine":
    """Ray takes as many sources at once as its cluster has cores for, unless a number of workers is asked."""
    from curation.engines.cluster import RayEngine, connect
    from curation.pipeline import hosted, needs

    connect(address, workers)
    task = replace(needs(stages), gpus=0.0)  # models that use a GPU live in actors
    return RayEngine(address, workers, attempts, limits, task, hosted(stages), actors)


def _inputs(sources: list[str], out: str, dataset: str | None, share: str | None) -> "list[Input]":
    """All inputs, or this share of them: labels and names are those of the whole."""
    from curation.sources import inputs_of
    from curation.sources.objects import list_objects
    from curation.storage.bucket import is_address
    from manifests.text import printable

    objects = [source for source in sources if is_address(source)]
    paths = [Path(source.removeprefix("file://")) for source in sources if not is_address(source)]
    if objects and dataset not in (None, "folder"):
        raise CurationError(f"the data set {dataset} is read from a folder, not from {objects[0]}: copy it to a disk")
    found = list_objects(objects, out) if objects else []
    if paths:
        found += inputs_of(paths, Path(out), dataset, note=lambda text: print(printable(text), file=sys.stderr))
    if objects and paths:
        found.sort(key=lambda item: (item.name, item.origin))
    if share is None:
        return found
    matched = re.fullmatch(r"(\d+)/(\d+)", share)
    if matched is None or int(matched[1]) >= int(matched[2]):
        raise CurationError(f"--share {share!r} is no K/N with K from 0 to N - 1, such as 0/8")
    return found[int(matched[1]) :: int(matched[2])]


def _run(inputs: "list[Input]", out: str, recipe: "Recipe", how: How, *, refresh: bool, as_json: bool) -> None:
    from curation.missing import say_it_once
    from curation.run import curate as run
    from curation.show import as_dict, print_report
    from curation.storage.bucket import is_address
    from curation.watch import Progress

    say_it_once()
    stopped = _Stopped()
    place: Path | str = out if is_address(out) else Path(out)
    try:
        with Progress() as progress:
            if refresh:
                _refresh(inputs, Path(out), how.fetch, progress, as_json)
                return
            report = run(
                inputs,
                place,
                recipe,
                workers=how.workers,
                watcher=progress,
                fetch=how.fetch,
                engine=how.engine,
                scratch=how.scratch,
                retry_quarantined=how.retry_quarantined,
            )
    except KeyboardInterrupt:
        print("stopped; what was finished is kept: the same command goes on from there", file=sys.stderr)
        raise typer.Exit(128 + stopped.signal) from None
    if as_json:
        print(json.dumps(as_dict(report), indent=2))
    else:
        print_report(report)
    if report.has_failures:
        raise typer.Exit(1)


curate.__doc__ = f"{curate.__doc__}\n\n    {EXAMPLE}"


def _refresh(inputs: "list[Input]", out: Path, fetch: "Settings", progress: "Progress", as_json: bool) -> None:
    from curation.fetched import probe_inputs

    rows = probe_inputs(inputs, out, fetch, progress.fetching)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    counts = Counter(row["outcome"] for row in rows)
    print(f"{len(rows)} URLs: " + ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common()))
    print(f"all answers over time: {out / 'fetched' / 'link_rot.parquet'}")


class _Stopped:
    """Turns SIGTERM (a cluster that ends a job) into what Ctrl-C does; remembers which of the two it was."""

    def __init__(self) -> None:
        self.signal = signal.SIGINT
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, number: int, frame: object) -> None:
        self.signal = signal.SIGTERM
        raise KeyboardInterrupt

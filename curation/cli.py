"""`moee curate`: raw video in, manifest and clips out."""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.download import Settings
    from curation.sources.inputs import Input
    from curation.watch import Progress
    from manifests.recipe import Recipe

EXAMPLE = "Example: moee curate videos/ --out dataset/  (the same line again resumes)"


Sources = Annotated[
    list[Path], typer.Argument(metavar="SOURCE...", help="Video files, folders, lists of URLs, data set folders.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The manifest's folder, made if missing.")]
RecipeName = Annotated[str, typer.Option(metavar="NAME|FILE", help="Stages, thresholds and export settings.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core that has the memory.")]
Cookies = Annotated[Path | None, typer.Option(metavar="FILE", help="URLs: cookies in Netscape's format.")]
Browser = Annotated[str | None, typer.Option(metavar="NAME", help="URLs: the browser whose cookies are used.")]
Proxy = Annotated[str | None, typer.Option(metavar="URL", help="URLs: the proxy.")]
Rate = Annotated[float, typer.Option(min=0.001, help="URLs: requests per second to one site.")]
Private = Annotated[bool, typer.Option("--allow-private", help="URLs: the list may name private addresses.")]
Retry = Annotated[str | None, typer.Option(metavar="permanent", help="URLs: ask again what failed for good.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="URLs: only ask whether they are still there.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only the first N inputs, by name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and the resolved recipe, and stop.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def curate(
    sources: Sources,
    out: Out,
    recipe: RecipeName = "talking-head",
    engine: Annotated[str, typer.Option(help="Where the work runs: local.")] = "local",
    workers: Workers = 0,
    limit: Limit = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    cookies: Cookies = None,
    cookies_from_browser: Browser = None,
    proxy: Proxy = None,
    rate: Rate = 2.0,
    allow_private: Private = False,
    retry: Retry = None,
    refresh: Refresh = False,
) -> None:
    """Curate videos into a manifest of measured clips and the files of the kept ones."""
    from curation.cores import default_workers
    from curation.download import Settings
    from curation.pipeline import build
    from curation.sources import inputs_of
    from manifests.recipe import load_recipe
    from manifests.text import printable

    if engine != "local":
        raise CurationError(f"there is no engine {engine!r}: use --engine local")
    if retry not in (None, "permanent"):
        raise CurationError(f"there is no --retry {retry!r}: use --retry permanent")
    chosen = load_recipe(recipe)
    stages = build(chosen).stages
    inputs = inputs_of(sources, out, chosen.dataset, note=lambda text: print(printable(text), file=sys.stderr))[:limit]
    if not inputs:
        raise CurationError("the sources hold no files: give a video file or a folder of them")
    count = workers or default_workers(max(stage.resources.memory for stage in stages))
    if dry_run:
        from curation.plan import plan

        print(json.dumps(plan(inputs, chosen, count, out), indent=2))
        return
    fetch = Settings(
        max_height=chosen.fetch.max_height,
        rate=rate,
        cookies_file=cookies,
        cookies_from_browser=cookies_from_browser,
        proxy=proxy,
        allow_private=allow_private,
        retry_permanent=retry == "permanent",
    )
    _run(inputs, out, chosen, count, fetch, refresh=refresh, as_json=as_json)


def _run(
    inputs: "list[Input]", out: Path, recipe: "Recipe", workers: int, fetch: "Settings", *, refresh: bool, as_json: bool
) -> None:
    from curation.missing import say_it_once
    from curation.run import curate as run
    from curation.show import as_dict, print_report
    from curation.watch import Progress

    say_it_once()
    stopped = _Stopped()
    try:
        with Progress() as progress:
            if refresh:
                _refresh(inputs, out, fetch, progress, as_json)
                return
            report = run(inputs, out, recipe, workers=workers, watcher=progress, fetch=fetch)
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

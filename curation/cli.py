"""`moee curate`: raw video in, manifest and clips out."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.run import RunReport

MOST_ROWS = 60  # inputs listed one by one; beyond that only those that failed
EXAMPLE = "Example: moee curate videos/ --out dataset/  (the same line again resumes)"


def curate(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Video files and folders of them.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The manifest's folder, made if missing.")],
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Stages, thresholds and export settings.")
    ] = "talking-head",
    engine: Annotated[str, typer.Option(help="Where the work runs: local.")] = "local",
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first N inputs, by name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Curate videos into a manifest of measured clips and the files of the kept ones."""
    from curation.pipeline import build
    from curation.run import curate as run
    from curation.sources.folder import list_inputs
    from curation.watch import Progress
    from manifests.recipe import load_recipe

    if engine != "local":
        raise CurationError(f"there is no engine {engine!r}: use --engine local")
    chosen = load_recipe(recipe)
    pipeline = build(chosen)
    inputs = list_inputs(sources, out)[:limit]
    if not inputs:
        raise CurationError("the sources hold no files: give a video file or a folder of them")
    count = workers or usable_cores()
    if dry_run:
        plan: dict[str, Any] = {
            "inputs": len(inputs),
            "bytes": sum(_size(item.path) for item in inputs if item.path),
            "out": str(out),
            "workers": count,
            "stages": [f"{stage.name} v{stage.version}" for stage in pipeline.stages],
            "recipe": chosen.resolved(),
        }
        print(json.dumps(plan, indent=2))
        return
    try:
        with Progress() as progress:
            report = run(inputs, out, chosen, workers=count, watcher=progress)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept: the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(as_dict(report), indent=2))
    else:
        _print(report)
    if report.has_failures:
        raise typer.Exit(1)


curate.__doc__ = f"{curate.__doc__}\n\n    {EXAMPLE}"


def usable_cores() -> int:
    """Cores that this process may use (a cluster job often gets fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def as_dict(report: "RunReport") -> dict[str, Any]:
    """A run for machines; `inputs` = kept + dropped + failed."""
    return {
        "out": str(report.out),
        "inputs": len(report.results),
        "kept": report.count("kept"),
        "dropped": report.count("dropped"),
        "failed": report.count("failed"),
        "clips": sum(result.clips for result in report.results),
        "sources_worked": report.worked,
        "frames": {
            "source": report.source_frames,
            "analysis_decoded": report.analysed_frames,
            "export_decoded": report.exported_frames,
            "ratio": _ratio(report),
        },
        "seconds": round(report.seconds, 3),
        "stage_seconds": {stage: round(seconds, 3) for stage, seconds in report.stage_seconds.items()},
        "sources": [
            {
                "name": result.name,
                "id": result.id,
                "status": result.status,
                "reasons": list(result.reasons),
                "error": result.error,
                "flags": list(result.flags),
                "clips": result.clips,
                "failed_clips": result.failed_clips,
            }
            for result in report.results
        ],
    }


def _ratio(report: "RunReport") -> float | None:
    return round(report.analysed_frames / report.source_frames, 4) if report.source_frames else None


def _print(report: "RunReport") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    shown = report.results
    if len(shown) > MOST_ROWS:
        shown = [result for result in shown if result.status == "failed" or result.failed_clips][:MOST_ROWS]
    table = Table()
    for column in ("input", "ends", "clips", "why"):
        table.add_column(column, overflow="fold")
    for result in shown:
        why = result.error or ", ".join(result.reasons) or ", ".join(result.flags)
        table.add_row(escape(plain(result.name)), result.status, str(result.clips), escape(plain(why)))
    if shown:
        console.print(table)
    if len(shown) < len(report.results):
        print("only failed inputs are listed above; see all: moee manifest show, or --json")
    print(
        f"{len(report.results)} inputs = {report.count('kept')} kept + {report.count('dropped')} dropped"
        f" + {report.count('failed')} failed; {sum(r.clips for r in report.results)} clips in {report.out / 'clips'}"
    )
    print(
        f"analysis decoded {report.analysed_frames} frames, the sources have {report.source_frames}"
        f" (ratio {_ratio(report)}); exports decoded {report.exported_frames}; {report.seconds:.1f} s"
    )
    if report.has_failures:
        print("some items failed: see the table above", file=sys.stderr)


def plain(text: str) -> str:
    """Text without control characters, so that a hostile name cannot drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

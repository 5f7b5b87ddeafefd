"""`moee sample`: render the embedded sample."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the videos and truth.parquet go.")],
    counter: Annotated[bool, typer.Option("--counter", help="Burn a frame counter into every frame.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Render the first N videos only.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one per core by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result for machines.")] = False,
) -> None:
    """Render the embedded sample: talking portraits with known truth (truth.parquet).

    The faces are pictures that installed packages ship, the voices espeak-ng's. Running it again keeps what is whole.

    Example: moee sample ./sample
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from curation.sample import render_sample

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("rendering the sample", total=None)

        def show(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total)

        report = render_sample(folder, counter=counter, progress=show, limit=limit, workers=workers)
    if as_json:
        facts = {
            "folder": str(report.folder), "truth": str(report.truth), "videos": list(report.videos),
            "rendered": report.rendered, "frames": report.frames, "seconds": round(report.seconds, 3),
        }  # fmt: skip
        print(json.dumps(facts))
        return
    kept = len(report.videos) - report.rendered
    print(f"{len(report.videos)} videos, {report.frames} frames, {report.seconds:.0f} s: {report.folder}")
    print(f"rendered now {report.rendered}, kept {kept}; truth: {report.truth}")

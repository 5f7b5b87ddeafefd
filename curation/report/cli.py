"""`moee manifest report`: write the HTML report of a manifest, or the pages of some of its clips."""

import json
from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that moee curate --out wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The HTML file; DIR/report.html by default.")
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option("--clip", metavar="ID", help="Write the page of this clip instead; may be given several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Write report.html: funnel, histograms, pictures, emotions, persons, duplicates, splits, failures and costs.

    The pages of the most ambiguous clips are written beside it: frames with landmarks, emotions, action units, speech
    and lag on one time axis. With --clip only the pages of these clips are written.

    Example: moee manifest report dataset/
    """
    from curation.report import write, write_clips
    from manifests.text import printable

    done = write_clips(folder, clip, out) if clip else write(folder, out)
    if as_json:
        print(json.dumps({**vars(done), "path": str(done.path)}, indent=2, ensure_ascii=True))
        return
    lacking = f", {done.placeholders} pictures could not be had" if done.placeholders else ""
    size = f"{done.bytes / 1e6:.1f} MB, {done.pictures} pictures{lacking}"
    if clip:
        for name in done.pages:
            print(printable(str(done.path / f"{name}.html")))
        print(f"{len(done.pages)} pages, {size}")
        return
    beside = f"; {len(done.pages)} pages of ambiguous clips in pages/" if done.pages else ""
    print(f"{printable(str(done.path))}: {size}{beside}")

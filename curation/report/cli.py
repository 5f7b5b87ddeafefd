"""`moee manifest report`: write the HTML report of a manifest."""

import json
from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that moee curate --out wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The HTML file; DIR/report.html by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Write report.html: funnel, histograms, pictures, persons, duplicates, splits, failures and costs, in one file.

    Example: moee manifest report dataset/
    """
    from curation.report import write
    from manifests.text import printable

    done = write(folder, out)
    if as_json:
        print(json.dumps({**vars(done), "path": str(done.path)}, indent=2, ensure_ascii=True))
        return
    lacking = f", {done.placeholders} pictures could not be had" if done.placeholders else ""
    print(f"{printable(str(done.path))}: {done.bytes / 1e6:.1f} MB, {done.pictures} pictures{lacking}")

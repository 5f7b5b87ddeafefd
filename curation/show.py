"""A finished run for people and for machines."""

import sys
from typing import TYPE_CHECKING, Any

from manifests.text import printable

if TYPE_CHECKING:
    from curation.result import RunReport

MOST_ROWS = 60  # inputs listed one by one; beyond that only those that failed


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
        "attempts": report.attempts,
        "frames": {
            "source": report.source_frames,
            "analysis_decoded": report.analysed_frames,
            "analysis_of": report.analysed_of,
            "export_decoded": report.exported_frames,
            "ratio": None if report.ratio is None else round(report.ratio, 4),
        },
        "models": list(report.models),
        "folder": {"inputs": report.held[0], "clips": report.held[1]},
        "missing": list(report.missing),
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


def print_report(report: "RunReport") -> None:
    """A table of the inputs (of a large run: of all that failed), then the counts."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = report.results
    if len(shown) > MOST_ROWS:
        shown = [result for result in shown if result.status == "failed" or result.failed_clips]
    table = Table()
    for column in ("input", "ends", "clips", "why"):
        table.add_column(column, overflow="fold")
    for result in shown:
        why = result.error or ", ".join(result.reasons) or ", ".join(result.flags)
        table.add_row(escape(printable(result.name)), result.status, str(result.clips), escape(printable(why)))
    if shown:
        Console().print(table)
    if len(shown) < len(report.results):
        print("listed above are the inputs that failed; --json lists all" if shown else "--json lists all inputs")
    counts = " + ".join(f"{report.count(status)} {status}" for status in ("kept", "dropped", "failed"))
    clips = sum(result.clips for result in report.results)
    print(f"{len(report.results)} inputs = {counts}; {clips} clips in {printable(f'{report.out}/clips')}")
    print(f"{_decoded(report)}; exports decoded {report.exported_frames}; {report.seconds:.1f} s")
    if report.held[0] > len(report.results):
        print(
            f"with inputs of earlier calls the folder holds {report.held[0]} inputs and {report.held[1]} kept clips; "
            "to leave some out, curate into a new folder"
        )
    if report.has_failures:
        print("some items failed: see the table above", file=sys.stderr)


def _decoded(report: "RunReport") -> str:
    if report.ratio is None:
        return f"analysis decoded nothing, all {report.source_frames} frames were known"
    return (
        f"analysis decoded {report.analysed_frames} frames of sources that have {report.analysed_of}"
        f" (ratio {report.ratio:.3f})"
    )

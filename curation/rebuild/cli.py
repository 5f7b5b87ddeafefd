"""`moee rebuild`: the clips of a published manifest again, and whether each is still the same."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from curation.rebuild.result import Report

EXAMPLE: Final = "Example: moee rebuild hf:ORG/NAME --out clips-again/  (the same line again goes on)"
_QUIET_SECONDS: Final = 30.0  # between lines on stderr
_NAMED: Final = 20  # clips and sources that are named one by one

Place = Annotated[
    str,
    typer.Argument(
        metavar="MANIFEST", help="A folder published without media, a manifest's own folder, or hf:ORG/NAME."
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the clips go; made if missing.")]
VerifyOnly = Annotated[
    bool, typer.Option("--verify-only", help="Fetch and cut nothing: look at the clips that are in DIR.")
]
Sources = Annotated[
    Path | None,
    typer.Option("--sources", metavar="DIR", help="Take the sources from here, by their bytes or names, not the web."),
]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core that has the memory.")]
Cookies = Annotated[Path | None, typer.Option(metavar="FILE", help="Cookies in Netscape's format.")]
Proxy = Annotated[str | None, typer.Option(metavar="URL", help="The proxy.")]
Rate = Annotated[float, typer.Option(min=0.001, help="Requests per second to one site.")]
Private = Annotated[bool, typer.Option("--allow-private", help="The sources may lie at private addresses.")]
Retry = Annotated[bool, typer.Option("--retry-permanent", help="Ask again for sources that were gone for good.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
_MEMORY: Final = 1 << 30  # bytes that a process needs: a decoder, an encoder, and the changes of hours of video


def rebuild(
    manifest: Place,
    out: Out,
    verify_only: VerifyOnly = False,
    sources: Sources = None,
    workers: Workers = 0,
    cookies: Cookies = None,
    proxy: Proxy = None,
    rate: Rate = 2.0,
    allow_private: Private = False,
    retry_permanent: Retry = False,
    as_json: AsJson = False,
) -> None:
    """Make the clips of a published manifest again: fetch, cut, compare with what was published, report each clip."""
    from curation.download import Settings
    from curation.engines.local import LocalEngine
    from curation.rebuild.run import How
    from curation.rebuild.run import rebuild as run
    from manifests.processes import default_workers
    from manifests.terminal import print_json, print_lines

    settings = Settings(
        rate=rate, cookies_file=cookies, proxy=proxy, allow_private=allow_private, retry_permanent=retry_permanent
    )
    engine = LocalEngine(workers or default_workers(_MEMORY))
    report = run(manifest, out, How(engine, settings, sources, verify_only, _Progress().say))
    if as_json:
        print_json(report.as_dict())
    else:
        print_lines(_lines(report))
    if not report.complete:
        raise typer.Exit(1)


rebuild.__doc__ = f"{rebuild.__doc__}\n\n    {EXAMPLE}"


def _lines(report: "Report") -> list[str]:
    from curation.rebuild.folder import SUMMARY, TABLE, sentence

    counts = ", ".join(f"{number} {status}" for status, number in report.counts.items())
    wrong = [clip for clip in report.clips if not clip.here]
    lines = [f"{len(report.clips)} clips: {counts}"]
    lines += [f"{clip.clip} of {clip.source}: {sentence(clip)}" for clip in wrong[:_NAMED]]
    if len(wrong) > _NAMED:
        lines.append(f"and {len(wrong) - _NAMED} more")
    return [*lines, *report.notes, f"every clip: {report.out}/{TABLE}, {report.out}/{SUMMARY}"]


class _Progress:
    """A line on stderr now and then."""

    def __init__(self) -> None:
        self._spoke = time.monotonic()

    def say(self, what: str, done: int, total: int) -> None:
        """So many are fetched or worked on, of so many."""
        if time.monotonic() - self._spoke >= _QUIET_SECONDS:
            self._spoke = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

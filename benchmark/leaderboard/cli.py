"""`moee bench leaderboard` and `moee bench submit`: the site of bundles; mounted by benchmark/cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from manifests.terminal import print_json, print_lines

if TYPE_CHECKING:
    from benchmark.leaderboard.build import Built

LEADERBOARD_EXAMPLE: Final = "Example: moee bench leaderboard mine/ baseline/ --out site/  (exit 1: one is not shown)"
SUBMIT_EXAMPLE: Final = "Example: moee bench submit mine/ --to site/ --videos made/ --videos mead-test/real/"
Videos = Annotated[
    list[Path] | None,
    typer.Option("--videos", metavar="DIR", help="Where videos that were scored lie, to be shown; repeat it."),
]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def leaderboard(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE...", help="Folders that moee bench run or moee study score wrote.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="SITE", help="A new folder, or a site, which is replaced.")],
    videos: Videos = None,
    clips: Annotated[int, typer.Option(min=0, help="Clips shown of each list, at most.")] = 12,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Make a static site of bundles: tables with intervals and ranks, reported numbers, plots, videos in step."""
    from benchmark.leaderboard.build import leaderboard as build

    _say(build(bundles, out, videos or (), clips, _workers(workers)), as_json)


def submit(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that moee bench run wrote.")],
    to: Annotated[Path, typer.Option("--to", metavar="SITE", help="A site that moee bench leaderboard made.")],
    videos: Videos = None,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle and add it to a site; one that is not sound is refused and the site stays as it was."""
    from benchmark.leaderboard.build import submit as add

    _say(add(bundle, to, videos or (), _workers(workers)), as_json)


def _say(built: Built, as_json: bool) -> None:
    """What was made, what is not shown and why; exit status 1 where something is not shown."""
    unshown = built.content.unshown
    index = str(built.site / "index.html")
    if as_json:
        boards = sum(len(dataset.boards) for dataset in built.content.datasets)
        said: dict[str, Any] = {"site": index, "bundles": built.bundles, "boards": boards, "videos": built.videos}
        print_json(said | {"pages": built.pages, "unshown": [one.model_dump(mode="json") for one in unshown]})
    else:
        print_lines([f"not shown: {one.folder}: {sentence}" for one in unshown for sentence in one.sentences])
        print_lines([f"{built.bundles} bundles, {built.videos} videos, {built.pages} pages", index])
    if unshown:
        raise typer.Exit(1)


def _workers(asked: int) -> int:
    from manifests.processes import default_workers

    return asked or default_workers(2 << 30)

"""`moee bench ladder`: real clips made worse step by step; which metrics see it?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from manifests.terminal import print_json, print_lines, print_table


def ladder(
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL", help="hdtf, mead, dh-faceemovid-150, sample, a file.")],
    real: Annotated[
        Path, typer.Option("--real", metavar="MANIFEST", help="A curated manifest, or a test set made from one.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where bundles, ladder.json and ladder.html go.")],
    axis: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these axes; repeat it.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="At most N steps of each axis.")] = None,
    control: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these controls, no axis; repeat it.")
    ] = None,
    clips: Annotated[int | None, typer.Option(metavar="N", help="Only the first N clips by hash; marked.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the videos of the axes' steps.")] = False,
    allow_fewer: Annotated[
        bool, typer.Option("--allow-fewer", help="Go on where the manifest holds too little; marked.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on without metrics whose networks are not here; marked.")
    ] = False,
    extractor: Annotated[
        str,
        typer.Option(
            metavar="published|seeded", help="Seeded: networks on seeded weights, to try; no axis is held against them."
        ),
    ] = "published",
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where features are kept; default: the user's cache.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Make real clips worse step by step, along one axis each: which metrics see it, and which see what is not there?

    Scores the controls (ground truth and floors) and every step of every axis; writes ladder.json and ladder.html. With
    --control alone, only these controls are scored. A step that was scored before is not scored again.
    """
    from benchmark.controls import AXES, CONTROLS
    from benchmark.ladder.measure import PAGE, measure
    from benchmark.ladder.rows import ladder_lines, ladder_table
    from benchmark.plan import seeded
    from benchmark.show import ladder_rows
    from curation.cores import default_workers

    axes = axis if axis else ([] if control else list(AXES))
    kinds = control if control else ([] if axis else list(CONTROLS))
    climbed = measure(
        protocol, real, out, axes=axes, kinds=kinds, steps=steps, clips=clips, keep=keep, cache=cache,
        workers=workers or default_workers(2 << 30), allow_fewer=allow_fewer, partial=partial,
        seeded=seeded(extractor), note=_note,
    )  # fmt: skip
    if as_json:
        said: dict[str, Any] = {kind: bundle.results.model_dump(mode="json") for kind, bundle in climbed.floors.items()}
        if climbed.ladder is not None:
            said["ladder"] = climbed.ladder.model_dump(mode="json")
        print_json(said)
        return
    print_table(ladder_rows(climbed.floors))
    if climbed.ladder is not None:
        print_table(ladder_table(climbed.ladder))
        print_lines([*ladder_lines(climbed.ladder), f"page: {out / PAGE}"])


def _note(text: str) -> None:
    import sys

    from manifests.text import printable

    print(printable(text), file=sys.stderr, flush=True)

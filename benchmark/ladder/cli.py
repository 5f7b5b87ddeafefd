"""`moee bench ladder`: real clips made worse step by step; which metrics see it?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.options import (
    Address,
    AsJson,
    Cache,
    EngineName,
    Fewer,
    Named,
    Partial,
    Real,
    Weights,
    Workers,
    cluster,
    note,
    processes,
)
from manifests.terminal import print_json, print_lines, print_table


def ladder(
    protocol: Named,
    real: Real,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where bundles, ladder.json and ladder.html go.")],
    axis: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these axes; repeat it.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="At most N steps of each axis.")] = None,
    control: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these controls, no axis; repeat it.")
    ] = None,
    clips: Annotated[int | None, typer.Option(metavar="N", help="Only the first N clips by hash; marked.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the videos of the axes' steps.")] = False,
    allow_fewer: Fewer = False,
    partial: Partial = False,
    extractor: Weights = "published",
    cache: Cache = None,
    workers: Workers = 0,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
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

    axes = axis if axis else ([] if control else list(AXES))
    kinds = control if control else ([] if axis else list(CONTROLS))
    climbed = measure(
        protocol, real, out, axes=axes, kinds=kinds, steps=steps, clips=clips, keep=keep, cache=cache,
        workers=processes(workers), allow_fewer=allow_fewer, partial=partial,
        seeded=seeded(extractor), note=note, cluster=cluster(engine, address, workers),
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

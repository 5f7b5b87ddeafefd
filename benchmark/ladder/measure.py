"""The whole ladder: floors, every step of every axis, what each metric answers, and the files that say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.ladder import climb
from benchmark.ladder.clips import first_clips
from benchmark.ladder.judge import axis_facts, judge, metric_facts
from benchmark.ladder.record import FILE, VERSION, Ladder
from benchmark.ladder.steps import Steps, chosen_steps, climb_axes
from benchmark.protocol import load_protocol
from benchmark.run import test_set
from benchmark.systems import GROUND_TRUTH

if TYPE_CHECKING:
    from benchmark.bundle import Bundle
    from benchmark.cluster import Cluster

PAGE = "ladder.html"
Note = Callable[[str], None]


@dataclass(frozen=True)
class Climbed:
    """What was made: the controls' bundles, the axes' bundles, and what they say; None where no axis was climbed."""

    floors: dict[str, Bundle]
    rungs: dict[str, dict[float, Bundle]]
    ladder: Ladder | None


def measure(
    protocol: str,
    real: Path,
    out: Path,
    *,
    axes: Sequence[str],
    kinds: Sequence[str],
    steps: int | None = None,
    clips: int | None = None,
    keep: bool = False,
    cache: Path | None = None,
    workers: int = 1,
    allow_fewer: bool = False,
    partial: bool = False,
    seeded: bool = False,
    note: Note = lambda text: None,
    cluster: Cluster | None = None,
) -> Climbed:
    """Score controls and axes; where axes are climbed, write `ladder.json` and `ladder.html`.

    Args:
        protocol: name or file.
        real: a curated manifest, or a test set that was made from one.
        out: gets `<control>/`, `axes/<axis>/<step>/`, `videos/<control>/`, and the ladder's files.
        axes: of `benchmark.controls.AXES`.
        kinds: of `benchmark.controls.CONTROLS`; the ground truth is scored in any case where axes are climbed.
        steps: at most so many of each axis.
        clips: only the first so many by hash; the results are marked.
        keep: leave the videos of the axes' steps in `videos/<axis>/<step>/`.
        cache, workers, allow_fewer, partial, seeded, note, cluster: as for `benchmark.run.run`.

    Raises:
        BenchmarkError: there is no such control, axis or number of steps; and as `benchmark.run.run`.
    """
    wanted = {axis: chosen_steps(axis, steps) for axis in axes}
    chosen = load_protocol(protocol)
    folder, testset = test_set(real, chosen, cache, workers, allow_fewer, note, cluster)
    if clips is not None:
        folder, testset = first_clips(folder, testset, clips, out / "testset")
    scored = tuple(dict.fromkeys((*([GROUND_TRUTH] if wanted else []), *kinds)))
    floors = climb(
        protocol, folder, out, cache=cache, workers=workers, partial=partial, seeded=seeded, kinds=scored, note=note,
        cluster=cluster,
    )  # fmt: skip
    if not wanted:
        return Climbed(floors, {}, None)
    made = Steps(
        protocol, chosen, folder, testset, floors[GROUND_TRUTH], out, cache, workers, partial, seeded, keep, note,
        cluster,
    )  # fmt: skip
    rungs = climb_axes(made, wanted)
    ladder = record(floors[GROUND_TRUTH], rungs)
    save(ladder, made, floors[GROUND_TRUTH])
    return Climbed(floors, rungs, ladder)


def record(truth: Bundle, rungs: Mapping[str, Mapping[float, Bundle]]) -> Ladder:
    """What the bundles of all steps say together.

    Raises:
        BenchmarkError: a bundle's features do not give its numbers.
    """
    results = truth.results
    metrics, left_out = metric_facts(truth)
    return Ladder(
        version=VERSION,
        protocol=results.protocol.name,
        protocol_version=results.protocol.version,
        list_sha256=results.test_list.sha256,
        clips=results.test_list.clips,
        persons=len({clip.identity for clip in truth.features.clips}),
        marks=list(results.test_list.shortfalls),
        axes=axis_facts({axis: list(steps) for axis, steps in rungs.items()}),
        metrics=metrics,
        cells=judge(truth, rungs),
        left_out=left_out,
        machine=results.device.model_dump(mode="json"),
        code=results.code.model_dump(mode="json"),
    )


def save(ladder: Ladder, made: Steps, truth: Bundle) -> None:
    """Write `ladder.json`, and `ladder.html` with the small pictures of all steps."""
    from benchmark.ladder.page import page
    from benchmark.ladder.pictures import save_picture

    (made.out / FILE).write_text(ladder.model_dump_json(indent=1) + "\n", encoding="utf-8")
    pictures: dict[str, list[bytes]] = {}
    for axis in ladder.axes:
        first = made.picture(axis.name, 0)
        save_picture(axis.name, made.out / "videos" / GROUND_TRUTH, made.testset, first)
        paths = [first, *(made.picture(axis.name, step) for step in axis.steps)]
        pictures[axis.name] = [path.read_bytes() for path in paths]
    (made.out / PAGE).write_text(page(ladder, pictures), encoding="utf-8")

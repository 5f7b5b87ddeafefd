"""The sanity ladder: do metrics see what they must see, and nothing else? Real clips made worse, step by step.

`climb` scores the floors, copies of the ground truth that are worse in one known way and stand in tables;
`benchmark.ladder.measure` scores every step of every axis and holds all metrics against them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.controls import CONTROLS, make_control
from benchmark.errors import BenchmarkError
from manifests.text import nearest, printable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle
    from benchmark.cluster import Cluster


def climb(
    protocol: str,
    real: Path,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int = 1,
    allow_fewer: bool = False,
    partial: bool = False,
    seeded: bool = False,
    kinds: Sequence[str] = tuple(CONTROLS),
    note: Callable[[str], None] = lambda text: None,
    cluster: Cluster | None = None,
) -> dict[str, Bundle]:
    """Score every control on a protocol.

    Args:
        protocol: name or file.
        real: a curated manifest, or a test set that was made from one.
        out: gets `videos/<control>/` and a bundle `<control>/` each.
        cache, workers, allow_fewer, partial, seeded, note, cluster: as for `benchmark.run.run`.
        kinds: which controls, of `benchmark.controls.CONTROLS`.

    Returns:
        Control -> its bundle, in the order of `kinds`.

    Raises:
        BenchmarkError: there is no such control; and as `benchmark.run.run`.
    """
    from benchmark.protocol import load_protocol
    from benchmark.run import run, test_set
    from benchmark.systems import GROUND_TRUTH, System

    unknown = next((kind for kind in kinds if kind not in CONTROLS), None)
    if unknown is not None:
        raise BenchmarkError(f"There is no control {printable(unknown)}: {nearest(unknown, CONTROLS)}")
    chosen = load_protocol(protocol)
    folder, found = test_set(real, chosen, cache, workers, allow_fewer, note, cluster)
    rungs: dict[str, Bundle] = {}
    for kind in kinds:
        note(f"{kind}: {CONTROLS[kind].does}")
        videos = make_control(kind, found, folder, chosen, out / "videos" / kind, workers, cluster)
        system = System(kind, control=kind != GROUND_TRUTH)
        rungs[kind] = run(
            protocol, system, videos, folder, out / kind, cache=cache, workers=workers, partial=partial, seeded=seeded,
            note=note, cluster=cluster,
        )  # fmt: skip
    return rungs

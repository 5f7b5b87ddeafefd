"""What a metric is and what it gives: a number with its name, interval, count and direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmark.features import Features

Direction = Literal["lower", "higher"]


SEEDED = "@seeded"
"""In the name of a number whose network ran on seeded weights: it shows that everything runs, and measures nothing."""


def is_comparable(name: str) -> bool:
    """Whether a number of this name measures anything: not where its network ran on seeded weights."""
    return SEEDED not in name


@dataclass(frozen=True)
class MetricResult:
    """One number of a system, and how it was made.

    name: `metric/extractor@hash/version`, such as `akd/mediapipe-mesh68@64184e22/v1`: numbers of different names are
        not comparable.
    value: the point estimate; infinite where clips failed and the metric has no worst value (set metrics).
    interval: 95 %, low and high; how it was made stands in `method`.
    n: clips behind the number, failed ones included.
    direction: which way is better.
    unit: of value and interval, such as `px of a 256 px frame`, `dB`, `share`.
    method: such as `bca over clips, 10000 resamples, seed 0`.
    per_clip: clip id -> its own value, for metrics that are means over clips; empty for set metrics.
    details: what belongs beside the number (confusion, per emotion, ceiling, floor, ...): plain JSON values.
    """

    name: str
    value: float
    interval: tuple[float, float]
    n: int
    direction: Direction
    unit: str
    method: str
    per_clip: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


KERNEL = "kernel"
FRECHET = "frechet"


@dataclass(frozen=True)
class SetSpec:
    """What distance of which rows.

    feature: of both sides.
    width: of its rows.
    distance: `frechet` or `kernel` (KID).
    ddof: of covariances: 1 divides by n - 1, 0 by n.
    frames: rows taken of each clip, the middles of equal parts; None takes all.
    sizes: of sets through which the line to infinitely many clips is laid; 0 lays none.
    """

    feature: str
    width: int
    distance: str = FRECHET
    ddof: int = 1
    frames: int | None = None
    sizes: int = 15


@dataclass(frozen=True)
class Metric:
    """A metric of the benchmark: one file of `benchmark/metrics`, whose docstring becomes its page in docs/metrics.

    key: as protocols and tables name it, `akd`.
    version: of its definition, `v1`; another definition gets another one.
    title: for people, `Average keypoint distance`.
    direction: which way is better.
    unit: see `MetricResult`.
    needs: features that it reads.
    paired: whether it holds each clip against its own ground truth; otherwise it works on sets of clips, which need
        not correspond.
    worst: what a failed clip counts as, a stated bound; None for set metrics, which are then infinitely bad.
    compute: from features to the result; pure: no files, no networks, no clock.
    sets: which rows and which distance a metric of sets takes; None for metrics over clips.
    """

    key: str
    version: str
    title: str
    direction: Direction
    unit: str
    needs: tuple[str, ...]
    paired: bool
    worst: float | None
    compute: Callable[[Features], MetricResult]
    sets: SetSpec | None = None

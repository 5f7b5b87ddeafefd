"""Metrics that are means over clips: failed clips count as the worst value, the interval is BCa over clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics._rows import living
from benchmark.results import Direction, Metric, MetricResult
from manifests.text import printable


@dataclass(frozen=True, eq=False)
class ClipValues:
    """What a metric finds in clips.

    clips: that count, failed ones among them; the ground truth decides which.
    values: one for each clip that did not fail, in their order, finite.
    details: what belongs beside the number, plain JSON values.
    """

    clips: tuple[Clip, ...]
    values: np.ndarray
    details: Mapping[str, Any] = field(default_factory=dict)


def over_clips(
    key: str,
    title: str,
    direction: Direction,
    unit: str,
    needs: tuple[str, ...],
    worst: float,
    values: Callable[[Features], ClipValues],
    version: str = "v1",
) -> Metric:
    """A metric that is a mean over clips; arguments as `Metric`, its first need gives the result's name.

    Args:
        worst: what a failed clip counts as.
        values: from features to the value of each clip that did not fail.
    """

    def compute(features: Features) -> MetricResult:
        found = values(features)
        own = filled(found, worst)
        interval, method = interval_of(own)
        details = dict(found.details)
        failed = sum(clip.failure is not None for clip in found.clips)
        if failed:
            details["failed_clips"] = failed
        per_clip = {clip.id: float(value) for clip, value in zip(found.clips, own, strict=True)}
        name = name_of(features, key, needs[0], version, found.clips)
        return MetricResult(
            name, float(own.mean()), interval, len(own), direction, unit, method, per_clip, details
        )  # fmt: skip

    return Metric(key, version, title, direction, unit, needs, True, worst, compute)


def filled(found: ClipValues, worst: float) -> np.ndarray:
    """[clips] values of all clips that count, failed ones the worst.

    Raises:
        BenchmarkError: a value is missing or not finite; the sentence names the clip.
    """
    own = np.full(len(found.clips), float(worst))
    own[[clip.failure is None for clip in found.clips]] = found.values
    wrong = np.flatnonzero(~np.isfinite(own))
    if len(wrong):
        raise BenchmarkError(f"{printable(found.clips[wrong[0]].id)} has no value: its features do not fit together.")
    return own


def interval_of(values: np.ndarray) -> tuple[tuple[float, float], str]:
    """95 % interval of the mean of [n] values, and how it was made."""
    from benchmark.statistics.intervals import bca

    found = bca(values)
    return (found.low, found.high), found.method


def name_of(features: Features, key: str, feature: str, version: str, clips: Sequence[Clip]) -> str:
    """The result's name: metric, what made its feature, version of the definition.

    Raises:
        BenchmarkError: the features do not say what made this one.
    """
    made_by = features.made_by.get(feature)
    if made_by is None and living(clips):
        raise BenchmarkError(f"The features do not say what made {feature}: extract them again.")
    return f"{key}/{made_by or 'none'}/{version}"


def plain(value: float) -> float | None:
    """A number for `details`: None where it is not finite."""
    return float(value) if np.isfinite(value) else None

"""Metrics of two sets of features: distances with intervals from groups of clips; infinite where clips failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.features import Clip, Features
from benchmark.metrics._errors import NotApplicable
from benchmark.metrics._over_clips import name_of, plain
from benchmark.metrics._rows import Rows, living, rows, usable
from benchmark.results import FRECHET, KERNEL, Metric, MetricResult, SetSpec

if TYPE_CHECKING:
    from benchmark.statistics.sets import SetEstimate

LEAST = 20
"""Clips below which a Frechet distance is not corrected for their number, as where dimensions outnumber the clips: the
correction is a line in 1 / clips, and coverage of the population is proven from 60 clips and up to as many dimensions
(tests/proofs/test_coverage.py)."""


@dataclass(frozen=True, eq=False)
class Sets:
    """The rows of both sides, and why the system's side is not whole.

    clips: that count, failed ones among them.
    real, generated: rows with a face of the clips that did not fail.
    bad: how many clips failed or show no face in any row; then there is no distance.
    """

    clips: tuple[Clip, ...]
    real: Rows
    generated: Rows
    bad: int


def over_sets(
    key: str, title: str, unit: str, spec: SetSpec, corrected: bool = False, version: str = "v1"
) -> Metric:  # fmt: skip
    """A distance of two sets of rows: as other programs print it, or `corrected` for the number of clips.

    The plain number's interval is for its expectation at this number of clips, the corrected one's for the population.
    """

    def compute(features: Features) -> MetricResult:
        if corrected and spec.distance == FRECHET:
            _require_many(len(usable(features, spec.feature)), spec.width)
        sets, estimate, details = _estimate(features, spec)
        name = name_of(features, key, spec.feature, version, sets.clips)
        n = len(sets.clips)
        if estimate is None:
            return MetricResult(name, np.inf, (np.inf, np.inf), n, "lower", unit, _INFINITE, {}, details)
        value = estimate.corrected if corrected else estimate.plain
        interval = estimate.interval_corrected if corrected else estimate.interval_plain
        about = "the population" if corrected else f"the expectation at {n} clips"
        method = f"over {details['groups']}, for {about}: {estimate.method}"
        return MetricResult(name, value, interval, n, "lower", unit, method, {}, details)

    return Metric(key, version, title, "lower", unit, (spec.feature,), False, None, compute, spec)


def _require_many(clips: int, width: int) -> None:
    """Refuse to correct what too few clips cannot tell."""
    if clips < LEAST or clips <= width:
        raise NotApplicable(
            f"{clips} clips are too few to correct a distance in {width} dimensions for their number: it takes at "
            f"least {LEAST}, and more than there are dimensions; KID needs no correction."
        )


_INFINITE = "none: a set that lacks clips has no distance"


@lru_cache(maxsize=8)
def _estimate(features: Features, spec: SetSpec) -> tuple[Sets, SetEstimate | None, dict[str, Any]]:
    from benchmark.statistics.sets import make_groups

    sets = _sets(features, spec)
    if sets.bad:
        said = (
            f"{sets.bad} of {len(sets.clips)} clips failed or show no face: the set is not whole, and infinitely bad."
        )
        return sets, None, {"reason": said, "failed_clips": sets.bad}
    ids = [clip.id for clip in sets.clips]
    groups, text = make_groups([clip.identity for clip in sets.clips], ids=ids)
    _require(sets, groups)
    x, of_x = sets.real.values[sets.real.seen], sets.real.owners[sets.real.seen]
    y, of_y = sets.generated.values[sets.generated.seen], sets.generated.owners[sets.generated.seen]
    found = _distance(spec)(x, of_x, y, of_y, groups)
    if spec.distance == FRECHET:
        found = _without_rounding(found, x, y)
    details: dict[str, Any] = {
        "plain": found.plain,
        "corrected": found.corrected,
        "interval_plain": [plain(end) for end in found.interval_plain],
        "interval_corrected": [plain(end) for end in found.interval_corrected],
        "rows": len(y),
        "rows_of_ground_truth": len(x),
        "rows_without_face": int((~sets.generated.seen).sum()),
        "dimensions": spec.width,
        "groups": text,
    }
    if spec.distance == FRECHET and spec.sizes:
        details |= _infinity(spec, x, of_x, y, of_y)
    if spec.distance == FRECHET and min(len(x), len(y)) <= spec.width:
        details["warning"] = (
            f"{min(len(x), len(y))} rows are no more than the {spec.width} dimensions: the covariances are singular, "
            "and the number of clips decides much of the distance."
        )
    return sets, found, details


def _distance(spec: SetSpec) -> Callable[..., SetEstimate]:
    from benchmark.statistics.sets import frechet_sets, kid_sets

    if spec.distance == KERNEL:
        return kid_sets
    return lambda x, of_x, y, of_y, groups: frechet_sets(x, of_x, y, of_y, groups, ddof=spec.ddof)


def _without_rounding(found: SetEstimate, x: np.ndarray, y: np.ndarray) -> SetEstimate:
    """Zero in place of what is only rounding, and differs between processors: sets that are the same have no spread."""
    least = _rounding(x, y)
    ends = (*found.interval_plain, *found.interval_corrected)
    if max(map(abs, (found.plain, found.corrected, *ends))) > least:
        return found
    return replace(
        found, plain=0.0, corrected=0.0, error=0.0, interval_plain=(0.0, 0.0), interval_corrected=(0.0, 0.0),
        method="none: both sets are the same",
    )  # fmt: skip


def _rounding(x: np.ndarray, y: np.ndarray) -> float:
    """How much of a Frechet distance may be rounding: 1e-12 of the mean squared lengths of the rows around the mean."""
    middle = (x.mean(axis=0, dtype=np.float64) + y.mean(axis=0, dtype=np.float64)) / 2
    return 1e-12 * float(np.square(x - middle).sum() / len(x) + np.square(y - middle).sum() / len(y))


def _sets(features: Features, spec: SetSpec) -> Sets:
    clips = usable(features, spec.feature)
    alive = living(clips)
    if spec.frames is not None:
        alive = tuple(_thinned(clip, spec.feature, spec.frames) for clip in alive)
    real, generated = (rows(alive, side, spec.feature, (spec.width,)) for side in ("real", "generated"))
    shown = np.bincount(generated.owners, generated.seen, len(alive)) > 0
    return Sets(clips, real, generated, len(clips) - int(shown.sum()))


def _thinned(clip: Clip, feature: str, frames: int) -> Clip:
    """The clip with the rows of a feature that lie in the middles of equal parts."""
    sides = {"real": clip.real, "generated": clip.generated}
    found = {side: held[feature] for side, held in sides.items() if feature in held}
    odd = 2 * np.arange(frames) + 1
    parts = {side: array[odd * len(array) // (2 * frames)] if len(array) else array for side, array in found.items()}
    return replace(clip, **{side: {feature: part} for side, part in parts.items()})  # type: ignore[arg-type]


def _require(sets: Sets, groups: np.ndarray) -> None:
    """Refuse lists that are too small for a distance without one of its groups."""
    count = int(groups.max()) + 1
    for side in (sets.real, sets.generated):
        held = np.bincount(groups[side.owners[side.seen]], minlength=count)
        if count < 2 or int(held.sum() - held.max()) < 2:
            raise NotApplicable(
                f"A distance of sets needs 2 rows without any one group of clips; the list has {len(sets.clips)} clips."
            )


def _infinity(spec: SetSpec, x: np.ndarray, of_x: np.ndarray, y: np.ndarray, of_y: np.ndarray) -> dict[str, Any]:
    """FID-infinity (Chong & Forsyth 2020), or why there is none."""
    from benchmark.errors import BenchmarkError
    from benchmark.statistics.infinity import frechet_infinity

    try:
        line = frechet_infinity(x, y, of_x, of_y, count=spec.sizes, ddof=spec.ddof)
    except BenchmarkError as error:
        return {"infinity": None, "infinity_reason": str(error)}
    least = _rounding(x, y)
    value, *points = (0.0 if abs(number) <= least else number for number in (line.value, *line.points))
    return {"infinity": value, "infinity_sizes": list(line.sizes), "infinity_points": points}

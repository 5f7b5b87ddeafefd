"""One metric of systems on the same clips: each is evaluated once, and any two then differ by how much, how surely."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmark.bundle.lines import same
from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics import metric
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle, MetricLine
    from benchmark.results import SetSpec

LEAST: Final = 8  # clips: that fewer all differ by the same proves nothing
STACK: Final = 2**23  # numbers of covariances worked on at once
Evaluate = Callable[[np.ndarray], np.ndarray]
"""From kept groups [k, g] bool to the k numbers of the clips in them."""


@dataclass(frozen=True)
class Difference:
    """b - a with its 95 % interval and two-sided p-value.

    value: None where either side is infinitely bad; where one is, low and high have the sign of the difference.
    low, high: infinite where not known.
    p: chance of a difference as large between systems that are equally good; None where it is not known.
    method: how the interval was made; the p-value is Student's t throughout.
    """

    value: float | None
    low: float
    high: float
    p: float | None
    method: str


@dataclass(frozen=True, eq=False)
class Deleted:
    """A number of a whole set, with groups of clips left out: found [k] for every row of the jackknife's plan.

    sizes: [g] clips of each group. text: what the groups are.
    """

    found: np.ndarray
    sizes: np.ndarray
    text: str


@dataclass(frozen=True, eq=False)
class Scored:
    """A metric of a system: its line, and what differences need, worked out once when they ask for it."""

    line: MetricLine
    bundle: Bundle

    @cached_property
    def per_clip(self) -> dict[str, float]:
        """Clip -> value."""
        return self.bundle.per_clip(self.line.key)

    @cached_property
    def is_mean(self) -> bool:
        """Whether the number is the mean of its values of clips, and not a number of the whole set."""
        return bool(self.per_clip) and same(float(np.mean(list(self.per_clip.values()))), self.line.value)

    @cached_property
    def deleted(self) -> Deleted | None:
        """The number without groups of clips; None where the clips make only one group.

        Raises:
            NotApplicable: too few clips are left without a group.
            BenchmarkError: the features do not give the number that the bundle says.
        """
        return _deleted(self.line, self.bundle.features)


def difference(one: Scored, other: Scored) -> Difference:
    """What `other` has more than `one`; both are of one metric name and of bundles of one test list.

    Means over clips are compared clip by clip; numbers of whole sets by leaving out the same groups of clips on both
    sides.

    Raises:
        NotApplicable, BenchmarkError: as `Scored.deleted`.
    """
    if one.line.infinite or other.line.infinite:
        if one.line.infinite and other.line.infinite:
            return Difference(None, -math.inf, math.inf, 1.0, "none: both are infinitely bad")
        far = math.inf if other.line.infinite == (one.line.direction == "lower") else -math.inf
        return Difference(None, far, far, 0.0, "none: one is infinitely bad")
    if _are_means(one, other):
        return _of_means(one, other)
    return _of_sets(one, other)


def p_value(one: Scored, other: Scored) -> float | None:
    """The p-value of `difference` alone, which costs no bootstrap; arguments and errors as there."""
    if not (one.line.infinite or other.line.infinite) and _are_means(one, other):
        return _p_of_mean(_apart(one, other))
    return difference(one, other).p


def _are_means(one: Scored, other: Scored) -> bool:
    return one.is_mean and other.is_mean and one.per_clip.keys() == other.per_clip.keys()


def _apart(one: Scored, other: Scored) -> np.ndarray:
    """[clips] what `other` has more than `one`."""
    return np.array([other.per_clip[clip] - value for clip, value in one.per_clip.items()])


def _of_means(one: Scored, other: Scored) -> Difference:
    from benchmark.statistics.intervals import bca

    apart = _apart(one, other)
    found = bca(apart)
    return Difference(float(apart.mean()), found.low, found.high, _p_of_mean(apart), f"paired {found.method}")


def _p_of_mean(apart: np.ndarray) -> float:
    """Student's t over clips [n]; few clips that all differ by the same prove nothing."""
    n = len(apart)
    if n < 2 or not apart.any() or (np.ptp(apart) == 0 and n < LEAST):
        return 1.0
    return _student(float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(n)), n - 1.0)


def _student(value: float, error: float, degrees: float) -> float:
    from scipy.special import stdtr

    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stdtr(degrees, -abs(value) / error))


def _of_sets(one: Scored, other: Scored) -> Difference:
    """From leaving out the same groups of clips on both sides."""
    from benchmark.statistics.jackknife import jackknife

    value = _value(other.line) - _value(one.line)
    a, b = one.deleted, other.deleted
    if a is None or b is None:
        return Difference(value, -math.inf, math.inf, None, "none: one clip tells nothing about others")
    found = jackknife(lambda kept: b.found - a.found, a.sizes)
    low, high = found.interval(value)
    few = found.error == 0 and min(one.line.n, other.line.n) < LEAST
    p = 1.0 if few else _student(value, found.error, found.degrees)
    return Difference(value, low, high, p, f"{found.method} over {a.text}, the same on both sides")


def _value(line: MetricLine) -> float:
    return float(line.value if line.value is not None else math.nan)


def _deleted(line: MetricLine, features: Features) -> Deleted | None:
    from benchmark.statistics.jackknife import jackknife
    from benchmark.statistics.sets import make_groups

    spec = metric(line.key).sets
    clips = [clip for clip in features.clips if spec is None or spec.feature in clip.real]
    ids = [clip.id for clip in clips]
    groups, text = make_groups([clip.identity for clip in clips], ids=ids)
    if groups.max() < 1:
        return None
    evaluate = (
        by_computing(line.key, features, ids, groups) if spec is None else by_rows(spec, features.subset(ids), groups)
    )
    plans: list[np.ndarray] = []

    def recorded(kept: np.ndarray) -> np.ndarray:
        plans.append(evaluate(kept))
        return plans[0]

    sizes = np.bincount(groups).astype(np.float64)
    jackknife(recorded, sizes)  # its plan depends on the number of groups only
    plain, again = line.details.get("plain"), float(plans[0][0])
    if spec is not None and (
        not isinstance(plain, float) or not math.isclose(plain, again, rel_tol=1e-6, abs_tol=1e-6)
    ):
        said = f"{printable(line.name)} is {plain} in a bundle and {again} from its features"
        raise BenchmarkError(f"{said}: moee bench verify says what was changed.")
    return Deleted(plans[0], sizes, text)


def by_computing(key: str, features: Features, ids: list[str], groups: np.ndarray) -> Evaluate:
    """Any metric, computed again from the clips that are kept."""
    compute, names = metric(key).compute, np.array(ids)

    def evaluate(kept: np.ndarray) -> np.ndarray:
        return np.array([compute(features.subset(names[row[groups]].tolist())).value for row in kept])

    return evaluate


def by_rows(spec: SetSpec, features: Features, groups: np.ndarray) -> Evaluate:
    """A distance of sets without its own intervals: what a metric of sets gives as `details.plain`."""
    from benchmark.results import KERNEL
    from benchmark.statistics.grams import Grams
    from benchmark.statistics.mmd import KernelSums

    thinned = replace(features, clips=tuple(_thinned(clip, spec) for clip in features.clips))
    (x, clips_x), (y, clips_y) = (thinned.stacked(spec.feature, side) for side in ("real", "generated"))
    of_x, of_y, count = groups[clips_x], groups[clips_y], int(groups.max()) + 1
    if spec.distance == KERNEL:
        return KernelSums.of(x, of_x, y, of_y, count).kid
    if min(len(x), len(y)) > spec.width:
        return _by_moments(np.asarray(x, np.float64), of_x, np.asarray(y, np.float64), of_y, count, spec.ddof)
    grams = Grams.of(x, y)
    return lambda kept: grams.without(~kept[:, of_x], ~kept[:, of_y], spec.ddof)


def _thinned(clip: Clip, spec: SetSpec) -> Clip:
    """The clip with the rows that a metric takes of it: all, or the middles of equal parts."""
    if spec.frames is None or clip.failure is not None:
        return clip
    places = 2 * np.arange(spec.frames) + 1
    real, generated = (side[spec.feature] for side in (clip.real, clip.generated))
    parts = [array[places * len(array) // (2 * spec.frames)] for array in (real, generated)]
    return replace(clip, real={spec.feature: parts[0]}, generated={spec.feature: parts[1]})


def _by_moments(x: np.ndarray, of_x: np.ndarray, y: np.ndarray, of_y: np.ndarray, count: int, ddof: int) -> Evaluate:
    """Frechet distances of the rows [n, d], [m, d] that are left, from sums that are made once."""
    from benchmark.statistics.frechet import of_moments
    from benchmark.statistics.moments import GroupMoments

    middle = (x.mean(axis=0) + y.mean(axis=0)) / 2
    sums_x, sums_y = GroupMoments(x - middle, of_x, count), GroupMoments(y - middle, of_y, count)
    step = max(1, STACK // x.shape[1] ** 2)

    def evaluate(kept: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(kept), step):
            (mean_x, cov_x), (mean_y, cov_y) = (s.kept(kept[start : start + step], ddof) for s in (sums_x, sums_y))
            found.append(np.asarray(of_moments(np, mean_x - mean_y, cov_x, cov_y)))
        return np.concatenate(found)

    return evaluate

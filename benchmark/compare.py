"""Two systems held against each other on the same clips: differences with intervals, and what they allow to say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from benchmark.bundle import check_protocol
from benchmark.bundle.lines import same
from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics import NotApplicable, metric
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle, MetricLine
    from benchmark.results import SetSpec

LEAST: Final = 8  # clips: that fewer all differ by the same proves nothing
STACK: Final = 2**23  # numbers of covariances worked on at once
Evaluate = Callable[[np.ndarray], np.ndarray]
"""From kept groups [k, g] bool to the k numbers of the clips in them."""

Verdict = Literal["a better", "b better", "no difference shown", "not comparable"]


@dataclass(frozen=True)
class ComparisonLine:
    """One metric of both systems.

    name: of the metric, with extractor and version.
    first, second: values of a and b; None where infinitely bad.
    difference: b - a, in the metric's unit; None where one side is infinitely bad.
    interval: 95 % of the difference, low and high; an end is None where it is not known.
    n: clips behind it, failed ones included.
    direction: which way the metric is better.
    method: how the interval was made.
    verdict: which is better where the interval lies on one side of zero; not comparable on seeded weights.
    """

    key: str
    name: str
    first: float | None
    second: float | None
    difference: float | None
    interval: tuple[float | None, float | None]
    n: int
    direction: str
    unit: str
    method: str
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """Two systems on one list.

    first, second: names of systems a and b.
    lines: a metric each, in the protocol's order.
    left_out: key of a metric -> why it is not compared.
    """

    first: str
    second: str
    lines: tuple[ComparisonLine, ...]
    left_out: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def compare(a: Bundle, b: Bundle) -> Comparison:
    """Hold two bundles of one protocol and one test list against each other.

    Means over clips are compared clip by clip, with the interval of the mean difference; numbers of whole sets by
    leaving out the same groups of clips on both sides. Failed clips count as the worst score, as in each bundle.
    Nothing is verified here.

    Raises:
        BenchmarkError: they are of other protocols, versions, lists or extractors, or a file is damaged: one sentence.
    """
    _require_same(a, b)
    lines, left_out = [], {}
    for key in a.results.protocol.resolved["metrics"]:
        one, other = a.results.line(key), b.results.line(key)
        if one is None or other is None:
            left_out[key] = _why_not(key, a if one is None else b)
        else:
            try:
                lines.append(_line(one, other, a, b))
            except NotApplicable as reason:
                left_out[key] = str(reason)
    return Comparison(a.results.system.name, b.results.system.name, tuple(lines), left_out)


def _require_same(a: Bundle, b: Bundle) -> None:
    one, other = a.results, b.results
    check_protocol(b, one.protocol.name, one.protocol.version, one.protocol.sha256)
    both = f"{printable(str(a.folder))} and {printable(str(b.folder))}"
    if one.test_list.sha256 != other.test_list.sha256:
        raise BenchmarkError(
            f"{both} were made from different test lists: score both systems on one test set (--real)."
        )
    for feature in sorted({*a.features.made_by} & {*b.features.made_by}):
        first, second = a.features.made_by[feature], b.features.made_by[feature]
        if first != second:
            raise BenchmarkError(
                f"{both} have their {printable(feature)} from {printable(first)} and {printable(second)}: their "
                "numbers are not comparable, score both with the same networks."
            )
    if [clip.id for clip in a.features.clips] != [clip.id for clip in b.features.clips]:
        raise BenchmarkError(f"{both} hold different clips, though their test lists have one hash: verify both.")


def _why_not(key: str, lacking: Bundle) -> str:
    results = lacking.results
    why = results.not_applicable.get(key) or results.left_out.get(key) or "it has no number of it"
    return f"{printable(results.system.name)}: {printable(why)}"


def _line(one: MetricLine, other: MetricLine, a: Bundle, b: Bundle) -> ComparisonLine:
    if one.name != other.name:
        raise NotApplicable(f"{printable(one.name)} and {printable(other.name)} are not comparable.")
    found = _difference(one, other, a, b)
    return ComparisonLine(
        key=one.key,
        name=one.name,
        first=one.value,
        second=other.value,
        difference=found.value,
        interval=(_finite(found.low), _finite(found.high)),
        n=min(one.n, other.n),
        direction=one.direction,
        unit=one.unit,
        method=found.method,
        verdict=_verdict(found, one),
    )


@dataclass(frozen=True)
class _Difference:
    """b - a with its interval; value None where only one side is infinitely bad: low and high then have its sign."""

    value: float | None
    low: float
    high: float
    method: str


def _difference(one: MetricLine, other: MetricLine, a: Bundle, b: Bundle) -> _Difference:
    if one.infinite or other.infinite:
        if one.infinite and other.infinite:
            return _Difference(None, -math.inf, math.inf, "none: both are infinitely bad")
        far = math.inf if other.infinite == (one.direction == "lower") else -math.inf
        return _Difference(None, far, far, "none: one is infinitely bad")
    from benchmark.statistics.intervals import paired

    values_a, values_b = a.per_clip(one.key), b.per_clip(one.key)
    if _is_mean(one, values_a) and _is_mean(other, values_b) and values_a.keys() == values_b.keys():
        clips = list(values_a)
        found = paired([values_b[clip] for clip in clips], [values_a[clip] for clip in clips])
        return _Difference(found.difference, found.interval.low, found.interval.high, f"paired {found.interval.method}")
    return _of_sets(one, other, a.features, b.features)


def _is_mean(line: MetricLine, values: dict[str, float]) -> bool:
    """Whether a metric's number is the mean of its values of clips, and not a number of the whole set."""
    return bool(values) and same(float(np.mean(list(values.values()))), line.value)


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _verdict(found: _Difference, line: MetricLine) -> Verdict:
    if not line.comparable:
        return "not comparable"
    unsure = found.low <= 0 <= found.high or (found.low == found.high and line.n < LEAST and found.value is not None)
    if unsure:
        return "no difference shown"
    return "b better" if (found.low > 0) == (line.direction == "higher") else "a better"


def _of_sets(one: MetricLine, other: MetricLine, a: Features, b: Features) -> _Difference:
    """The difference of two numbers of whole sets, from leaving out the same groups of clips on both sides."""
    from benchmark.statistics.jackknife import jackknife
    from benchmark.statistics.sets import make_groups

    spec = metric(one.key).sets
    clips = [clip for clip in a.clips if spec is None or spec.feature in clip.real]
    ids = [clip.id for clip in clips]
    groups, text = make_groups([clip.identity for clip in clips], ids=ids)
    if groups.max() < 1:
        return _Difference(
            _value(other) - _value(one), -math.inf, math.inf, "none: one clip tells nothing about others"
        )
    if spec is None:
        of_a, of_b = (_by_computing(one.key, features, ids, groups) for features in (a, b))
    else:
        of_a, of_b = (_by_rows(spec, features.subset(ids), groups) for features in (a, b))
        whole = np.ones((1, int(groups.max()) + 1), bool)
        for line, evaluate in ((one, of_a), (other, of_b)):
            plain, again = line.details.get("plain"), float(evaluate(whole)[0])
            if not isinstance(plain, float) or not math.isclose(plain, again, rel_tol=1e-6, abs_tol=1e-6):
                said = f"{printable(line.name)} is {plain} in a bundle and {again} from its features"
                raise BenchmarkError(f"{said}: moee bench verify says what was changed.")
    sizes = np.bincount(groups).astype(np.float64)
    found = jackknife(lambda kept: of_b(kept) - of_a(kept), sizes)
    difference = _value(other) - _value(one)
    return _Difference(difference, *found.interval(difference), f"{found.method} over {text}, the same on both sides")


def _value(line: MetricLine) -> float:
    return float(line.value if line.value is not None else math.nan)


def _by_computing(key: str, features: Features, ids: list[str], groups: np.ndarray) -> Evaluate:
    """Any metric, computed again from the clips that are kept."""
    compute, names = metric(key).compute, np.array(ids)

    def evaluate(kept: np.ndarray) -> np.ndarray:
        return np.array([compute(features.subset(names[row[groups]].tolist())).value for row in kept])

    return evaluate


def _by_rows(spec: SetSpec, features: Features, groups: np.ndarray) -> Evaluate:
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

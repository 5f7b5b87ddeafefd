"""Two systems held against each other on the same clips: differences with intervals, and what they allow to say."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from benchmark.bundle import check_protocol
from benchmark.errors import BenchmarkError
from benchmark.metrics import NotApplicable
from benchmark.paired import LEAST, Difference, Scored, difference
from manifests.text import printable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle, MetricLine

Verdict = Literal["a better", "b better", "no difference shown", "not comparable"]


@dataclass(frozen=True)
class ComparisonLine:
    """One metric of both systems.

    name: of the metric, with extractor and version.
    first, second: values of a and b; None where infinitely bad.
    difference: b - a, in the metric's unit; None where one side is infinitely bad.
    interval: 95 % of the difference, low and high; an end is None where it is not known.
    p: two-sided p-value of the difference (Student's t), for this pair alone; None where not known.
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
    p: float | None
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
    found = difference(Scored(one, a), Scored(other, b))
    return ComparisonLine(
        key=one.key,
        name=one.name,
        first=one.value,
        second=other.value,
        difference=found.value,
        interval=(_finite(found.low), _finite(found.high)),
        p=found.p,
        n=min(one.n, other.n),
        direction=one.direction,
        unit=one.unit,
        method=found.method,
        verdict=_verdict(found, one),
    )


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _verdict(found: Difference, line: MetricLine) -> Verdict:
    if not line.comparable:
        return "not comparable"
    unsure = found.low <= 0 <= found.high or (found.low == found.high and line.n < LEAST and found.value is not None)
    if unsure:
        return "no difference shown"
    return "b better" if (found.low > 0) == (line.direction == "higher") else "a better"

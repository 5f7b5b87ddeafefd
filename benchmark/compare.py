"""Two systems held against each other on the same clips: differences with intervals, and what they allow to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from benchmark.bundle import Bundle

Verdict = Literal["a better", "b better", "no difference shown"]


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
    verdict: which is better where the interval lies on one side of zero.
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

    Raises:
        BenchmarkError: they are of other protocols, versions, lists or extractors: one sentence.
    """
    raise NotImplementedError

"""Which extractors a protocol's metrics need, and which of its metrics this machine cannot compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.errors import BenchmarkError
from manifests.text import printable


@dataclass(frozen=True)
class Plan:
    """What a run extracts and computes.

    metrics: keys that can be computed here, in the protocol's order.
    extractors: that give what these need.
    missing: key -> why it cannot be computed here and how that is mended, one sentence.
    """

    metrics: tuple[str, ...]
    extractors: tuple[str, ...]
    missing: dict[str, str]


def plan(keys: Sequence[str], partial: bool = False, seeded: bool = False) -> Plan:
    """Choose the extractors for metrics; nothing heavy is opened.

    Args:
        keys: of `benchmark.metrics`.
        partial: leave out what cannot be computed here instead of refusing.
        seeded: run published networks on seeded weights; their numbers are not comparable.

    Raises:
        BenchmarkError: a metric cannot be computed here and `partial` is off, or none can.
    """
    from benchmark.extract import extractors_for
    from benchmark.metrics import metric

    needed: dict[str, None] = {}
    missing: dict[str, str] = {}
    for key in keys:
        why = _why_not(metric(key).needs, seeded)
        if why:
            missing[key] = why
        else:
            needed |= dict.fromkeys(metric(key).needs)
    left = tuple(key for key in keys if key not in missing)
    if missing and not (partial and left):
        first = next(iter(missing))
        more = f" (and {len(missing) - 1} more metrics)" if len(missing) > 1 else ""
        raise BenchmarkError(
            f"{first}{more} cannot be computed here: {missing[first]} --partial goes on without, --extractor seeded "
            "runs on seeded weights; both are marked."
        )
    return Plan(left, extractors_for(tuple(needed), seeded), missing)


def seeded(extractor: str) -> bool:
    """Whether `--extractor` asks for seeded weights.

    Raises:
        BenchmarkError: it is neither `published` nor `seeded`.
    """
    if extractor not in ("published", "seeded"):
        raise BenchmarkError(f"There are no {printable(extractor)} weights: --extractor takes published or seeded.")
    return extractor == "seeded"


def _why_not(features: Sequence[str], seeded: bool) -> str | None:
    """Why these features cannot be made on this machine, or None."""
    from benchmark.extract import available, extractors_for

    here = {found.name: found for found in available()}
    given = {feature for found in here.values() for feature in found.features}
    unknown = next((feature for feature in features if feature not in given), None)
    if unknown is not None:
        return f"this version has no extractor for its features ({unknown})."
    return next((found.missing for name in extractors_for(features, seeded) if (found := here[name]).missing), None)

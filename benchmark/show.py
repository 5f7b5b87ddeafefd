"""Rows and sentences in which commands show protocols, bundles, comparisons and ladders to people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.results import is_comparable

if TYPE_CHECKING:
    from benchmark.bundle import Bundle, ModelFacts
    from benchmark.compare import Comparison
    from benchmark.protocol import Protocol

Row = tuple[str, ...]
_ARROWS = {"lower": "lower", "higher": "higher"}


def protocol_rows(protocols: Sequence[Protocol]) -> list[Row]:
    """A line per protocol."""
    rows: list[Row] = [("protocol", "version", "list", "clip", "condition", "metrics")]
    for found in protocols:
        choose = found.choose
        drawn = f"{choose.subjects} persons x {choose.clips} clips" + (" or fewer" if choose.fewer else "")
        rows.append((found.name, str(found.version), drawn, _form(found), found.condition, str(len(found.metrics))))
    return rows


def _form(protocol: Protocol) -> str:
    form = protocol.clip
    seconds = (
        f"{form.seconds:g} s" if form.least_seconds == form.seconds else f"{form.least_seconds:g}-{form.seconds:g} s"
    )
    return f"{seconds}, {form.size[0]}x{form.size[1]}, {form.fps} fps"


def protocol_lines(protocol: Protocol) -> list[str]:
    """What a protocol asks for, in sentences."""
    from benchmark.metrics import metric

    choose = protocol.choose
    lines = [
        f"{protocol.name}, version {protocol.version} ({protocol.sha256[:12]}): {protocol.title}",
        protocol.description,
        f"follows: {protocol.follows}",
        f"clips: {_form(protocol)}; sound {protocol.clip.audio_rate} Hz mono",
        f"list: {choose.subjects} persons x {choose.clips} clips, seed {choose.seed}"
        + (f", drawn from {choose.emotions} emotions of each person" if choose.emotions else "")
        + "".join(f", each with {need}" for need in choose.needs)
        + ("; a smaller manifest gives a smaller list" if choose.fewer else ""),
        f"labels: {choose.labels}; a system is given the first frame, the sound"
        + (" and the emotion's label" if protocol.condition == "label" else ""),
        "metrics:",
    ]
    for key in protocol.metrics:
        found = metric(key)
        lines.append(f"  {key} ({_ARROWS[found.direction]} is better, {found.unit}): {found.title}")
    return lines


def number(value: float | None, infinite: bool = False) -> str:
    """A value with four significant digits; `worst` where it is infinitely bad."""
    if value is None or infinite or math.isinf(value):
        return "worst"
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"


def _key(key: str, name: str) -> str:
    """A metric's key, marked where its number measures nothing."""
    return key if is_comparable(name) else f"{key} (not comparable)"


def bundle_rows(bundle: Bundle) -> list[Row]:
    """A line per metric."""
    rows: list[Row] = [("metric", "value", "95 % interval", "n", "better", "name")]
    for found in bundle.results.metrics:
        low, high = (number(end) if end is not None else "-" for end in found.interval)
        interval = f"{low} .. {high}"
        rows.append(
            (
                _key(found.key, found.name),
                number(found.value, found.infinite),
                interval,
                str(found.n),
                found.direction,
                found.name,
            )
        )
    return rows


def bundle_lines(bundle: Bundle) -> list[str]:
    """What belongs beside the numbers: what has no number and why, failures, overlap, what makes it not comparable."""
    results = bundle.results
    lines = [f"{key}: {why}" for key, why in results.not_applicable.items()]
    lines += [f"counted as the worst score: {sentence}" for sentence in results.failures.values()]
    seeded = [line.key for line in results.metrics if not line.comparable]
    if seeded:
        lines.append(f"not comparable, as networks ran on seeded weights (--extractor seeded): {', '.join(seeded)}")
    lines += _made_by(results.system.model)
    met = results.system.overlap
    if not met["declared"]:
        lines.append("the system declares no training list (--trained-on): whether it saw these persons is not known")
    elif met["clips"]:
        lines.append(f"trained on persons of {len(met['clips'])} test clips: {', '.join(met['identities'][:5])}")
    else:
        lines.append(f"no test clip shows a person of its training list ({met['entries']} entries)")
    lines += [f"not comparable with other lists: {sentence}" for sentence in results.test_list.shortfalls]
    lines.append(f"bundle: {bundle.folder}")
    return lines


def _made_by(model: ModelFacts | None) -> list[str]:
    if model is None:
        return []
    made = (
        f"made by the model {model.name} ({model.sha256[:12]}): {model.steps} steps, guidance {model.guidance:g}, seed"
    )
    return [f"{made} {model.seed}, {model.precision} on {model.device}", *(f"mind: {mark}" for mark in model.marks)]


def comparison_rows(found: Comparison) -> list[Row]:
    """A line per metric that both have."""
    rows: list[Row] = [("metric", found.first, found.second, "difference", "95 % interval", "n", "says")]
    for line in found.lines:
        low, high = (number(end) if end is not None else "-" for end in line.interval)
        key, values = _key(line.key, line.name), (line.first, line.second, line.difference)
        rows.append((key, *map(number, values), f"{low} .. {high}", str(line.n), line.verdict))
    return rows


def ladder_rows(rungs: Mapping[str, Bundle]) -> list[Row]:
    """A line per metric, a column per rung, the best value of each line marked."""
    kinds = list(rungs)
    rows: list[Row] = [("metric", "better", *kinds)]
    values = {kind: {line.key: line for line in bundle.results.metrics} for kind, bundle in rungs.items()}
    for line in rungs[kinds[0]].results.metrics:
        cells = [values[kind].get(line.key) for kind in kinds]
        shown = [number(cell.value, cell.infinite) if cell is not None else "-" for cell in cells]
        rows.append((_key(line.key, line.name), line.direction, *shown))
    return rows

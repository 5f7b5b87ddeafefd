"""What a manifest says of itself: its head, its funnel, its failures, its inputs and its costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.charts import stacked
from curation.report.words import REASONS, bounds, count, duration, plural, several, share, shown, spoken_unit, title

if TYPE_CHECKING:
    from manifests.manifest import Manifest
    from manifests.outcomes import StageCount
    from manifests.show import Counts, Summary

_FAILURES: Final = 100  # groups of equal failures in a report
_NAMES: Final = 3  # names of each group
_FLAGGED: Final = 20  # names per flag
_KINDS: Final = 8  # rows of a table of kinds
_FLAGS: Final = 40
_REASONS: Final = 12  # of one stage, the most frequent
_EXPLAINED: Final = 60  # reasons in the glossary


@dataclass(frozen=True)
class Step:
    """A stage of the funnel: entered = kept + dropped + failed; `bars` are (x, width) in percent."""

    stage: str
    kind: str
    entered: int
    kept: int
    dropped: int
    failed: int
    reasons: list[tuple[str, int]]
    bars: list[tuple[float, float]]


@dataclass(frozen=True)
class Cost:
    """What a stage cost."""

    stage: str
    seconds: float
    share: str
    frames: int
    bar: float


@dataclass(frozen=True)
class Trouble:
    """Items that failed at one stage with one sentence."""

    stage: str
    sentence: str
    items: int
    names: list[str]


@dataclass(frozen=True)
class Kind:
    """So many of a kind, with a few names of them."""

    name: str
    items: int
    about: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A number at the top of the report."""

    value: str
    words: str
    more: str = ""


def funnel(summary: "Summary") -> list[Step]:
    """Return the stages in their order; bars are drawn to the scale of what first entered."""
    widest: dict[str, int] = {}
    for stage in summary.stages:
        widest[stage.kind] = max(widest.get(stage.kind, 0), stage.entered)
    return [_step(stage, widest[stage.kind]) for stage in summary.stages]


def _step(stage: "StageCount", widest: int) -> Step:
    parts = (stage.kept, stage.dropped, stage.failed)
    bars = stacked(parts, widest)
    return Step(shown(stage.stage), stage.kind, stage.entered, *parts, frequent(stage.reasons), bars)


def frequent(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the most frequent reasons with their counts, the rare ones of a long list as one."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    words = [(shown(reason, 80), items) for reason, items in ordered[:_REASONS]]
    left = ordered[_REASONS:]
    return [*words, (several(len(left), "other reason"), sum(items for _, items in left))] if left else words


def bars(counts: "Counts") -> list[tuple[float, float]]:
    """Return (x, width) in percent of what was kept, dropped and failed in the end."""
    return stacked((counts.kept, counts.dropped, counts.failed), counts.total)


def figures(summary: "Summary") -> list[Figure]:
    """Return the numbers that a reader wants first."""
    inputs, clips = summary.inputs, summary.clips
    ratio = summary.decode_ratio
    failed = len(summary.failures)
    found = [
        Figure(count(inputs.total), plural(inputs.total, "input"), f"{count(inputs.kept)} gave a kept clip"),
        Figure(count(clips.total), plural(clips.total, "candidate clip"), f"{count(clips.dropped)} dropped"),
        Figure(
            count(clips.kept),
            plural(clips.kept, "kept clip"),
            f"{share(clips.kept, clips.total)} of the candidates".strip(),
        ),
        Figure(duration(summary.hours * 3600), "kept", "length of all kept clips"),
        Figure(count(failed), "failed", "each with its sentence below" if failed else "nothing failed"),
    ]
    if ratio is not None:
        found.append(Figure(f"{ratio:.3f}", "decoded / source frames", "of the analysis"))
    return found


def glossary(reasons: Iterable[str], select: Mapping[str, Mapping[str, float | None]]) -> list[Kind]:
    """Return what each reason means under this recipe."""
    from manifests.schema import measured

    found = []
    for reason in sorted(reasons)[:_EXPLAINED]:
        rules = [
            f"{title(column)} must be {bounds(bound.get('min'), bound.get('max'), spoken_unit(column))}"
            for column, bound in select.items()
            if measured().get(column) == reason
        ]
        rules += [REASONS[reason]] if reason in REASONS else []
        found.append(Kind(shown(reason), 0, "; or ".join(rules)))
    return found


def costs(summary: "Summary") -> list[Cost]:
    """Return seconds and decoded frames of each stage, sources and clips together, in the order of the stages."""
    sums: dict[str, tuple[float, int]] = {}
    for stage in summary.stages:
        seconds, frames = sums.get(stage.stage, (0.0, 0))
        sums[stage.stage] = (seconds + stage.seconds, frames + stage.frames_decoded)
    whole = sum(seconds for seconds, _ in sums.values())
    most = max((seconds for seconds, _ in sums.values()), default=0.0)
    return [
        Cost(shown(stage), seconds, share(seconds, whole), frames, round(100 * seconds / most, 2) if most else 0.0)
        for stage, (seconds, frames) in sums.items()
    ]


def troubles(summary: "Summary") -> tuple[list[Trouble], int]:
    """Return the failures, equal ones together and the most frequent first, and how many are left out."""
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in summary.failures:
        groups.setdefault((failure.stage, failure.error), []).append(failure.name)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    found = [
        Trouble(shown(stage), shown(sentence), len(names), [shown(name) for name in sorted(set(names))[:_NAMES]])
        for (stage, sentence), names in ordered[:_FAILURES]
    ]
    return found, sum(len(names) for _, names in ordered[_FAILURES:])


def flags(sources: pa.Table) -> list[Kind]:
    """Return what is odd about the inputs: each flag, how many have it, and the first names."""
    lists = sources.column("flags").combine_chunks()
    names = sources.column("name").combine_chunks().take(pc.list_parent_indices(lists))
    found: dict[str, list[str]] = {}
    for flag, name in zip(lists.flatten().to_pylist(), names.to_pylist(), strict=True):
        found.setdefault(flag, []).append(name)
    return [
        Kind(shown(flag), len(listed), names=tuple(shown(name, 120) for name in sorted(listed)[:_FLAGGED]))
        for flag, listed in sorted(found.items())[:_FLAGS]
    ]


def materials(sources: pa.Table) -> list[tuple[str, list[Kind]]]:
    """Return what the inputs are made of: sizes, codecs, licences, the most frequent first."""
    sizes = [
        f"{row['width']} × {row['height']}" if row["width"] else None
        for row in sources.select(["width", "height"]).to_pylist()
    ]
    columns = {
        "picture": pa.chunked_array([pa.array(sizes, pa.string())]),
        "video codec": sources.column("video_codec"),
        "audio codec": sources.column("audio_codec"),
        "container": sources.column("container"),
        "licence": sources.column("licence"),
    }
    found = []
    for name, column in columns.items():
        kinds = [(row["values"], row["counts"]) for row in pc.value_counts(column).to_pylist()]
        known = sorted(((value, items) for value, items in kinds if value), key=lambda item: (-item[1], item[0]))
        listed = [Kind(shown(value, 60), items) for value, items in known[:_KINDS]]
        left = sum(items for _, items in known[_KINDS:])
        if left:
            listed.append(Kind(several(len(known) - _KINDS, "other"), left))
        if listed:
            found.append((name, listed))
    return found


def seen(sources: pa.Table) -> str:
    """The day on which the last input was fetched or first seen; empty when no input says."""
    last = pc.max(sources.column("retrieved_at")).as_py()
    return last.strftime("%Y-%m-%d %H:%M UTC") if last is not None else ""


def recipe_of(manifest: "Manifest") -> dict[str, Any]:
    """The recipe's name, description and version, each as printable text."""
    recipe = manifest.recipe
    return {key: shown(recipe.get(key) or "") for key in ("name", "description", "version")}

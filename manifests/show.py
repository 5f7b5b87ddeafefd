"""A manifest in one screen: inputs, clips, the funnel per stage with its reasons, and the failures."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.outcomes import EXPORT_STAGES, StageCount
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_SHOWN: Final = 20  # failures printed for people; --json has all


@dataclass(frozen=True)
class Counts:
    """How many items there are and how they ended: total = kept + dropped + failed."""

    total: int
    kept: int
    dropped: int
    failed: int


@dataclass(frozen=True)
class Failure:
    """An item that failed: its source's name, the stage and one sentence."""

    source: str
    name: str
    item: str
    stage: str
    error: str


@dataclass(frozen=True)
class Summary:
    """What `moee manifest show` says.

    Attributes:
        recipe: name of the recipe.
        inputs: sources; one is kept when a clip of it is.
        clips: measured candidates.
        hours: length of the kept clips.
        stages: what entered each stage and became of it, in order, first the sources, then the clips.
        input_reasons: reason -> dropped inputs.
        clip_reasons: reason -> dropped clips.
        emotions: emotion or compound as seen in the face -> kept clips; empty where none was measured.
        failures: every failed item.
        source_frames: frames of all sources.
        analysis_frames: frames that the stages before the export decoded.
        export_frames: frames that the export decoded.
    """

    recipe: str
    inputs: Counts
    clips: Counts
    hours: float
    stages: list[StageCount] = field(default_factory=list)
    input_reasons: dict[str, int] = field(default_factory=dict)
    clip_reasons: dict[str, int] = field(default_factory=dict)
    emotions: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    source_frames: int = 0
    analysis_frames: int = 0
    export_frames: int = 0

    @property
    def decode_ratio(self) -> float | None:
        """Decoded / source frames of the analysis; None without frames."""
        return self.analysis_frames / self.source_frames if self.source_frames else None

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain JSON values."""
        stages = [{**vars(stage), "entered": stage.entered} for stage in self.stages]
        plain = {**vars(self), "inputs": vars(self.inputs), "clips": vars(self.clips), "stages": stages}
        return {**plain, "failures": [vars(item) for item in self.failures], "decode_ratio": self.decode_ratio}


def summarise(manifest: "Manifest") -> Summary:
    """Return the summary of an opened manifest, counted in Arrow: a million clips take seconds."""
    sources = manifest.table("sources", ["id", "name", "frames"])
    clips = manifest.table("clips", ["source", "status", "reasons", "seconds", "emotion", "compound"])
    columns = ["item", "kind", "source", "stage", "status", "reasons", "error", "seconds", "frames_decoded"]
    outcomes = manifest.table("outcomes", columns)
    stages = stage_counts(outcomes, manifest.stages)
    kept = clips.filter(pc.equal(clips.column("status"), "kept"))
    ends = _input_ends(sources, clips, outcomes)
    return Summary(
        recipe=str(manifest.recipe.get("name", "")),
        inputs=_counts([status for status, _ in ends.values()]),
        clips=_counts(clips.column("status").to_pylist()),
        hours=(pc.sum(kept.column("seconds")).as_py() or 0.0) / 3600,
        stages=stages,
        input_reasons=_tally(reason for _, reasons in ends.values() for reason in reasons),
        clip_reasons=_reason_tally(clips.filter(pc.equal(clips.column("status"), "dropped"))),
        emotions=_emotion_tally(kept),
        failures=list(_failures(outcomes, sources)),
        source_frames=pc.sum(sources.column("frames")).as_py() or 0,
        analysis_frames=sum(stage.frames_decoded for stage in stages if stage.stage not in EXPORT_STAGES),
        export_frames=sum(stage.frames_decoded for stage in stages if stage.stage in EXPORT_STAGES),
    )


def stage_counts(outcomes: pa.Table, order: list[str]) -> list[StageCount]:
    """Return what `manifests.outcomes.account` returns, from a table.

    Args:
        outcomes: table of the schema `outcomes`, or its columns that are counted.
        order: the stages in the order in which they ran.
    """
    sums = outcomes.group_by(["stage", "kind", "status"]).aggregate(
        [([], "count_all"), ("seconds", "sum"), ("frames_decoded", "sum")]
    )
    counts: dict[tuple[str, str], StageCount] = {}
    for row in sums.to_pylist():
        place = (row["stage"], row["kind"])
        count = counts.setdefault(place, StageCount(*place))
        setattr(count, row["status"], row["count_all"])
        count.seconds += row["seconds_sum"]
        count.frames_decoded += row["frames_decoded_sum"]
    for (stage, kind), count in counts.items():
        here = pc.and_(pc.equal(outcomes.column("stage"), stage), pc.equal(outcomes.column("kind"), kind))
        count.reasons = _reason_tally(outcomes.filter(here))
    rank = {stage: position for position, stage in enumerate(order)}
    return sorted(counts.values(), key=lambda count: (rank.get(count.stage, len(rank)), count.kind != "source"))


def _input_ends(sources: pa.Table, clips: pa.Table, outcomes: pa.Table) -> dict[str, tuple[str, list[str]]]:
    """Source -> how it ended and why: by its own outcomes, else by its clips, of which one kept is enough."""
    ends: dict[str, tuple[str, list[str]]] = {}
    own = pc.and_(pc.equal(outcomes.column("kind"), "source"), pc.not_equal(outcomes.column("status"), "kept"))
    for row in outcomes.filter(own).select(["source", "status", "reasons"]).to_pylist():
        ends.setdefault(row["source"], (row["status"], row["reasons"]))
    statuses: dict[str, set[str]] = {}
    for row in clips.group_by(["source", "status"]).aggregate([]).to_pylist():
        statuses.setdefault(row["source"], set()).add(row["status"])
    reasons: dict[str, set[str]] = {}
    lost = {source for source, found in statuses.items() if found == {"dropped"}}
    theirs = clips.filter(pc.is_in(clips.column("source"), value_set=pa.array(sorted(lost), pa.string())))
    for row in theirs.select(["source", "reasons"]).to_pylist():
        reasons.setdefault(row["source"], set()).update(row["reasons"])
    for source in sources.column("id").to_pylist():
        if source not in ends:
            found = statuses.get(source, {"kept"})
            status = next(status for status in ("kept", "failed", "dropped") if status in found)
            ends[source] = (status, sorted(reasons.get(source, ())) if status == "dropped" else [])
    return {source: ends[source] for source in sources.column("id").to_pylist()}


def _failures(outcomes: pa.Table, sources: pa.Table) -> Iterator[Failure]:
    names = dict(zip(sources.column("id").to_pylist(), sources.column("name").to_pylist(), strict=True))
    failed = outcomes.filter(pc.equal(outcomes.column("status"), "failed"))
    for row in failed.select(["source", "item", "stage", "error"]).to_pylist():
        name = names.get(row["source"], row["source"])
        yield Failure(row["source"], name, row["item"], row["stage"], row["error"] or "")


def _counts(statuses: list[str]) -> Counts:
    return Counts(len(statuses), *(statuses.count(status) for status in ("kept", "dropped", "failed")))


def _tally(codes: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for code in codes:
        counts[code] = counts.get(code, 0) + 1
    return dict(sorted(counts.items()))


def _reason_tally(rows: pa.Table) -> dict[str, int]:
    counted = pc.value_counts(pc.list_flatten(rows.column("reasons"))).to_pylist()
    return dict(sorted((item["values"], item["counts"]) for item in counted))


def _emotion_tally(kept: pa.Table) -> dict[str, int]:
    labels = pc.drop_null(pc.coalesce(kept.column("compound"), kept.column("emotion")))
    return dict(sorted((item["values"], item["counts"]) for item in pc.value_counts(labels).to_pylist()))


def lines(summary: Summary) -> Iterator[str]:
    """Yield the summary as plain lines; nothing in a name can drive a terminal."""
    for what, counts in (("inputs", summary.inputs), ("clips", summary.clips)):
        yield f"{counts.total} {what} = {counts.kept} kept + {counts.dropped} dropped + {counts.failed} failed"
    yield f"{summary.hours:.2f} h of kept clips, recipe {printable(summary.recipe)}"
    if summary.decode_ratio is not None:
        yield (
            f"decoded / source frames of the analysis: {summary.analysis_frames} / {summary.source_frames}"
            f" = {summary.decode_ratio:.3f} over all runs; the export decoded {summary.export_frames}"
        )
    for what, reasons in (("inputs", summary.input_reasons), ("clips", summary.clip_reasons)):
        if reasons:
            yield f"why {what} were dropped: {_words(reasons)}"
    if summary.emotions:
        unseen = summary.clips.kept - sum(summary.emotions.values())
        more = f", none measured {unseen}" if unseen else ""
        yield f"emotions seen in kept clips: {_words(summary.emotions)}{more}"
    if summary.failures:
        yield f"failed ({len(summary.failures)}):"
    for failure in summary.failures[:_SHOWN]:
        yield f"  {printable(failure.name)} at {printable(failure.stage)}: {printable(failure.error)}"
    if len(summary.failures) > _SHOWN:
        yield f"  and {len(summary.failures) - _SHOWN} more: --json lists them all"


def funnel(summary: Summary) -> list[tuple[str, ...]]:
    """Return the rows of the funnel, the first one its titles: in = kept + dropped + failed."""
    titles = ("stage", "of", "in", "kept", "dropped", "failed", "seconds", "decoded", "reasons")
    rows = [
        (
            printable(stage.stage),
            f"{stage.kind}s",
            str(stage.entered),
            str(stage.kept),
            str(stage.dropped),
            str(stage.failed),
            f"{stage.seconds:.1f}",
            str(stage.frames_decoded),
            _words(stage.reasons),
        )
        for stage in summary.stages
    ]
    return [titles, *rows]


def _words(reasons: dict[str, int]) -> str:
    return ", ".join(f"{printable(reason)} {count}" for reason, count in reasons.items())

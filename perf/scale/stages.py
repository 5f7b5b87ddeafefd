"""What each stage costs, and what share of the bare loop of decode, detector and landmarks the whole of it reaches."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perf.scale.clips import described, hours
from perf.scale.clock import used
from perf.scale.ours import Ours, curate

WANTED: Final = 0.6
FRAMES_AN_HOUR: Final = 25 * 3600


@dataclass(frozen=True)
class Share:
    """Processor seconds of the ceiling, and of what curating the same clips took.

    Attributes:
        ceiling: decode, detector on every fifth frame, landmarks on every frame; nothing else.
        analysis: all stages but the export.
        whole: all stages.
        added: of the analysis the stages that say who is in it, who speaks and what the face says.
    """

    ceiling: float
    analysis: float
    whole: float
    added: float

    def of(self, seconds: float) -> float:
        """The ceiling's share of some seconds."""
        return self.ceiling / seconds if seconds else 0.0


def measure(paths: Sequence[Path], folder: Path, rounds: int = 1) -> tuple[Ours, Share]:
    """Ceiling and curation in turns; what is told of the stages is the last round.

    Args:
        paths: clips.
        folder: empty.
        rounds: after one that warms up; medians are taken.
    """
    from perf.decode import ADDED, ceiling

    for path in paths:
        ceiling(path)
    bare, runs = [], []
    for number in range(rounds):
        started = used()
        for path in paths:
            ceiling(path)
        bare.append(used() - started)
        runs.append(curate(list(paths), folder / f"ours{number}"))
    added = [sum(run.stages.seconds.get(stage, 0.0) for stage in ADDED) for run in runs]
    share = Share(
        statistics.median(bare),
        statistics.median(run.analysis for run in runs),
        statistics.median(run.total for run in runs),
        statistics.median(added),
    )
    return runs[-1], share


def lines(ours: Ours, share: Share, paths: Sequence[Path]) -> list[str]:
    """Both tables in Markdown."""
    video = hours(list(paths))
    made = [
        f"{described(list(paths))}; recipe talking-head, one process, one thread; seconds are the processor's.",
        "",
        "| stage | core-seconds per hour of video | share |",
        "|---|---|---|",
    ]
    for stage, seconds in ours.stages.seconds.items():
        made.append(f"| {stage} | {seconds / video:,.0f} | {seconds / ours.total:.1%} |")
    rest = ours.total - ours.stages.total - ours.snapshot
    made += [
        f"| commits and reading of tables | {rest / video:,.0f} | {rest / ours.total:.1%} |",
        f"| the tables of all sources joined | {ours.snapshot / video:,.0f} | {ours.snapshot / ours.total:.1%} |",
        f"| all | {ours.total / video:,.0f} | of which detector and landmarks {ours.models.total / ours.total:.1%} |",
        "",
        f"Frames decoded by the analysis: {ours.decoded:,} of {ours.frames:,} source frames, "
        f"{ours.decoded / max(1, ours.frames):.3f}; decoded once more for the exported clips: {ours.exported:,}.",
        "",
        "| against decode + detector + landmarks alone | core-seconds | the ceiling's share of it | wanted |",
        "|---|---|---|---|",
        f"| the ceiling | {share.ceiling:.1f} | 1 | |",
    ]
    for name, seconds in (
        ("shots, faces, quality, sound, candidates, selection", share.analysis - share.added),
        ("and who, who speaks, what the face says", share.analysis),
        ("and the exported clips: everything", share.whole),
    ):
        made.append(f"| {name} | {seconds:.1f} | {share.of(seconds):.2f} | >= {WANTED} |")
    return made


def bytes_lines(ours: Ours, paths: Sequence[Path]) -> list[str]:
    """What the tables take on the disk, per hour of video: the numbers of curation/rates.py."""
    video = hours(list(paths))
    largest = sorted(ours.parts.items(), key=lambda item: -item[1])
    return [
        f"Tables of all stages in `parts`: {ours.table_bytes / video / 1e6:,.0f} MB per hour of video "
        f"({ours.table_bytes / max(1, ours.frames):,.0f} bytes per frame; short clips pay most for each file's head): "
        + ", ".join(f"{name} {size / video / 1e6:,.1f}" for name, size in largest[:8])
        + f". Exported clips: {ours.clip_bytes / video / 1e6:,.0f} MB per hour.",
    ]

"""Our way against the usual one on the same clips: processor time outside the models, and bytes on the disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perf.scale.clips import described, hours
from perf.scale.ours import Ours
from perf.scale.usual import MODELS, Usual

CPU_WANTED: Final = 5
DISK_WANTED: Final = 50


def ratios(ours: Ours, usual: Usual) -> dict[str, float]:
    """The usual way over ours.

    Returns:
        same: processor time outside detector and landmarks, stages that make what the usual way makes; all: ours with
        every stage that the usual way leaves out; disk: bytes besides the exported clips.
    """
    return {
        "same": usual.outside / ours.outside,
        "all": usual.outside / ours.outside_all,
        "disk": beside(usual) / ours.table_bytes,
    }


def beside(usual: Usual) -> int:
    """Bytes of the usual way's files besides its clips."""
    return usual.peak - usual.clip_bytes


def heads(ours: Ours) -> int:
    """Bytes of ours that do not grow with the length of a video, as curation/rates.py counts them."""
    from curation.rates import TABLES

    return ours.table_bytes - round(sum(TABLES.values()) * ours.frames / (25 * 3600))


def lines(ours: Ours, usual: Usual, paths: Sequence[Path]) -> list[str]:
    """Both tables in Markdown."""
    found, video = ratios(ours, usual), hours(list(paths))
    made = [
        f"{described(list(paths))}; both on one thread with the same two models, opened before. The usual way: "
        f"{usual.frames:,} JPEGs of {usual.source_frames:,} frames at 25 frames/s (ffmpeg, -qscale 1, "
        "x264 medium at crf 18). Both export squares of 512 px around the face at 25 frames/s.",
        "",
        "| the usual way | core-seconds |",
        "|---|---|",
    ]
    made += [f"| {step} | {seconds:.1f} |" for step, seconds in usual.steps.seconds.items()]
    made += [
        f"| without {' and '.join(MODELS)} | {usual.outside:.1f} |",
        "",
        "| | usual | ours | ratio | wanted |",
        "|---|---|---|---|---|",
        f"| core-seconds outside the two models, the same products (decode, shots, tracks, selection, clips) "
        f"| {usual.outside:.1f} | {ours.outside:.1f} | {found['same']:.1f}x | >= {CPU_WANTED}x |",
        f"| ours with all that the usual way lacks (quality, persons, emotion, sync, sound, copies) "
        f"| {usual.outside:.1f} | {ours.outside_all:.1f} | {found['all']:.1f}x | |",
        f"| core-seconds in all | {usual.steps.total:.1f} | {ours.total:.1f} "
        f"| {usual.steps.total / ours.total:.1f}x | |",
        f"| bytes besides the exported clips | {beside(usual):,} | {ours.table_bytes:,} | {found['disk']:.1f}x "
        f"| >= {DISK_WANTED}x |",
        f"| exported clips, bytes | {usual.clip_bytes:,} | {ours.clip_bytes:,} | | |",
        f"| all bytes, MB per hour of video | {usual.peak / video / 1e6:,.0f} "
        f"| {(ours.table_bytes + ours.clip_bytes) / video / 1e6:,.0f} | | |",
        "",
        "Bytes are those on the disk when the last step ends, when nothing has been deleted: that is the peak of both. "
        f"Of ours {heads(ours):,} are the heads of files, commits and the joined tables, which do not grow with the "
        f"length of a video: on long ones the ratio nears {beside(usual) / (ours.table_bytes - heads(ours)):.0f}x.",
    ]
    return made

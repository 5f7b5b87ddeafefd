"""The page of a system: every number with its name, what is behind it, how to check it, and its videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.leaderboard.entries import Entry
from benchmark.leaderboard.media import Shown, address
from benchmark.leaderboard.model import Board, Row
from benchmark.leaderboard.plots import ConfusionPlot, HistogramPlot, confusion_plot, histogram_plot
from benchmark.systems import GROUND_TRUTH
from manifests.text import printable


@dataclass(frozen=True)
class Video:
    """A clip side by side: addresses inside the site, None where the site does not have the file."""

    clip: str
    labels: str
    truth: str | None
    made: str | None


@dataclass(frozen=True)
class SystemPage:
    """All that the page of a system shows beside the numbers of its row.

    facts: what it is and was made with: (name, text). confusion: (metric, table). parts: metric -> (label, value, n).
    """

    board: Board
    row: Row
    facts: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, str], ...]
    confusion: tuple[tuple[str, ConfusionPlot], ...]
    histograms: tuple[HistogramPlot, ...]
    videos: tuple[Video, ...]
    failures: tuple[str, ...]


def system_page(board: Board, row: Row, entry: Entry, entries: Sequence[Entry], videos: Sequence[Video]) -> SystemPage:
    """Gather the page; `entries` are all of the board, for the ground truth's values."""
    truth = next((one for one in entries if one.bundle.results.system.name == GROUND_TRUTH), None)
    tables: list[tuple[str, ConfusionPlot]] = []
    for line in entry.bundle.results.metrics:
        table = confusion_plot(line.details) if line.comparable else None
        if table is not None and table not in [known for _, known in tables]:
            tables.append((printable(line.key), table))
    return SystemPage(
        board, row, _facts(entry), _hashes(entry), tuple(tables), _histograms(entry, truth), tuple(videos),
        tuple(map(printable, entry.bundle.results.failures.values())),
    )  # fmt: skip


def video(one: Shown) -> Video:
    """A clip for the page."""
    labels = ", ".join(printable(text) for text in (one.identity, one.emotion) if text)
    return Video(printable(one.clip), labels, address(one.truth), address(one.made))


def _histograms(entry: Entry, truth: Entry | None) -> tuple[HistogramPlot, ...]:
    other = truth if truth is not None and truth is not entry else None
    found = []
    for key, title, unit, top, bins in (
        ("mouth-audio-lag", "Mouth against sound: distance of the lag from the ground truth's", "ms", 600.0, 15),
        ("sync-offset", "Offset of sound and lips (SyncNet)", "frames", 16.0, 16),
    ):
        line = entry.bundle.results.line(key)
        values = list(entry.bundle.per_clip(key).values())
        if line is not None and line.comparable and values:
            others = list(other.bundle.per_clip(key).values()) if other is not None else []
            found.append(histogram_plot(title, unit, values, others, GROUND_TRUTH, top, bins))
    return tuple(found)


def _facts(entry: Entry) -> tuple[tuple[str, str], ...]:
    results = entry.bundle.results
    device = results.device
    found: list[tuple[str, Any]] = [
        ("Made at", results.made_at), ("Program", f"moee {results.code.version}, source {results.code.source[:12]}"),
        ("Machine", ", ".join(filter(None, [device.cpu, f"{device.cores} cores", device.accelerator]))),
        ("Frames decoded", results.frames_decoded), ("Seconds", f"{results.seconds.get('wall', 0):.0f}"),
    ]  # fmt: skip
    model = results.system.model
    if model is not None:
        made = f"{model.steps} steps, guidance {model.guidance:g}, seed {model.seed}, {model.precision}"
        found.append(("Model", f"{model.name} ({model.sha256[:12]}): {made} on {model.device}"))
    met = results.system.overlap
    said = f"{met['entries']} entries, {len(met['clips'])} test clips met" if met["declared"] else "none declared"
    found.append(("Training list", said))
    return tuple((name, printable(str(text))) for name, text in found)


def _hashes(entry: Entry) -> tuple[tuple[str, str], ...]:
    results = entry.bundle.results
    fixed = [
        ("bundle (sha256 of bundle.json)", entry.seal), ("protocol", results.protocol.sha256),
        ("test list", results.test_list.sha256), ("source of the program", results.code.source),
    ]  # fmt: skip
    weights = [(f"weights: {printable(name)}", sha256) for name, sha256 in sorted(results.weights.items())]
    return (*fixed, *weights)

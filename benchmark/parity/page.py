"""docs/parity.md: what was compared, on what, and what came of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmark.parity.environment import OURS
from benchmark.parity.published import Value
from benchmark.parity.rows import Row, Side, program

if TYPE_CHECKING:
    from benchmark.parity.command import Parity

_INTRO = """\
<!-- Written by `moee bench parity`: run it again rather than editing here. -->
# Parity with the programs that everyone cites

The same inputs and the same seeded weights, by published names, through the public programs and through ours. Seeded
weights show that everything up to the weights is equal: preparation, layers, distances. Values that depend on them mean
nothing else. float32 on the processor, unless a program computes in float64."""

_HOW = """\
- `features` and `logits` are compared number by number; `relative` differences are divided by the reference's largest
  value. FID and FVD are each program's own, from its own features.
- `distance of the same features` holds our distance against a program's on that program's features: where FID differs
  by as much there, the features are not the cause. With fewer frames than features covariances are singular, and the
  others take the root of their product.
- clean-fid's network is a TorchScript file that is not on the package index: its own PyTorch class of the same network
  takes its place; its resizing, normalisation and distance are its own.
- I3D is cd-fvd's class. Squashing (styleganv) is cd-fvd's too, with the epsilon 1e-3 that StyleGAN-V's file has;
  VideoGPT's cut was written anew, as VideoGPT is on no package index.
- torchmetrics: FID without antialiasing, which it has by default; PSNR with float64 as PyTorch's default, as it rounds
  its range to float32 otherwise (1e-6 dB).
- LPIPS: the seeded linear weights are made positive, as trained ones are, and its scaling is the published one.
- SyncNet is on no package index: a second implementation, window by window, was written from its public code's
  definition, and takes its MFCC from python_speech_features. The first layers of the seeded network are divided by 128
  (lips) and 16 (sound), so that distances are of the size of trained ones and `1e-3` says something."""


def page(found: Parity) -> str:
    """The page of a run: what was used, every row, every published number, and how long it took."""
    parts = [
        _INTRO,
        "\n".join(_inputs(found)),
        _verdict(found),
        "\n".join(row_table(found.rows)),
        _HOW,
        "## Published numbers\n\nThey need the published weights or inputs of their makers, except the first.",
        "\n".join(value_table(found.values)),
        "## Time\n\nSeconds by the clock; two things ran at any time, on half of the cores each.",
        "\n".join(_times(found)),
    ]
    return "\n\n".join(parts) + "\n"


def _inputs(found: Parity) -> Iterator[str]:
    inputs = found.inputs
    origin = f"{inputs.videos} real videos" if inputs.real else f"{inputs.videos} videos of the embedded sample"
    yield (
        f"Inputs: {inputs.frames} frames at 256 and 400 px and {inputs.clips} clips out of {origin}, {inputs.pairs} "
        f"pairs of frames, {inputs.sounds} sounds; half of the frames and clips against the other half.  "
    )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    machine = f"{os.cpu_count()} cores, {pages:.0f} GB, {platform.machine()}"
    yield f"Machine: {machine}, Python {platform.python_version()}.  "
    yield f"On both sides: {', '.join(f'{name} {version(name)}' for name in OURS)}."


def _verdict(found: Parity) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in found.rows) for verdict in ("equal", "differs", "skipped")}
    return (
        f"{counts['equal']} of {len(found.rows)} comparisons are equal within their tolerance, {counts['differs']} "
        f"differ, {counts['skipped']} were skipped."
    )


def row_table(rows: Sequence[Row]) -> Iterator[str]:
    """A Markdown table, a line each."""
    for place, cells in enumerate(row_cells(rows)):
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
        if place == 0:
            yield "|---" * len(cells) + "|"


def row_cells(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """The titles, then the cells of every row, for a terminal or a page."""
    yield "part", "what", "against", "ours", "reference", "largest difference", "tolerance", "verdict"
    for row in rows:
        allowed = "exact" if row.tolerance == 0 else f"{row.tolerance:.0e}{' relative' * (row.kind == 'relative')}"
        said = f"skipped: {row.reason}" if row.verdict == "skipped" else row.verdict
        numbers = number(row.ours), number(row.reference), _difference(row.difference)
        yield row.part, row.what, row.by, *numbers, allowed, said


def value_table(values: Sequence[Value]) -> Iterator[str]:
    """A Markdown table, a line each."""
    yield "| what | published by | published | ours | tolerance | |"
    yield "|---|---|---|---|---|---|"
    for value in values:
        said = f"skipped: {value.reason}" if value.verdict == "skipped" else value.verdict
        cells = (
            value.what, value.source, number(value.expected), number(value.found), f"{value.tolerance:.0e}", said
        )  # fmt: skip
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _times(found: Parity) -> Iterator[str]:
    yield "| what | s |"
    yield "|---|---|"
    for name, seconds in _seconds(found):
        yield f"| {name} | {seconds:.0f} |"


def _seconds(found: Parity) -> Iterator[tuple[str, float]]:
    yield from ((name, found.seconds[name]) for name in ("environment", "inputs"))
    yield from ((f"ours, {part}", side.seconds) for part, side in found.ours.items())
    yield from ((_program(name, side), side.seconds) for name, side in found.theirs.items())
    yield "all", found.seconds["all"]


def _program(name: str, side: Side) -> str:
    return program(name) + (" (failed)" if side.error else "")


def number(value: float | None) -> str:
    """Whole numbers whole, others to 8 digits, none as a dash."""
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.8g}"


def _difference(value: float | None) -> str:
    return "-" if value is None else "0" if value == 0 else f"{value:.1e}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

"""The ladder's page: the matrix, false responses, and each axis with its small pictures and every number."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmark.controls import AXES
from benchmark.ladder.judge import LEAST_RANKS
from benchmark.ladder.pictures import SHOWS
from benchmark.ladder.record import AxisFacts, Cell, Ladder, MetricFacts

if TYPE_CHECKING:
    from benchmark.ladder.expected import Says

TEMPLATES: Final = Path(__file__).parent / "templates"
_MARKS: Final[dict[Says, str]] = {"must": "\u25cf", "must not": "\u25cb", "same": "\u25cb", "may": ""}
_WORDS: Final[dict[Says, str]] = {
    "must": "must answer", "must not": "must not answer", "same": "must not change at all", "may": "may answer",
}  # fmt: skip
_WIDE, _HIGH, _PAD = 84, 26, 3


@dataclass(frozen=True)
class Shown:
    """A cell as the page shows it.

    mark, words: of what is expected. spearman, effect: as printed. level: 0..4, how strongly it is coloured; kind:
    `worse`, `better` or `none`. points, dots: of the line plot, in px; the first dot is the ground truth.
    """

    cell: Cell
    mark: str
    words: str
    spearman: str
    effect: str
    level: int
    kind: str
    values: list[str]
    points: str
    dots: list[tuple[float, float]]
    seen_at: str
    title: str


def page(ladder: Ladder, pictures: Mapping[str, Sequence[bytes]]) -> str:
    """The whole page as one HTML document.

    Args:
        pictures: axis -> JPEG of the ground truth and of every step.
    """
    from manifests.pages import document

    shown = {(cell.metric, cell.axis): _shown(cell, ladder) for cell in ladder.cells}
    content = {
        "ladder": ladder,
        "rows": [(found, [shown[found.key, axis.name] for axis in ladder.axes]) for found in ladder.metrics],
        "axes": [
            (
                axis,
                [(found, shown[found.key, axis.name]) for found in ladder.metrics],
                _uris(pictures.get(axis.name, ())),
                SHOWS[AXES[axis.name].changes],
            )
            for axis in ladder.axes
        ],
        "wrong": [shown[cell.metric, cell.axis] for cell in ladder.wrong],
        "own": [(found, own_axes(ladder, found)) for found in ladder.metrics],
        "least": f"{LEAST_RANKS:g}",
        "plot": (_WIDE, _HIGH),
        "counts": _counts(ladder),
    }
    return document(TEMPLATES, "ladder.html.j2", content, styles=("ladder.css",))


def own_axes(ladder: Ladder, found: MetricFacts) -> list[tuple[str, bool]]:
    """The axes that a metric must answer, and whether it does."""
    cells = [ladder.cell(found.key, axis.name) for axis in ladder.axes]
    return [(cell.axis, cell.wrong is None) for cell in cells if cell.says == "must"]


def _counts(ladder: Ladder) -> dict[str, int]:
    must = [cell for cell in ladder.cells if cell.says == "must"]
    never = [cell for cell in ladder.cells if cell.says in ("must not", "same")]
    return {
        "must": len(must),
        "answered": sum(cell.wrong is None for cell in must),
        "never": len(never),
        "silent": sum(cell.wrong is None for cell in never),
        "own": sum(any(good for _, good in own_axes(ladder, found)) for found in ladder.metrics),
    }


def _uris(pictures: Sequence[bytes]) -> list[str]:
    return ["data:image/jpeg;base64," + base64.b64encode(raw).decode("ascii") for raw in pictures]


def _shown(cell: Cell, ladder: Ladder) -> Shown:
    axis = next(axis for axis in ladder.axes if axis.name == cell.axis)
    points = _points(cell.values)
    strong = 0 if cell.spearman is None or cell.verdict in (None, "no difference shown") else abs(cell.spearman)
    kind = {"worse": "worse", "better": "better"}.get(cell.verdict or "", "none")
    return Shown(
        cell=cell,
        mark=_MARKS[cell.says],
        words=_WORDS[cell.says],
        spearman="\u2013" if cell.spearman is None else _signed(cell.spearman, 2),
        effect=_effect(cell.effect),
        level=min(4, round(4 * strong)),
        kind=kind,
        values=[number(value) for value in cell.values],
        points=" ".join(f"{x:g},{y:g}" for x, y in points),
        dots=points,
        seen_at="\u2013" if cell.seen_at is None else axis.says[axis.steps.index(cell.seen_at)],
        title=_title(cell, axis),
    )


def _title(cell: Cell, axis: AxisFacts) -> str:
    told = zip(["ground truth", *axis.says], cell.values, strict=True)
    return f"{cell.metric} on {axis.name}: " + ", ".join(f"{said} {number(value)}" for said, value in told)


def number(value: float | None) -> str:
    """Four significant digits, with a true minus."""
    if value is None:
        return "worst"
    text = f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    if "e" in text:
        text = f"{value:.1e}"
    return text.replace("-", "\u2212", 1) if text.startswith("-") else text


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    return f"\u2212{text}" if value < 0 and float(text) else text


def _effect(effect: float | None) -> str:
    if effect is None:
        return "\u2013"
    return _signed(effect, 1 if abs(effect) < 10 else 0)


def _points(values: Sequence[float | None]) -> list[tuple[float, float]]:
    """Places of the values in a plot of 84 x 26 px; steps are equally far apart, the largest value is on top."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    across = (_WIDE - 2 * _PAD) / max(1, len(values) - 1)
    found = []
    for place, value in enumerate(values):
        if value is not None:
            share = 0.5 if high == low else (value - low) / (high - low)
            found.append((round(_PAD + place * across, 1), round(_HIGH - _PAD - share * (_HIGH - 2 * _PAD), 1)))
    return found

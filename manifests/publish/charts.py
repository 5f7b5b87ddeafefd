"""Balance plots of a dataset card as SVG: grouped bars by split, drawn without a plotting library."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from manifests.emotions import NAMES, OTHER_COMPOUND
from manifests.publish.facts import NOT_MEASURED, UNKNOWN
from manifests.publish.markdown import many
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.publish.facts import SplitFacts

WIDTH: Final = 720
_LEFT, _ROW, _TOP, _BAR = 150, 8, 64, 14  # px: labels, gap between groups, title, height of a bar
_COLOURS: Final = {"train": "#2a6fbb", "validation": "#d98a1f", "test": "#4b9b57"}
_BINS: Final = 8
_PERSONS: Final = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
Bars = dict[str, dict[str, int]]  # label -> split -> clips


def draw(splits: "Sequence[SplitFacts]") -> dict[str, str]:
    """Return file name -> SVG: emotions as given and, if any were, as measured, persons, lengths, faces, by split."""
    names = [split.name for split in splits]
    persons = [(split.name, [float(size) for size in split.persons]) for split in splits]
    lengths = [(split.name, split.lengths) for split in splits]
    faces = [(split.name, split.faces) for split in splits]
    drawn = {"emotion.svg": _bars("Clips by emotion", "clip", names, _emotions(splits))}
    if set(measured := _measured(splits)) - {NOT_MEASURED}:
        drawn["measured_emotion.svg"] = _bars("Clips by emotion as seen in the face", "clip", names, measured)
    return drawn | {
        "identity.svg": _bars("Persons by number of their clips", "person", names, _binned(persons, _person_edges)),
        "length.svg": _bars("Clips by length in s", "clip", names, _binned(lengths, _edges)),
        "face_size.svg": _bars("Clips by size of the face in px", "clip", names, _binned(faces, _edges)),
    }


def _emotions(splits: "Sequence[SplitFacts]") -> Bars:
    found = {name for split in splits for name in split.emotions}
    order = [name for name in (*NAMES, UNKNOWN) if name in found]
    return {name: {split.name: split.emotions.get(name, 0) for split in splits} for name in order}


def _measured(splits: "Sequence[SplitFacts]") -> Bars:
    found = {name for split in splits for name in split.measured}
    order = [name for name in (*NAMES, OTHER_COMPOUND, NOT_MEASURED) if name in found]
    return {name: {split.name: split.measured.get(name, 0) for split in splits} for name in order}


def _binned(groups: Sequence[tuple[str, Sequence[float]]], edges_of: Callable[[Sequence[float]], list[float]]) -> Bars:
    values = [value for _, listed in groups for value in listed if math.isfinite(value)]
    if not values:
        return {}
    edges = edges_of(values)
    ends = [*edges[1:], math.inf]
    counts = {name: np.histogram(listed, [*edges, math.inf])[0] for name, listed in groups}
    bars: Bars = {}
    for number, (low, high) in enumerate(zip(edges, ends, strict=True)):
        label = f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"
        bars[label] = {name: int(found[number]) for name, found in counts.items()}
    last = list(bars)[-1]
    if len(bars) > 1 and not any(bars[last].values()):
        del bars[last]
    return bars


def _edges(values: Sequence[float]) -> list[float]:
    """Round steps from the least to the greatest value."""
    low, high = min(values), max(values)
    raw = max((high - low) / _BINS, 1e-6, abs(high) * 1e-3)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.floor(low / step)
    return [round((first + number) * step, 9) for number in range(math.floor(high / step) - first + 2)]


def _person_edges(values: Sequence[float]) -> list[float]:
    return [float(edge) for edge in _PERSONS if edge <= max(values)] or [1.0]


def _bars(title: str, unit: str, splits: Sequence[str], bars: Bars) -> str:
    """A picture with one group of bars for each label; every number can be read without the picture."""
    group = _BAR * len(splits) + _ROW
    height = _TOP + group * max(len(bars), 1) + 16
    most = max((value for row in bars.values() for value in row.values()), default=0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" font-family="sans-serif" font-size="12">',
        f"<title>{_words(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" fill="#111111">{_words(title)}</text>',
        *_legend(splits),
    ]
    if not bars:
        parts.append(f'<text x="12" y="{_TOP + 12}" fill="#555555">nothing was measured</text>')
    for number, (label, row) in enumerate(bars.items()):
        parts += _group(label, unit, splits, row, _TOP + group * number, most)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _group(label: str, unit: str, splits: Sequence[str], row: Mapping[str, int], y: int, most: int) -> list[str]:
    middle = y + _BAR * len(splits) / 2 + 4
    parts = [f'<text x="{_LEFT - 8}" y="{middle:g}" text-anchor="end" fill="#111111">{_words(label)}</text>']
    for number, split in enumerate(splits):
        value, top = row.get(split, 0), y + _BAR * number
        width = round((WIDTH - _LEFT - 70) * value / most, 1) if most else 0
        about = _words(f"{label}, {split}: {many(value, unit)}")
        parts.append(
            f'<rect x="{_LEFT}" y="{top}" width="{max(width, 0.5)}" height="{_BAR - 2}" '
            f'fill="{_COLOURS.get(split, "#777777")}"><title>{about}</title></rect>'
        )
        parts.append(f'<text x="{_LEFT + width + 5}" y="{top + 10}" font-size="10" fill="#333333">{value}</text>')
    return parts


def _legend(splits: Sequence[str]) -> list[str]:
    parts, x = [], 12
    for split in splits:
        colour = _COLOURS.get(split, "#777777")
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="44" fill="#111111">{_words(split)}</text>')
        x += 100
    return parts


def _words(text: str) -> str:
    return escape(printable(text), quote=True)

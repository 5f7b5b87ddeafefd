"""Balance plots of a dataset card as SVG: what share of each split, in grouped bars, without a plotting library."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from manifests.emotions import NAMES, OTHER_COMPOUND
from manifests.publish.facts import NOT_MEASURED, UNKNOWN
from manifests.publish.markdown import count, many
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.publish.facts import SplitFacts

WIDTH: Final = 560  # px: a telephone shows it at two thirds, and 15 px of letters at 10
_LEFT, _RIGHT, _ROW, _TOP, _BAR, _LETTER = 160, 112, 10, 70, 17, 15  # px: room beside the bars, gaps, a bar, letters
_COLOURS: Final = {"train": "#2a6fbb", "validation": "#d98a1f", "test": "#4b9b57"}
_BINS: Final = 8
_PERSONS: Final = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_LANGUAGES: Final = 15  # that have a bar of their own
OTHERS: Final = "others"
Bars = dict[str, dict[str, int]]  # label -> split -> clips or persons


def draw(splits: "Sequence[SplitFacts]") -> dict[str, str]:
    """Return file name -> SVG by split: persons, lengths, faces; emotions and languages where any is known."""
    names = [split.name for split in splits]
    drawn = {}
    for file, title, bars, nothing in (
        ("emotion.svg", "Clips by emotion, as data sets give it", _emotions(splits), UNKNOWN),
        ("measured_emotion.svg", "Clips by emotion, as seen in the face", _measured(splits), NOT_MEASURED),
        ("language.svg", "Clips by language, as sources state it", _languages(splits), UNKNOWN),
    ):
        if set(bars) - {nothing}:
            drawn[file] = _bars(title, "clip", names, bars)
    persons = [(split.name, [float(size) for size in split.persons]) for split in splits]
    lengths = [(split.name, split.lengths) for split in splits]
    faces = [(split.name, split.faces) for split in splits]
    return drawn | {
        "identity.svg": _bars("Persons by number of their clips", "person", names, _whole(persons)),
        "length.svg": _bars("Clips by length in s", "clip", names, _binned(lengths, _edges)),
        "face_size.svg": _bars("Clips by size of the face in px", "clip", names, _binned(faces, _edges)),
    }


def _emotions(splits: "Sequence[SplitFacts]") -> Bars:
    found = {name for split in splits for name in split.emotions}
    order = [name for name in (*NAMES, OTHER_COMPOUND, UNKNOWN) if name in found]
    return {name: {split.name: split.emotions.get(name, 0) for split in splits} for name in order}


def _measured(splits: "Sequence[SplitFacts]") -> Bars:
    found = {name for split in splits for name in split.measured}
    order = [name for name in (*NAMES, OTHER_COMPOUND, NOT_MEASURED) if name in found]
    return {name: {split.name: split.measured.get(name, 0) for split in splits} for name in order}


def _languages(splits: "Sequence[SplitFacts]") -> Bars:
    """The most frequent languages; the others together."""
    clips: dict[str, int] = {}
    for split in splits:
        for name, number in split.languages.items():
            clips[name] = clips.get(name, 0) + number
    order = sorted(clips, key=lambda name: (name == UNKNOWN, -clips[name], name))
    known = [name for name in order if name != UNKNOWN]
    bars = {name: {split.name: split.languages.get(name, 0) for split in splits} for name in known[:_LANGUAGES]}
    if len(known) > _LANGUAGES:
        rest = known[_LANGUAGES:]
        bars[OTHERS] = {split.name: sum(split.languages.get(name, 0) for name in rest) for split in splits}
    if UNKNOWN in clips:
        bars[UNKNOWN] = {split.name: split.languages.get(UNKNOWN, 0) for split in splits}
    return bars


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


def _whole(groups: Sequence[tuple[str, Sequence[float]]]) -> Bars:
    """Bins of whole numbers: a label names the first and the last number that a bin holds."""
    bars = _binned(groups, _person_edges)
    named: Bars = {}
    for label, row in bars.items():
        low, _, high = label.partition(" to ")
        last = int(high) - 1 if high else 0
        named[label if not high else low if last == int(low) else f"{low} to {last}"] = row
    return named


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
    height = _TOP + group * max(len(bars), 1) + 8
    totals = {split: sum(row.get(split, 0) for row in bars.values()) for split in splits}
    most = max((_share(row.get(split, 0), totals[split]) for row in bars.values() for split in splits), default=0.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" font-family="sans-serif" font-size="{_LETTER}">',
        f"<title>{_words(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="22" font-size="17" fill="#111111">{_words(title)}</text>',
        *_legend(splits, totals),
    ]
    if not bars:
        parts.append(f'<text x="8" y="{_TOP + 12}" fill="#555555">nothing was measured</text>')
    for number, (label, row) in enumerate(bars.items()):
        y = _TOP + group * number
        middle = y + _BAR * len(splits) / 2 + 5
        parts.append(f'<text x="{_LEFT - 8}" y="{middle:g}" text-anchor="end" fill="#111111">{_words(label)}</text>')
        for place, split in enumerate(splits):
            parts += _bar(label, unit, split, row.get(split, 0), totals[split], most, y + _BAR * place)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(label: str, unit: str, split: str, value: int, total: int, most: float, top: int) -> list[str]:
    share = _share(value, total)
    width = round((WIDTH - _LEFT - _RIGHT) * share / most, 1) if most else 0
    about = _words(f"{label}, {split}: {many(value, unit)}")
    shown = f"{count(value)} ({share:.0%})" if value else "0"
    colour = _COLOURS.get(split, "#777777")
    return [
        f'<rect x="{_LEFT}" y="{top}" width="{max(width, 0.5)}" height="{_BAR - 3}" fill="{colour}">'
        f"<title>{about}</title></rect>",
        f'<text x="{_LEFT + width + 5:g}" y="{top + 12}" font-size="13" fill="#333333">{shown}</text>',
    ]


def _share(value: int, total: int) -> float:
    return value / total if total else 0.0


def _legend(splits: Sequence[str], totals: Mapping[str, int]) -> list[str]:
    parts, x = [], 8
    for split in splits:
        words = f"{split} ({count(totals[split])})"
        parts.append(f'<rect x="{x}" y="37" width="13" height="13" fill="{_COLOURS.get(split, "#777777")}"/>')
        parts.append(f'<text x="{x + 18}" y="49" font-size="14" fill="#111111">{_words(words)}</text>')
        x += 30 + 8 * len(words)
    return parts


def _words(text: str) -> str:
    return escape(printable(text), quote=True)

"""The certificate of the splits as a report shows it, whatever keys it has: lines, tables, notes and near faces."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import Album, Card, View
from curation.report.words import number, shown

CERTIFICATE: Final = "certificate.json"
FACES: Final = 6  # nearest pairs of two splits that are shown
_ELSEWHERE: Final = ("version", "splits", "set_aside")  # what the page counts itself
_LARGEST: Final = 16_000_000  # bytes of a certificate that is read
_LINES: Final = 40
_TABLES: Final = 6
_NOTES: Final = 12
_ROWS: Final = 10
_COLUMNS: Final = 8
_LONG: Final = 60  # characters of a text that is a note
_TROUBLE: Final = f"{CERTIFICATE} cannot be read: make the splits again."


@dataclass(frozen=True)
class Near:
    """A table of a certificate."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    left: int


@dataclass(frozen=True)
class Faces:
    """The faces of two clips of different splits, side by side."""

    words: str
    cards: list[Card]


@dataclass
class Certificate:
    """What certificate.json says; `left` counts what is not shown, `trouble` says why it cannot be read."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Near] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    faces: list[Faces] = field(default_factory=list)
    left: int = 0
    trouble: str = ""


def certificate(path: Path, clips: pa.Table, album: Album) -> Certificate | None:
    """Return what a certificate says, with the nearest faces of two splits; None where there is none.

    Args:
        path: of the file.
        clips: the column `id`, of the album's manifest.
        album: to take pictures of.
    """
    content = _content(path)
    if content is None or isinstance(content, Certificate):
        return content
    found = read(content)
    found.faces = _faces(content.get("nearest_faces"), clips, album)
    return found


def _content(path: Path) -> dict[str, Any] | Certificate | None:
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _LARGEST:
            return Certificate(trouble=f"{CERTIFICATE} is too large to be shown here.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Certificate(trouble=_TROUBLE)
    return content if isinstance(content, dict) else Certificate(trouble=_TROUBLE)


def read(content: Mapping[str, Any]) -> Certificate:
    """Return a certificate's content in lines, tables and notes."""
    found = Certificate()
    for key, value in content.items():
        if key not in _ELSEWHERE:
            _sort(_words(key), value, found)
    for kept, most in ((found.lines, _LINES), (found.tables, _TABLES), (found.notes, _NOTES)):
        found.left += max(0, len(kept) - most)
        del kept[most:]
    return found


def _sort(title: str, value: Any, found: Certificate, depth: int = 0) -> None:
    """Put a value where it belongs: lists of mappings and mappings of mappings are tables."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        _table(title, [row for item in value for row in _rows(item)], found)
    elif isinstance(value, Mapping) and len(value) > 1 and all(isinstance(item, Mapping) for item in value.values()):
        _table(title, [{"": key, **item} for key, item in value.items()], found)
    elif isinstance(value, Mapping) and depth < 3:
        for key, inner in value.items():
            _sort(shown(f"{title}, {_words(key)}", 120), inner, found, depth + 1)
    elif isinstance(value, str) and len(value) > _LONG:
        found.notes.append((title, shown(value, 600)))
    else:
        found.lines.append((title, _value(value)))


def _rows(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row, or one per pair where the row holds a list of them."""
    pairs = item.get("pairs")
    if not isinstance(pairs, list) or not all(isinstance(pair, Mapping) for pair in pairs):
        return [item]
    head = {key: value for key, value in item.items() if key != "pairs"}
    return [{**head, **pair} for pair in pairs]


def _table(title: str, rows: list[Mapping[str, Any]], found: Certificate) -> None:
    if rows:
        if all(_is_number(row.get("distance")) for row in rows):
            rows = sorted(rows, key=lambda row: row["distance"])
        columns = list(dict.fromkeys(str(key) for row in rows[:_ROWS] for key in row))[:_COLUMNS]
        cells = [[_value(row.get(column)) for column in columns] for row in rows[:_ROWS]]
        found.tables.append(Near(title, [_words(column) for column in columns], cells, max(0, len(rows) - _ROWS)))
    else:
        found.lines.append((title, "none"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _words(key: object) -> str:
    return shown(str(key).replace("_", " "), 60)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value, 4) if math.isfinite(value) else "–"
    if isinstance(value, int):
        return shown(f"{value:,}", 60)
    if isinstance(value, list):
        if not value:
            return "–"
        more = f" and {len(value) - 6:,} more" if len(value) > 6 else ""
        return shown(", ".join(_value(item) for item in value[:6]) + more)
    if isinstance(value, Mapping):
        return "…" if value else "–"
    return "–" if value is None else shown(value)


def _faces(near: Any, clips: pa.Table, album: Album) -> list[Faces]:
    """The nearest pairs of all, of those whose clips are in the manifest."""
    pairs = [row for item in near if isinstance(item, Mapping) for row in _rows(item)] if isinstance(near, list) else []
    good = [pair for pair in pairs if _is_pair(pair)]
    good.sort(key=lambda pair: (pair["distance"], pair["clips"]))
    names = pa.array([clip for pair in good for clip in pair["clips"]], pa.string())
    places = pc.index_in(names, value_set=clips.column("id").combine_chunks()).to_pylist()
    told = [(pair, places[2 * i : 2 * i + 2]) for i, pair in enumerate(good) if None not in places[2 * i : 2 * i + 2]]
    told = told[:FACES]
    if not told:
        return []
    rows = album.rows((place for _, two in told for place in two), ("split",))
    views = {place: View(rows[place], face=True) for _, two in told for place in two}
    taken = dict(zip(views, album.pictures(list(views.values())), strict=True))
    return [
        Faces(
            f"{number(pair['distance'])} apart",
            [album.card(views[place], taken[place], shown(rows[place]["split"] or "–", 60)) for place in two],
        )
        for pair, two in told
    ]


def _is_pair(pair: Mapping[str, Any]) -> bool:
    clips, distance = pair.get("clips"), pair.get("distance")
    if not _is_number(distance) or not isinstance(clips, list) or len(clips) != 2:
        return False
    return all(isinstance(clip, str) and clip.isprintable() for clip in clips)

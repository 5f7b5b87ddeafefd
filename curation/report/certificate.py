"""The certificate of the splits in words, as `manifests.certificate` writes it: lines, tables, notes and near faces."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import Album, Card, View
from curation.report.words import number, share, shown

CERTIFICATE: Final = "certificate.json"
FACES: Final = 6  # nearest pairs of two splits that are shown
_LARGEST: Final = 16_000_000  # bytes of a certificate that is read
_ROWS: Final = 10  # of a table
_FEW: Final = 8  # models, pairs of splits, further notes
_NAMED: Final = 3  # inputs in two splits that are named
_LONG: Final = 600  # characters of a note
_TROUBLE: Final = f"{CERTIFICATE} cannot be read: make the splits again."
_SHARED: Final = (
    ("identities", "persons in two splits"),
    ("given_identities", "given names in two splits"),
    ("duplicate_clips", "duplicates in two splits"),
    ("sources", "inputs in two splits"),
)


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
    """What certificate.json says.

    Args:
        estimate: how many held-out persons may be in training, as a sentence.
        asked: the shares and the seed that were asked for.
        lines: (words, value).
        tables: how near persons lie, and which inputs sound alike.
        notes: (words, sentence): how it was made, and its limits.
        faces: the nearest of two splits.
        trouble: why it cannot be read.
    """

    estimate: str = ""
    asked: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Near] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    faces: list[Faces] = field(default_factory=list)
    trouble: str = ""


def certificate(path: Path, clips: pa.Table, album: Album) -> Certificate | None:
    """Return what a certificate says, with the nearest faces of two splits; None where there is none.

    Args:
        path: of the file.
        clips: the column `id`, of the album's manifest.
        album: to take pictures of, and for the names of inputs.
    """
    content = _content(path)
    if content is None or isinstance(content, Certificate):
        return content
    how, leakage, sounds = (_mapping(content.get(key)) for key in ("how", "leakage", "nearest_sounds"))
    unknown = _mapping(content.get("unknown"))
    return Certificate(
        estimate=_estimate(leakage),
        asked=_asked(how),
        lines=_lines(content, how, unknown, album),
        tables=[table for table in (_distances(leakage), _sounds(sounds, album)) if table.rows],
        notes=_notes(content, how, leakage, sounds, unknown),
        faces=_faces(content.get("nearest_faces"), clips, album),
    )


def thresholds(path: Path) -> list[float]:
    """The largest mean distances within a person, of each embedding model, as a certificate tells them."""
    content = _content(path)
    how = _mapping(content.get("how")) if isinstance(content, dict) else {}
    told = _mapping(how.get("identity_threshold")).values()
    return sorted({float(value) for value in told if _is_number(value)})[:_FEW]


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


def _estimate(leakage: Mapping[str, Any]) -> str:
    held, part, ends = (leakage.get(key) for key in ("held_out_identities", "estimate", "interval"))
    if not _is_number(held) or not _is_number(part) or not held:
        why = leakage.get("how")
        return f"Hidden leakage is not estimated{f': {shown(why)}' if isinstance(why, str) else ''}." if leakage else ""
    words = share(part, 1)
    if isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends)):
        words += f", 95 % interval {share(ends[0], 1)} to {share(ends[1], 1)}"
    near = round(part * held)
    persons, lie = ("person", "lies") if held == 1 else ("persons", "lies" if near == 1 else "lie")
    return f"{near:,} of {held:,} held-out {persons} {lie} near a training person ({words})."


def _asked(how: Mapping[str, Any]) -> str:
    wanted = _mapping(how.get("shares"))
    parts = [
        f"{name} {share(wanted[name], 1)}" for name in ("train", "validation", "test") if _is_number(wanted.get(name))
    ]
    words = f"{', '.join(parts)} of the clips" if parts else ""
    return ", ".join(part for part in (words, f"seed {how['seed']}" if _is_number(how.get("seed")) else "") if part)


def _lines(
    content: Mapping[str, Any], how: Mapping[str, Any], unknown: Mapping[str, Any], album: Album
) -> list[tuple[str, str]]:
    shared = _mapping(content.get("shared"))
    lines = [(words, f"{shared[key]:,}") for key, words in _SHARED if _is_number(shared.get(key))]
    first = [name for name in _list(shared.get("sources_first")) if _is_name(name)][:_NAMED]
    if first:
        album.meet(first)
        lines.append(("for example", ", ".join(album.name(source) for source in first)))
    if _is_number(unknown.get("clips_without_identity")):
        lines.append(("clips in a split without an identity", f"{unknown['clips_without_identity']:,}"))
    for item in _mappings(content.get("nearest_faces"))[:_FEW]:
        distances = [pair["distance"] for pair in _mappings(item.get("pairs")) if _is_number(pair.get("distance"))]
        if distances:
            rest = ", of those compared" if item.get("exact") is False else ""
            lines.append((f"nearest faces of {_between(item)}", f"{number(min(distances))} apart{rest}"))
    models = [shown(model, 80) for model in _list(how.get("embeddings"))[:_FEW]]
    if models:
        lines.append(("faces embedded by", ", ".join(models)))
    linkage = f", {shown(how['linkage'], 60)} linkage" if isinstance(how.get("linkage"), str) else ""
    limits = sorted(_mapping(how.get("identity_threshold")).items())
    told = [(model, value) for model, value in limits if _is_number(value)][:_FEW]
    for model, value in told:
        words = f"tracks of one person, {shown(model, 60)}" if len(told) > 1 else "tracks of one person"
        lines.append((words, f"within {number(value)}{linkage}"))
    return lines


def _distances(leakage: Mapping[str, Any]) -> Near:
    """What is known of each distance: whom it holds here, and what it held of pairs of known persons."""
    rows = []
    for distance, said in sorted(_mapping(leakage.get("near_training")).items()):
        told = _mapping(said)
        missed = _list(told.get("same_person_pairs_beyond_interval"))
        interval = " to ".join(share(end, 1) for end in missed) if missed and all(map(_is_number, missed)) else "–"
        different, here = told.get("different_person_pairs_within"), told.get("identities")
        rows.append(
            [
                shown(distance, 20),
                f"{here:,}" if _is_number(here) else "–",
                shown(told.get("same_person_pairs_within") or "–", 40),
                interval,
                share(different, 1) if _is_number(different) else "–",
            ]
        )
    columns = ["Distance", "Held-out persons with a training person within it"]
    columns += ["Known pairs of one person within it", "Of all such pairs, beyond it (95 % interval)"]
    columns += ["Known pairs of two persons within it"]
    return Near("Held-out persons near training persons", columns, rows[:_ROWS], max(0, len(rows) - _ROWS))


def _sounds(sounds: Mapping[str, Any], album: Album) -> Near:
    found = [(item, pair) for item in _mappings(sounds.get("nearest")) for pair in _mappings(item.get("pairs"))]
    found = [(item, pair) for item, pair in found if _is_number(pair.get("score")) and _two(pair.get("sources"))]
    found.sort(key=lambda row: (-row[1]["score"], row[1]["sources"]))
    shown_ones = found[:_ROWS]
    album.meet(source for _, pair in shown_ones for source in pair["sources"])
    rows = [
        [_between(item), *(album.name(source) for source in pair["sources"]), number(pair["score"])]
        for item, pair in shown_ones
    ]
    columns = ["Splits", "Input of the first", "Input of the second", "Likeness"]
    return Near("Inputs of two splits that sound most alike", columns, rows, len(found) - len(rows))


def _notes(
    content: Mapping[str, Any],
    how: Mapping[str, Any],
    leakage: Mapping[str, Any],
    sounds: Mapping[str, Any],
    unknown: Mapping[str, Any],
) -> list[tuple[str, str]]:
    heard = any(_mappings(item.get("pairs")) for item in _mappings(sounds.get("nearest")))
    notes = [
        *(("note", text) for text in _list(content.get("notes"))[:_FEW]),
        ("what goes together", how.get("unit")),
        ("how this is estimated", leakage.get("how") if leakage.get("estimate") is not None else None),
        ("limits", leakage.get("limits")),
        ("sounds", sounds.get("how") if heard or not sounds else f"{sounds.get('how') or 'compared'}: none alike"),
        ("without an identity", unknown.get("means") if unknown.get("clips_without_identity") else None),
    ]
    return [(words, shown(text, _LONG)) for words, text in notes if isinstance(text, str) and text]


def _between(item: Mapping[str, Any]) -> str:
    """The splits of an entry: `train and test`."""
    return " and ".join(shown(name, 40) for name in _list(item.get("splits"))[:2]) or "two splits"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _two(names: Any) -> bool:
    return isinstance(names, list) and len(names) == 2 and all(map(_is_name, names))


def _pairs(near: Any) -> Iterator[dict[str, Any]]:
    for item in _mappings(near):
        for pair in _mappings(item.get("pairs")):
            if _is_number(pair.get("distance")) and _two(pair.get("clips")):
                yield pair


def _faces(near: Any, clips: pa.Table, album: Album) -> list[Faces]:
    """The nearest pairs of all, of those whose clips are in the manifest."""
    good = sorted(_pairs(near), key=lambda pair: (pair["distance"], pair["clips"]))
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

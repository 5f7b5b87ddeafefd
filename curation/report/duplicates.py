"""What is there twice: pairs of inputs in numbers, and groups of clips side by side at the same moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import Album, Card, Row, View, span
from curation.report.histograms import Histogram, of_values, values_of
from curation.report.words import clock, duration, number, shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

LARGEST: Final = 6  # groups of the most clips
DOUBTFUL: Final = 4  # and so many whose likeness is the least
SHOWN: Final = 4  # clips of a group, with the one that stays
_PAIRS: Final = 20  # in the table
_RETIMED: Final = 0.005  # a speed that differs by more from 1 is another one
COLUMNS: Final = ("duplicate_group", "duplicate_of")
_FACTS: Final = ("short_side", "video_kbps", "seconds")


@dataclass(frozen=True)
class Pair:
    """Two inputs that have a part in common."""

    one: str
    other: str
    how: str
    spans: tuple[str, str]
    length: str
    changes: str
    score: float


@dataclass(frozen=True)
class Side:
    """A clip of a group: its picture, and what speaks for and against it."""

    card: Card
    stays: bool
    facts: str
    how: str


@dataclass(frozen=True)
class Group:
    """Clips that show the same; `total` counts also those that are not shown."""

    number: int
    total: int
    score: float | None
    sides: list[Side]


@dataclass(frozen=True)
class Duplicates:
    """All that is there twice.

    Args:
        facts: (words, value).
        score: the histogram of the pairs' likeness.
        pairs: the pairs that are the least alike.
        pairs_left: those that are not listed.
        groups: the groups that are shown.
        groups_total: how many there are.
    """

    facts: list[tuple[str, str]]
    score: Histogram | None
    pairs: list[Pair]
    pairs_left: int
    groups: list[Group]
    groups_total: int


def duplicates(manifest: "Manifest", clips: pa.Table, album: Album) -> Duplicates | None:
    """Return what is there twice; None for a manifest that was never searched.

    Args:
        manifest: an opened one.
        clips: the columns `id`, `source`, `status`, `seconds` and COLUMNS, sorted by id.
        album: of the manifest.
    """
    pairs = manifest.table("duplicates")
    groups = _groups(clips, pairs)
    if not pairs.num_rows and not groups and not _searched(manifest):
        return None
    least = pairs.take(pc.sort_indices(pairs, [("score", "ascending"), ("id", "ascending")])[:_PAIRS]).to_pylist()
    album.meet(row[name] for row in least for name in ("source", "other"))
    return Duplicates(
        facts=_facts(pairs, groups, clips),
        score=of_values("likeness", "how alike the common parts of two inputs are", values_of(pairs.column("score"))),
        pairs=[_pair(row, album) for row in least],
        pairs_left=pairs.num_rows - len(least),
        groups=_shown(_chosen(groups), pairs, album),
        groups_total=len(groups),
    )


def rule(recipe: Mapping[str, Any]) -> str:
    """Which clip of a group stays, as `curation.whole.duplicates.Duplicates` decides it under a recipe."""
    settings = (recipe.get("stages") or {}).get("duplicates")
    if isinstance(settings, Mapping) and settings.get("keep") == "all":
        return "The recipe keeps all clips of a group."
    return (
        "Of a group the clip with the largest picture stays (its shorter side), of several the longest, then the one "
        "of the highest bit rate, then the lowest id."
    )


def _searched(manifest: "Manifest") -> bool:
    return int(manifest.content["tables"].get("fingerprints", {}).get("rows", 0)) > 0


@dataclass(frozen=True)
class _Places:
    """A group by the places of its clips in the table; `stay` is the place of the one that stays."""

    stay: int
    others: tuple[int, ...]
    score: float


def _groups(clips: pa.Table, pairs: pa.Table) -> list[_Places]:
    """The groups of at least two clips, in the order of their ids."""
    there = np.flatnonzero(clips.column("duplicate_group").is_valid().to_numpy())
    if not len(there):
        return []
    mine = clips.select(["id", "source", "status", *COLUMNS]).take(pa.array(there))
    codes = mine.column("duplicate_group").combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    # The one that stays is the one that the others name; a kept clip where nobody names any.
    named = pc.is_in(mine.column("id"), value_set=mine.column("duplicate_of").combine_chunks()).to_numpy()
    rank = np.where(named, 0, np.where(pc.equal(mine.column("status"), "kept").to_numpy(), 1, 2))
    likeness = _likeness(mine.column("source").to_pylist(), parts, pairs)
    found = []
    for part, score in zip(parts, likeness, strict=True):
        if len(part) > 1:
            first, *others = (int(there[place]) for place in part[np.argsort(rank[part], kind="stable")])
            found.append(_Places(first, tuple(others), score))
    return found


def _likeness(sources: Sequence[str], parts: Sequence[np.ndarray], pairs: pa.Table) -> list[float]:
    """For each group the least score of two of its inputs; 1 where no pair of them is known."""
    scores: dict[str, list[tuple[str, float]]] = {}
    rows = pairs.select(["source", "other", "score"]).to_pydict()
    for one, other, score in zip(rows["source"], rows["other"], rows["score"], strict=True):
        scores.setdefault(one, []).append((other, score))
    found = []
    for part in parts:
        mine = {sources[place] for place in part}
        found.append(min((s for one in mine for other, s in scores.get(one, ()) if other in mine), default=1.0))
    return found


def _chosen(groups: Sequence[_Places]) -> list[_Places]:
    """The groups of the most clips, then those of the others that are the least alike."""
    by_size = sorted(range(len(groups)), key=lambda place: (-len(groups[place].others), place))
    largest = by_size[:LARGEST]
    rest = sorted(by_size[LARGEST:], key=lambda place: (groups[place].score, place))
    return [groups[place] for place in (*largest, *rest[:DOUBTFUL])]


def _facts(pairs: pa.Table, groups: Sequence[_Places], clips: pa.Table) -> list[tuple[str, str]]:
    twice = clips.filter(clips.column("duplicate_of").is_valid())
    gone = twice.filter(pc.not_equal(twice.column("status"), "kept"))
    retimed = pc.greater(pc.abs(pc.subtract(pairs.column("speed"), 1.0)), _RETIMED)
    how = {row["values"]: row["counts"] for row in pc.value_counts(pairs.column("how")).to_pylist()}
    return [
        ("pairs of inputs with a part in common", f"{pairs.num_rows:,}"),
        ("of these, alike in picture and sound", f"{how.get('both', 0):,}"),
        ("of these, alike in the picture alone", f"{how.get('picture', 0):,}"),
        ("of these, alike in the sound alone", f"{how.get('sound', 0):,}"),
        ("of these, mirrored", f"{pc.sum(pairs.column('mirrored')).as_py() or 0:,}"),
        ("of these, at another speed", f"{pc.sum(retimed).as_py() or 0:,}"),
        ("groups of clips that show the same", f"{len(groups):,}"),
        ("clips in them", f"{sum(1 + len(group.others) for group in groups):,}"),
        ("clips that are not kept beside one that stays", f"{gone.num_rows:,}"),
        ("their length", duration(pc.sum(gone.column("seconds")).as_py() or 0.0)),
    ]


def _pair(row: Row, album: Album) -> Pair:
    spans = tuple(
        " to ".join(clock(row[f"{side}{end}_ms"] / 1000) for end in ("start", "end")) for side in ("", "other_")
    )
    return Pair(
        one=album.name(row["source"]),
        other=album.name(row["other"]),
        how=shown(row["how"], 40),
        spans=(spans[0], spans[1]),
        length=duration((row["end_ms"] - row["start_ms"]) / 1000),
        changes=_changes(row),
        score=row["score"],
    )


def _changes(row: Row) -> str:
    changes = ["mirrored"] if row["mirrored"] else []
    if abs(row["speed"] - 1) > _RETIMED:
        changes.append(f"speed {number(row['speed'], 4)}")
    return ", ".join(changes)


def _shown(groups: Sequence[_Places], pairs: pa.Table, album: Album) -> list[Group]:
    places = [(group.stay, *group.others[: SHOWN - 1]) for group in groups]
    rows = album.rows((place for listed in places for place in listed), (*COLUMNS, *_FACTS))
    links = _links(pairs, {row["source"] for row in rows.values()})
    views: list[View] = []
    said: list[str] = []
    for listed in places:
        moments, words = _moments([rows[place] for place in listed], links)
        views += [View(rows[place], moment, outline=False) for place, moment in zip(listed, moments, strict=True)]
        said += words
    taken = album.pictures(views)
    found, at = [], 0
    for order, (group, listed) in enumerate(zip(groups, places, strict=True)):
        here = range(at, at + len(listed))
        sides = [_side(views[i], taken[i], i == at, said[i], album) for i in here]
        score = group.score if any(link for link in said[at + 1 : at + len(listed)]) else None
        found.append(Group(order + 1, 1 + len(group.others), score, sides))
        at += len(listed)
    return found


def _side(view: View, picture: Any, stays: bool, how: str, album: Album) -> Side:
    row, parts = view.row, []
    if row["short_side"] is not None:
        parts.append(f"{number(row['short_side'])} px")
    if row["video_kbps"] is not None:
        parts.append(f"{number(row['video_kbps'])} kbit/s")
    parts.append(f"{number(row['seconds'])} s")
    end = row["status"] if stays else shown(", ".join(row["reasons"]) or row["status"], 80)
    moment = float(view.moment or 0)
    return Side(album.card(view, picture, f"shown at {clock(moment)}"), stays, f"{', '.join(parts)}; {end}", how)


Link = Mapping[str, Any]


def _links(pairs: pa.Table, sources: set[str]) -> dict[tuple[str, str], list[Link]]:
    """The pairs between these inputs, in both directions."""
    mine = pa.array(sorted(sources), pa.string())
    both = pc.and_(*(pc.is_in(pairs.column(name), value_set=mine) for name in ("source", "other")))
    found: dict[tuple[str, str], list[Link]] = {}
    for row in pairs.filter(both).to_pylist():
        back = {f"{there}{end}_ms": row[f"{here}{end}_ms"] for here, there in (("", "other_"), ("other_", ""))
                for end in ("start", "end")}  # fmt: skip
        found.setdefault((row["source"], row["other"]), []).append(row)
        speed = 1 / row["speed"] if row["speed"] > 0 else 1.0
        found.setdefault((row["other"], row["source"]), []).append({**row, **back, "speed": speed})
    return found


def _moments(rows: Sequence[Row], links: Mapping[tuple[str, str], list[Link]]) -> tuple[list[Fraction], list[str]]:
    """One moment of the clip that stays and the same moment in each of the others, s, with how they are alike."""
    stay, *others = rows
    chosen = [_link(stay, row, links) for row in others]
    low, high = span(stay)
    for row, link in zip(others, chosen, strict=True):  # a moment that all have in common, while there is one
        start, end = (_moved(moment, link, back=True) for moment in span(row))
        if link is not None:
            start, end = max(start, Fraction(link["start_ms"], 1000)), min(end, Fraction(link["end_ms"], 1000))
        if max(low, start) < min(high, end):
            low, high = max(low, start), min(high, end)
    middle = (low + high) / 2
    moments, words = [middle], [""]
    for row, link in zip(others, chosen, strict=True):
        start, end = span(row)
        moments.append(min(max(_moved(middle, link), start), (start + 3 * end) / 4))
        words.append("" if link is None else _words(link))
    return moments, words


def _words(link: Link) -> str:
    return ", ".join(part for part in (f"by {shown(link['how'], 40)}", _changes(link)) if part)


def _link(stay: Row, row: Row, links: Mapping[tuple[str, str], list[Link]]) -> Link | None:
    """The pair of the two clips' inputs that has the most of the first clip in it."""
    first, last = (float(moment) * 1000 for moment in span(stay))
    found = links.get((stay["source"], row["source"]), [])
    return max(found, key=lambda link: min(last, link["end_ms"]) - max(first, link["start_ms"]), default=None)


def _moved(moment: Fraction, link: Link | None, back: bool = False) -> Fraction:
    """A moment of one input as the same moment of the other, s."""
    if link is None:
        return moment
    speed = Fraction(link["speed"]).limit_denominator(100_000) or Fraction(1)
    here, there = Fraction(link["start_ms"], 1000), Fraction(link["other_start_ms"], 1000)
    return here + (moment - there) / speed if back else there + (moment - here) * speed

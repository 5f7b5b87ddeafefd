"""Who is in the clips: all persons in numbers, the largest and the most doubtful ones with their faces."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import Album, Card, Row, View
from curation.report.album import span as span_of
from curation.report.certificate import CERTIFICATE, thresholds
from curation.report.choice import spread
from curation.report.doubt import Doubt, doubtful
from curation.report.facts import Kind
from curation.report.histograms import Histogram, of_values, values_of
from curation.report.ledger import Ledger, ledger
from curation.report.words import clock, duration, number, several, shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

LARGEST: Final = 10  # persons with the most kept video
DOUBTFUL: Final = 6  # and so many of which most speaks for several people in one
FACES: Final = 6  # of a person
_CLIPS: Final = 24  # of a person that are listed
_ROWS: Final = 50  # persons in the table
_NAMES: Final = 4
_MODELS: Final = 8
_BRIDGES: Final = 3
_LABELS: Final = 6
COLUMNS: Final = ("identity", "identity_distance", "split", "split_note", "given_emotion", "duplicate_of")


@dataclass(frozen=True)
class Entry:
    """A person's line in the table; `anchor` is empty for one without a page."""

    id: str
    anchor: str
    kept: int
    others: int
    length: str
    bar: float
    tracks: int
    sources: int
    farthest: float | None
    margin: float | None


@dataclass(frozen=True)
class Size:
    """So many persons have so many kept clips; `bar` is in percent of the most persons."""

    words: str
    persons: int
    length: str
    bar: float


@dataclass(frozen=True)
class Spoken:
    """A clip of a person in words."""

    clip: str
    name: str
    span: str
    end: str
    split: str
    distance: float | None


@dataclass(frozen=True)
class Person:
    """A person's page.

    Args:
        entry: the numbers.
        why: why this person is shown.
        names: that datasets give, with the tracks that have them.
        splits: where the clips are, with their number.
        emotions: that datasets give, with the number of clips.
        bridging: tracks that are as near to somebody else.
        bridges: the other persons: (id, anchor or empty).
        bridges_left: those that are not listed.
        cards: faces.
        clips: listed clips.
        left: clips that are not listed.
    """

    entry: Entry
    why: str
    names: list[Kind]
    splits: list[Kind]
    emotions: list[Kind]
    bridging: int
    bridges: list[tuple[str, str]]
    bridges_left: int
    cards: list[Card]
    clips: list[Spoken]
    left: int


@dataclass(frozen=True)
class People:
    """All persons.

    Args:
        persons: how many there are.
        facts: what is said of them all: (words, value).
        models: the embedding models: name, tracks, and whether the licence forbids commercial use.
        settings: of the stage, as the recipe gives them.
        limits: largest mean distances within a person, where the recipe gives none and the certificate tells them.
        sizes: how many persons have how many kept clips, in ranges that double.
        distances: of the tracks to their person's mean.
        table: the persons with the most kept video.
        left: persons that are not in the table, their kept clips and the length of these.
        doubtful: the tracks with the smallest margins.
        pages: the persons that are shown.
    """

    persons: int
    facts: list[tuple[str, str]]
    models: list[tuple[str, int, bool]]
    settings: str
    limits: list[float]
    sizes: list[Size]
    distances: Histogram | None
    table: list[Entry]
    left: tuple[int, int, str]
    doubtful: list[Doubt]
    pages: list[Person]


def people(manifest: "Manifest", clips: pa.Table, album: Album) -> People | None:
    """Return the persons of a manifest; None where no face was looked at.

    Args:
        manifest: an opened one.
        clips: the columns `id`, `source`, `track`, `status`, `seconds` and COLUMNS, sorted by id.
        album: of the manifest.
    """
    identities = manifest.table("identities", ["id", "source", "identity", "distance", "margin", "given", "bridges"])
    embedded = manifest.table("embeddings", ["id", "model", "noncommercial"])
    if not identities.num_rows and not embedded.num_rows:
        return None
    book = ledger(identities, clips)
    pages = _pages(book)
    anchors = {book.ids[place].as_py(): f"person-{order + 1}" for order, place in enumerate(pages)}
    longest = float(book.seconds.max(initial=0.0)) or 1.0
    rows = book.by_length[:_ROWS]
    rest = book.by_length[_ROWS:]
    asked = _threshold(manifest.recipe)
    limits = [] if asked is not None else thresholds(manifest.root / CERTIFICATE)
    return People(
        persons=len(book),
        facts=_facts(manifest, book, identities, embedded, clips),
        models=_models(embedded),
        settings=settings_of(manifest.recipe, "identities"),
        limits=limits,
        sizes=_sizes(book),
        distances=_distances(identities, limits if asked is None else [asked]),
        table=[_entry(book, place, anchors, longest) for place in rows],
        left=(len(rest), int(book.kept[rest].sum()), duration(float(book.seconds[rest].sum()))),
        doubtful=doubtful(identities, clips, album, anchors),
        pages=_persons(book, pages, anchors, longest, identities, clips, album),
    )


def settings_of(recipe: Mapping[str, Any], stage: str) -> str:
    """What a recipe sets for a stage, in words; empty when it sets nothing."""
    settings = (recipe.get("stages") or {}).get(stage)
    if not isinstance(settings, Mapping):
        return ""
    return shown(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings.items()))


def _pages(book: Ledger) -> list[int]:
    """Places of the persons that are shown: the largest, then the most doubtful of the others."""
    largest = book.by_length[:LARGEST].tolist()
    doubtful = [place for place in book.by_doubt[: LARGEST + DOUBTFUL].tolist() if place not in largest]
    chosen = largest + doubtful[:DOUBTFUL]
    more = [place for place in book.by_length[: LARGEST + DOUBTFUL].tolist() if place not in chosen]
    return chosen + more[: LARGEST + DOUBTFUL - len(chosen)]


def _facts(
    manifest: "Manifest", book: Ledger, identities: pa.Table, embedded: pa.Table, clips: pa.Table
) -> list[tuple[str, str]]:
    tracks = manifest.table("tracks", ["confirmed"]).column("confirmed")
    kept = clips.filter(pc.equal(clips.column("status"), "kept")).column("identity")
    facts = [
        ("persons", f"{len(book):,}"),
        ("face tracks", f"{len(tracks):,}, of which {pc.sum(tracks).as_py() or 0:,} are confirmed faces"),
        ("tracks with an embedding", f"{pc.count_distinct(embedded.column('id')).as_py():,}"),
        ("tracks with an identity", f"{identities.num_rows:,}"),
        ("persons seen in one track only", f"{int((book.tracks <= 1).sum()):,}"),
        ("persons without a kept clip", f"{int((book.kept == 0).sum()):,}"),
        ("kept clips without an identity", f"{kept.null_count:,} of {len(kept):,}"),
        ("persons with tracks as near to another person", f"{int((book.bridging > 0).sum()):,}"),
        ("persons whose clips lie in several splits", f"{int((book.splits > 1).sum()):,}"),
    ]
    if identities.column("margin").null_count < identities.num_rows:
        nearer = pc.sum(pc.less_equal(identities.column("margin"), 0.0)).as_py() or 0
        facts.append(("tracks nearer to another person than to their own", f"{nearer:,}"))
    if identities.column("given").null_count < identities.num_rows:
        facts += [
            ("names that the datasets give", f"{pc.count_distinct(identities.column('given')).as_py():,}"),
            ("persons that hold several names", f"{int((book.names > 1).sum()):,}"),
            ("names that are spread over several persons", f"{_scattered(identities):,}"),
        ]
    return facts


def _scattered(identities: pa.Table) -> int:
    """Names of datasets whose tracks are several persons."""
    named = identities.filter(identities.column("given").is_valid())
    counts = named.group_by("given").aggregate([("identity", "count_distinct")]).column("identity_count_distinct")
    return pc.sum(pc.greater(counts, 1)).as_py() or 0


def _models(embedded: pa.Table) -> list[tuple[str, int, bool]]:
    rows = embedded.group_by(["model", "noncommercial"]).aggregate([([], "count_all")]).to_pylist()
    rows.sort(key=lambda row: (-row["count_all"], row["model"]))
    found = [(shown(row["model"], 80), row["count_all"], row["noncommercial"]) for row in rows[:_MODELS]]
    rest = rows[_MODELS:]
    if rest:
        forbidden = any(row["noncommercial"] for row in rest)
        found.append((several(len(rest), "other model"), sum(row["count_all"] for row in rest), forbidden))
    return found


def _sizes(book: Ledger) -> list[Size]:
    """Persons by their kept clips: none, 1, 2 to 3, 4 to 7, and so on; a few have most of the clips."""
    power = np.frexp(book.kept.astype(float))[1]  # 0 of none, 1 of one, 2 of two and three, ...
    persons = np.bincount(power)
    seconds = np.bincount(power, weights=book.seconds)
    most = persons.max(initial=1)
    found = []
    for place, (items, length) in enumerate(zip(persons.tolist(), seconds.tolist(), strict=True)):
        low, high = (1 << place) >> 1, max(0, (1 << place) - 1)
        words = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        found.append(Size(words, items, duration(length), round(100 * items / most, 2)))
    return found


def _threshold(recipe: Mapping[str, Any]) -> float | None:
    settings = (recipe.get("stages") or {}).get("identities")
    threshold = settings.get("threshold") if isinstance(settings, Mapping) else None
    return float(threshold) if isinstance(threshold, int | float) else None


def _distances(identities: pa.Table, limits: list[float]) -> Histogram | None:
    return of_values(
        "distance within a person",
        "from each track to the mean of the person's other tracks",
        values_of(identities.column("distance")),
        lines=tuple((limit, f"threshold {limit:g}") for limit in limits),
    )


def _entry(book: Ledger, place: int, anchors: Mapping[str, str], longest: float) -> Entry:
    identity, farthest, margin = book.ids[int(place)].as_py(), float(book.farthest[place]), float(book.margin[place])
    return Entry(
        id=shown(identity, 80),
        anchor=anchors.get(identity, ""),
        kept=int(book.kept[place]),
        others=int(book.others[place]),
        length=duration(float(book.seconds[place])),
        bar=round(100 * float(book.seconds[place]) / longest, 2),
        tracks=int(book.tracks[place]),
        sources=int(book.sources[place]),
        farthest=farthest if np.isfinite(farthest) else None,
        margin=margin if np.isfinite(margin) else None,
    )


def _persons(
    book: Ledger,
    pages: list[int],
    anchors: Mapping[str, str],
    longest: float,
    identities: pa.Table,
    clips: pa.Table,
    album: Album,
) -> list[Person]:
    ids = pa.array([book.ids[place].as_py() for place in pages], pa.string())
    codes = pc.index_in(clips.column("identity"), value_set=ids).fill_null(-1).to_numpy()
    tracks = identities.filter(pc.is_in(identities.column("identity"), value_set=ids))
    listed, faces = [], []
    kept = pc.equal(clips.column("status"), "kept").to_numpy()
    sources = pc.rank(clips.column("source"), tiebreaker="dense").to_numpy()
    for order in range(len(pages)):
        mine = np.flatnonzero(codes == order)
        faces.append(_faces(mine, kept, sources, clips))
        listed.append(sorted({*mine[np.argsort(~kept[mine], kind="stable")][:_CLIPS].tolist(), *faces[-1]}))
    rows = album.rows((place for places in listed for place in places), COLUMNS)
    views = {place: View(rows[place], face=True) for places in faces for place in places}
    taken = dict(zip(views, album.pictures(list(views.values())), strict=True))
    found = []
    for order, place in enumerate(pages):
        own = tracks.filter(pc.equal(tracks.column("identity"), ids[order])).select(["given", "bridges"]).to_pylist()
        person = _person(_entry(book, place, anchors, longest), own, clips.filter(pa.array(codes == order)), anchors)
        found.append(
            replace(
                person,
                why=_why(order, book, place),
                cards=[album.card(views[face], taken[face], _caption(rows[face])) for face in faces[order]],
                clips=_listed([rows[at] for at in listed[order]], album),
                left=person.left - len(listed[order]),
            )
        )
    return found


def _person(entry: Entry, tracks: list[Row], clips: pa.Table, anchors: Mapping[str, str]) -> Person:
    """A person in words, without pictures; all clips are still left."""
    bridges = sorted({other for row in tracks for other in row["bridges"]})
    return Person(
        entry=entry,
        why="",
        names=_tally([row["given"] for row in tracks], _NAMES),
        splits=_tally(_split_words(clips), _NAMES),
        emotions=_tally(clips.column("given_emotion").to_pylist(), _LABELS),
        bridging=sum(bool(row["bridges"]) for row in tracks),
        bridges=[(shown(other, 80), anchors.get(other, "")) for other in bridges[:_BRIDGES]],
        bridges_left=max(0, len(bridges) - _BRIDGES),
        cards=[],
        clips=[],
        left=clips.num_rows,
    )


def _why(order: int, book: Ledger, place: int) -> str:
    if order < LARGEST:
        return ""
    if book.names[place] > 1:
        return "Perhaps several people: the datasets give several names."
    if book.bridging[place]:
        return "Perhaps several people: some tracks are as near to another person."
    if np.isfinite(book.margin[place]):
        if book.margin[place] <= 0:
            return "Perhaps several people: some tracks are nearer to another person."
        return f"One of the smallest margins: the next person is {number(float(book.margin[place]))} farther."
    return "One of the largest distances to a person's mean." if book.farthest[place] > 0 else ""


def _faces(mine: np.ndarray, kept: np.ndarray, sources: np.ndarray, clips: pa.Table) -> tuple[int, ...]:
    """Clips whose face is shown: spread over the inputs, kept ones first, and the one farthest from the mean."""
    held, rest = mine[kept[mine]], mine[~kept[mine]]
    chosen = spread(held, sources, FACES) if len(held) else ()
    if len(chosen) < FACES and len(rest):
        chosen = (*chosen, *spread(rest, sources, FACES - len(chosen)))
    distances = values_of(clips.column("identity_distance").take(pa.array(mine)))
    if np.isfinite(distances).any():
        farthest = int(mine[int(np.nanargmax(distances))])
        chosen = chosen if farthest in chosen else (*chosen[: FACES - 1], farthest)
    return tuple(sorted(chosen))


def _caption(row: Row) -> str:
    distance = row["identity_distance"]
    words = "" if distance is None else f", {number(distance)} from the mean"
    return f"{row['status']}{words}"


def _split_words(mine: pa.Table) -> list[str | None]:
    rows = mine.select(["status", "split", "split_note"]).to_pylist()
    return [row["split"] or (row["status"] == "kept" and (row["split_note"] or "no split")) or None for row in rows]


def _tally(labels: list[Any], most: int) -> list[Kind]:
    """The most frequent labels with their numbers, the rare ones of a long list as one."""
    counts: dict[str, int] = {}
    for label in labels:
        if label is not None:
            counts[label] = counts.get(label, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    found = [Kind(shown(label, 60), items) for label, items in ordered[:most]]
    rest = ordered[most:]
    return [*found, Kind(several(len(rest), "other"), sum(items for _, items in rest))] if rest else found


def _listed(rows: list[Row], album: Album) -> list[Spoken]:
    ordered = sorted(rows, key=lambda row: (album.name(row["source"]), *span_of(row), row["id"]))
    return [
        Spoken(
            clip=shown(row["id"], 80),
            name=album.name(row["source"]),
            span=" to ".join(clock(float(moment)) for moment in span_of(row)),
            end=row["status"] if row["status"] == "kept" else shown(", ".join(row["reasons"]) or row["status"], 80),
            split=shown(row["split"] or row["split_note"] or "–", 60),
            distance=row["identity_distance"],
        )
        for row in ordered
    ]

"""Who is who: the face tracks of the whole manifest as persons, whose ids stay when sources come and go."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from curation.errors import CurationError
from curation.stage import ManifestStage, Tables, Whole

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 22  # distances held at once


FARTHEST = 2.0  # two vectors of length 1 are never farther apart


@dataclass(frozen=True)
class Identities(ManifestStage):
    """Gives each embedded face track a person.

    Two tracks of one source that overlap in time are two persons; all tracks of sources that a data set gives one name
    are one person, of different names different ones. Embeddings of different models are never compared. Persons of
    the last snapshot keep their tracks: a new track joins one of them or founds a new one, and where it is near
    several, `bridges` names the others.

    Args:
        threshold: largest mean distance of two clusters of tracks that are one person; None takes the embedding
            model's own (`perception.embedding.SAME_PERSON`).
        trust_given: use the names that data sets give; else faces alone decide.
    """

    name: ClassVar[str] = "identities"
    version: ClassVar[int] = 1

    threshold: float | None = None
    trust_given: bool = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= FARTHEST:
            raise ValueError(f"threshold lies above 0 and is at most {FARTHEST:g}")

    def run(self, manifest: Whole) -> Tables:
        """The table `identities`, a row per embedded track, and each clip's person."""
        tracks = _Tracks(manifest, self.trust_given)
        previous = manifest.previous("identities")
        known = _known(previous, tracks)
        persons = np.full(len(tracks.ids), None, object)
        bridges: list[list[str]] = [[] for _ in tracks.ids]
        taken = _taken(previous, set(tracks.models))
        for rows in tracks.by_model():
            self._name(tracks, rows, known, taken, persons, bridges)
        there = set(persons.tolist())
        distance, margin = _distances(tracks, persons)
        table = _table(tracks, persons, distance, margin, [[p for p in near if p in there] for near in bridges])
        return {"identities": table, "clips": _clips(manifest, table)}

    def _name(
        self,
        tracks: "_Tracks",
        rows: np.ndarray,
        known: dict[str, tuple[str, list[str]]],
        taken: set[str],
        persons: np.ndarray,
        bridges: list[list[str]],
    ) -> None:
        """Give the tracks of one model their persons and bridges, in place."""
        from perception.persons import assign

        ids = [tracks.ids[row] for row in rows]
        names = sorted({known[track][0] for track in ids if track in known})
        number = {name: index for index, name in enumerate(names)}
        old = np.array([number[known[track][0]] if track in known else -1 for track in ids], np.int64)
        inside = np.full(len(tracks.ids), -1, np.int64)
        inside[rows] = np.arange(len(rows))
        pairs = inside[tracks.together()]
        groups = [inside[group][inside[group] >= 0] for group in tracks.named()]
        found = assign(
            tracks.vectors(rows),
            old,
            self._limit(tracks.models[rows[0]]),
            pairs[(pairs >= 0).all(axis=1)],
            groups,
            tracks.names[rows],
            ids,
        )
        for index in np.unique(found.labels).tolist()[len(names) :]:
            first = min(ids[row] for row in np.flatnonzero(found.labels == index))
            names.append(_free_id(first, taken))
        for place, row in enumerate(rows.tolist()):
            persons[row] = names[found.labels[place]]
            former = known[ids[place]][1] if ids[place] in known else []
            bridges[row] = sorted([*former, *(names[other] for other in found.bridges.get(place, ()))])

    def _limit(self, model: str) -> float:
        from perception.embedding import SAME_PERSON

        if self.threshold is not None:
            return self.threshold
        limit = SAME_PERSON.get(re.split("[@/]", model)[0])
        if limit is None:
            raise CurationError(f"no distance is known for faces embedded by {model}: set stages.identities.threshold")
        return limit


class _Tracks:
    """The embedded tracks of a manifest by id, with what is known of them beside their faces.

    Attributes:
        ids, sources, models: of each track.
        names: [tracks, data sets] int, the person that a data set names for the whole source, -1 for none.
        given: that person's name, of the first data set that gives one.
    """

    def __init__(self, manifest: Whole, trust_given: bool) -> None:
        import pyarrow.compute as pc

        embeddings = manifest.table("embeddings", ["id", "source", "model", "vector"])
        embeddings = embeddings.filter(pc.greater(pc.list_value_length(embeddings.column("vector")), 0))
        self._embeddings = embeddings.sort_by("id").combine_chunks()
        self.ids: list[str] = self._embeddings.column("id").to_pylist()
        self.sources: list[str] = self._embeddings.column("source").to_pylist()
        self.models: list[str] = self._embeddings.column("model").to_pylist()
        self._spans = _spans(manifest, self.ids)
        names, self.given = _given(manifest, self.sources)
        self.names = names if trust_given else names[:, :0]

    def by_model(self) -> Iterable[np.ndarray]:
        """The rows of each embedding model, in the order of the models' names."""
        models = np.array(self.models, str)
        for model in sorted(set(self.models)):
            yield np.flatnonzero(models == model)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """[rows, d] float32, of tracks of one model."""
        import pyarrow as pa

        column = self._embeddings.column("vector").take(pa.array(rows)).combine_chunks()
        return np.asarray(column.flatten()).reshape(len(rows), -1)

    def together(self) -> np.ndarray:
        """[m, 2] rows of two tracks of one source that overlap in time: two faces of one frame."""
        of_source: dict[str, list[int]] = {}
        for row, source in enumerate(self.sources):
            of_source.setdefault(source, []).append(row)
        found = []
        for rows in of_source.values():
            rows.sort(key=lambda row: self._spans[row])
            for place, row in enumerate(rows):
                for other in rows[place + 1 :]:
                    if self._spans[other][0] >= self._spans[row][1]:
                        break
                    found.append((row, other))
        return np.array(found, np.int64).reshape(-1, 2)

    def named(self) -> list[np.ndarray]:
        """Rows that a data set gives one name, per data set and name."""
        from perception.clusters import members_of

        known = [np.flatnonzero(column >= 0) for column in self.names.T]
        return [
            rows for column, some in zip(self.names.T, known, strict=True) for rows in members_of(column[some], some)
        ]


def _spans(manifest: Whole, ids: list[str]) -> list[tuple[int, int]]:
    """First frame and first frame after each track; nothing for a track that is not there."""
    tracks = manifest.table("tracks", ["id", "start_frame", "end_frame"])
    columns = [tracks.column(name).to_pylist() for name in ("id", "start_frame", "end_frame")]
    spans = {track: (start, end) for track, start, end in zip(*columns, strict=True)}
    return [spans.get(track, (0, 0)) for track in ids]


def _given(manifest: Whole, sources: list[str]) -> tuple[np.ndarray, list[str | None]]:
    """[tracks, data sets] int and the names, where all that a data set says of a whole source names one person."""
    labels = manifest.table("labels", ["source", "dataset", "start_pts", "identity"])
    said: dict[tuple[str, str], set[str]] = {}
    columns = [labels.column(name).to_pylist() for name in ("source", "dataset", "start_pts", "identity")]
    for source, dataset, start, name in zip(*columns, strict=True):
        if start is None and name is not None:
            said.setdefault((source, dataset), set()).add(name)
    single = {place: min(names) for place, names in said.items() if len(names) == 1}
    datasets = sorted({dataset for _, dataset in single})
    names = np.full((len(sources), len(datasets)), -1, np.int64)
    number: dict[tuple[str, str], int] = {}
    given: list[str | None] = [None] * len(sources)
    for row, source in enumerate(sources):
        for column, dataset in enumerate(datasets):
            told = single.get((source, dataset))
            if told is not None:
                names[row, column] = number.setdefault((dataset, told), len(number))
                given[row] = given[row] or told
    return names, given


def _known(previous: "pa.Table | None", tracks: _Tracks) -> dict[str, tuple[str, list[str]]]:
    """Track -> its person and bridges of the last snapshot, of tracks that are still there and embedded alike."""
    if previous is None:
        return {}
    models = dict(zip(tracks.ids, tracks.models, strict=True))
    columns = [previous.column(name).to_pylist() for name in ("id", "model", "identity", "bridges")]
    rows = zip(*columns, strict=True)
    return {track: (person, near) for track, model, person, near in rows if models.get(track) == model}


def _taken(previous: "pa.Table | None", models: set[str]) -> set[str]:
    """The ids of persons that these models told apart before, also of those who are not there now."""
    if previous is None:
        return set()
    said = zip(*(previous.column(name).to_pylist() for name in ("identity", "model")), strict=True)
    return {person for person, model in said if model in models}


def _free_id(track: str, taken: set[str]) -> str:
    """The id of a person first seen in this track, another one if a person of that id lives on in other tracks."""
    from manifests.schema import make_id

    person, again = make_id("identity", track), 0
    while person in taken:
        again += 1
        person = make_id("identity", track, again)
    taken.add(person)
    return person


def _distances(tracks: _Tracks, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each track to the mean of its person's others, and how much farther the nearest other mean is."""
    distance, margin = np.full(len(persons), np.nan), np.full(len(persons), np.nan)
    for rows in tracks.by_model():
        points = tracks.vectors(rows).astype(np.float64)
        people, own = np.unique(persons[rows].astype(str), return_inverse=True)
        counts = np.bincount(own).astype(np.float64)
        sums = np.zeros((len(people), points.shape[1]))
        np.add.at(sums, own, points)
        several = counts[own] > 1
        others = (sums[own] - points) / np.maximum(counts[own] - 1, 1)[:, None]
        apart = np.where(several, np.linalg.norm(points - others, axis=1), np.nan)
        distance[rows] = apart
        if len(people) > 1:
            margin[rows] = _nearest_other(points, sums / counts[:, None], own) - apart
    return distance, margin


def _nearest_other(points: np.ndarray, means: np.ndarray, own: np.ndarray) -> np.ndarray:
    """[n] distance of each point to the nearest mean that is not its own person's."""
    squares, nearest = np.einsum("ij,ij->i", means, means), np.empty(len(points))
    step = max(1, _BLOCK // len(means))
    for begin in range(0, len(points), step):
        block = points[begin : begin + step]
        square = np.einsum("ij,ij->i", block, block)[:, None] + squares - 2 * (block @ means.T)
        square[np.arange(len(block)), own[begin : begin + step]] = np.inf
        nearest[begin : begin + step] = np.sqrt(np.maximum(square.min(axis=1), 0))
    return nearest


def _table(
    tracks: _Tracks, persons: np.ndarray, distance: np.ndarray, margin: np.ndarray, bridges: list[list[str]]
) -> "pa.Table":
    import pyarrow as pa

    from manifests.schema import table_from_columns

    columns: dict[str, Any] = {"id": tracks.ids, "source": tracks.sources, "identity": persons.tolist()}
    columns["model"] = tracks.models
    columns["distance"] = pa.array(distance.astype(np.float32), from_pandas=True)
    columns["margin"] = pa.array(margin.astype(np.float32), from_pandas=True)
    return table_from_columns("identities", columns | {"given": tracks.given, "bridges": bridges})


def _clips(manifest: Whole, identities: "pa.Table") -> "pa.Table":
    """The person of each clip's track."""
    import pyarrow as pa
    import pyarrow.compute as pc

    clips = manifest.table("clips", ["id", "track"])
    where = pc.index_in(clips.column("track"), value_set=identities.column("id").combine_chunks())
    return pa.table(
        {
            "id": clips.column("id"),
            "identity": identities.column("identity").take(where),
            "identity_distance": identities.column("distance").take(where),
        }
    )

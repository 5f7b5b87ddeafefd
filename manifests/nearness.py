"""How near the faces of two splits come: stored embeddings compared, in bounded memory."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BLOCK: Final = 1 << 22  # distances held at once
_ALL: Final = 1 << 31  # up to this many pairs of tracks are all compared
_PERSONS: Final = 100  # beyond that, the tracks of so many nearest pairs of persons


class Faces:
    """The embedded tracks of clips that are in a split.

    Attributes:
        models: of the embeddings, sorted.
        tracks, clips, persons, splits, model: [tracks] text; the clip is a track's first by id.
    """

    def __init__(self, embeddings: pa.Table, placed: pa.Table) -> None:
        seen = placed.filter(pc.and_(placed.column("track").is_valid(), placed.column("identity").is_valid()))
        first = seen.group_by("track", use_threads=False).aggregate(
            [("id", "min"), ("split", "min"), ("identity", "min")]
        )
        where = pc.index_in(first.column("track"), value_set=embeddings.column("id").combine_chunks())
        first = first.append_column("row", where).filter(where.is_valid()).sort_by("track")
        own = embeddings.take(first.column("row"))
        self.tracks, self.clips, self.splits, self.persons = (
            np.asarray(first.column(name).to_pylist(), object)
            for name in ("track", "id_min", "split_min", "identity_min")
        )
        self.model = np.asarray(own.column("model").to_pylist(), object)
        self.models: list[str] = sorted(set(self.model.tolist()))
        self._vectors = own.column("vector").combine_chunks()

    def of(self, split: str, model: str) -> np.ndarray:
        """The rows of one split and model."""
        return np.flatnonzero((self.splits == split) & (self.model == model))

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """[rows, d] float64, of tracks of one model."""
        return np.asarray(self._vectors.take(pa.array(rows)).flatten(), np.float64).reshape(len(rows), -1)

    def people(self, rows: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The means [p, d] of the persons of some rows, in the order of their ids, and the rows of each."""
        _, own = np.unique(self.persons[rows].astype(str), return_inverse=True)
        points = self.vectors(rows)
        sums = np.zeros((int(own.max()) + 1, points.shape[1]))
        np.add.at(sums, own, points)
        counts = np.bincount(own)
        return sums / counts[:, None], np.split(rows[np.argsort(own, kind="stable")], np.cumsum(counts)[:-1])


def nearest_pairs(faces: Faces, first: str, second: str, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The nearest pairs of tracks of two splits, and whether all pairs were compared.

    Up to 2 ** 31 pairs of tracks are all compared. Beyond, the 100 pairs of persons whose means are nearest are found
    first, exactly, and all of their tracks compared: a nearer pair of persons that are far on average may be missed.
    """
    found: list[tuple[float, int, int]] = []
    exact = True
    for model in faces.models:
        one, two = faces.of(first, model), faces.of(second, model)
        if not len(one) or not len(two):
            continue
        if len(one) * len(two) <= _ALL:
            found += _smallest(faces.vectors(one), faces.vectors(two), most, one, two)
            continue
        exact = False
        (means, rows), (others, columns) = faces.people(one), faces.people(two)
        for _, a, b in _smallest(means, others, _PERSONS, np.arange(len(means)), np.arange(len(others))):
            found += _smallest(faces.vectors(rows[a]), faces.vectors(columns[b]), most, rows[a], columns[b])
    pairs = [
        {
            "distance": distance,
            "tracks": [faces.tracks[a], faces.tracks[b]],
            "clips": [faces.clips[a], faces.clips[b]],
            "identities": [faces.persons[a], faces.persons[b]],
            "model": faces.model[a],
        }
        for distance, a, b in sorted(found)[:most]
    ]
    return pairs, exact


def within(
    faces: Faces, model: str, held: Sequence[str], other: str, distances: Sequence[float]
) -> tuple[int, dict[float, int]]:
    """How many persons of some splits there are, and how many lie within each distance of a person of another split.

    The distance of two persons is the mean of those of all pairs of their tracks; it is at least that of their means,
    so that only persons whose means are near are measured.

    Args:
        faces: of all splits.
        model: beginning of the names of the embedding models that count.
        held: splits whose persons are counted.
        other: the split that they are compared with.
        distances: ascending.
    """
    count, near = 0, dict.fromkeys(distances, 0)
    for name in (name for name in faces.models if name.startswith(model)):
        one = np.sort(np.concatenate([faces.of(split, name) for split in held]))
        two = faces.of(other, name)
        if not len(one):
            continue
        means, rows = faces.people(one)
        count += len(rows)
        if not len(two):
            continue
        others, columns = faces.people(two)
        for mean, tracks in zip(means, rows, strict=True):
            points = faces.vectors(tracks)
            apart = np.linalg.norm(others - mean, axis=1)
            best = np.inf
            for candidate in np.argsort(apart, kind="stable"):
                if apart[candidate] > min(best, distances[-1]):
                    break
                best = min(best, float(_distances(points, faces.vectors(columns[candidate])).mean()))
            for distance in distances:
                near[distance] += best <= distance
    return count, near


def _smallest(
    points: np.ndarray, others: np.ndarray, most: int, rows: np.ndarray, columns: np.ndarray
) -> list[tuple[float, int, int]]:
    """The smallest distances of all pairs, with the names of their rows and columns; equal ones by these."""
    best: list[tuple[float, int, int]] = []
    step = max(1, _BLOCK // len(others))
    for begin in range(0, len(points), step):
        found = _distances(points[begin : begin + step], others)
        flat = found.reshape(-1)
        limit = np.partition(flat, most - 1)[most - 1] if len(flat) > most else np.inf
        if len(best) == most:
            limit = min(limit, best[-1][0])
        near = [*np.flatnonzero(flat < limit).tolist(), *np.flatnonzero(flat == limit)[:most].tolist()]
        for place in near:
            row, column = divmod(place, len(others))
            best.append((round(float(flat[place]), 9), int(rows[begin + row]), int(columns[column])))
        best = sorted(best)[:most]
    return best


def _distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    square = np.einsum("ij,ij->i", points, points)[:, None] + np.einsum("ij,ij->i", others, others)
    return np.sqrt(np.maximum(square - 2 * (points @ others.T), 0))

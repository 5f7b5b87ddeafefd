"""New face tracks among known persons: those keep their tracks and never merge or split.

A cluster of new tracks joins the known person with the smallest mean distance to all of that person's tracks; one that
lies near several joins the nearest and bridges to the others, which a split must know of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from perception.clusters import (
    SLACK,
    TIE,
    Pairs,
    agreed,
    as_names,
    as_pairs,
    cluster,
    differ,
    foes_of,
    mean_distance,
    members_of,
)


@dataclass(frozen=True)
class Assignment:
    """Tracks added to known persons.

    Args:
        labels: [n] int64, the number of each track's person; known persons keep theirs, new ones follow the largest.
        bridges: new row -> other known persons, sorted, that its cluster lies within the threshold of.
    """

    labels: np.ndarray
    bridges: dict[int, tuple[int, ...]]


def assign(
    vectors: np.ndarray,
    old: np.ndarray,
    threshold: float,
    cannot: Pairs = (),
    must: Iterable[Sequence[int] | np.ndarray] = (),
    names: np.ndarray | None = None,
    ids: Sequence[str] | None = None,
) -> Assignment:
    """Add tracks to persons that are known; those never merge, split or change.

    New tracks are clustered among themselves. Each of their clusters, the nearest first, joins the known person with
    the smallest mean distance to all of that person's former tracks, if it is within the threshold (or `must` says so)
    and nothing forbids it; else it is a new person. Two clusters that must stay apart never join the same person.

    Args:
        vectors: [n, d] float.
        old: [n] int, the person of each known track, -1 for a new track.
        threshold, cannot, must, names, ids: as for `cluster`.
    """
    old = np.asarray(old, np.int64)
    groups = [np.asarray(group, np.int64) for group in must]
    pairs, known = as_pairs(cannot), as_names(names, len(old))
    fresh = np.flatnonzero(old < 0)
    labels = np.array(old)
    if not len(fresh):
        return Assignment(labels, {})
    inside = np.full(len(old), -1, np.int64)
    inside[fresh] = np.arange(len(fresh))
    among = cluster(
        np.asarray(vectors)[fresh],
        threshold,
        inside[pairs[(old[pairs] < 0).all(axis=1)]],
        [inside[group[old[group] < 0]] for group in groups],
        known[fresh],
        None if ids is None else [ids[row] for row in fresh.tolist()],
    )
    members = [fresh[found] for found in members_of(among)]
    joins, bridges = _Joining(np.asarray(vectors, np.float64), old, members, pairs, groups, known, threshold).run()
    following = int(old.max(initial=-1)) + 1
    for number, rows in enumerate(members):
        if number not in joins:
            joins[number], following = following, following + 1
        labels[rows] = joins[number]
    near = {int(row): bridges[number] for number, rows in enumerate(members) if number in bridges for row in rows}
    return Assignment(labels, near)


class _Joining:
    """New clusters and the known persons that they may join."""

    def __init__(
        self,
        points: np.ndarray,
        old: np.ndarray,
        members: list[np.ndarray],
        pairs: np.ndarray,
        groups: list[np.ndarray],
        names: np.ndarray,
        threshold: float,
    ) -> None:
        self.points, self.members, self.threshold = points, members, threshold
        self.persons = np.unique(old[old >= 0])
        number = np.where(old >= 0, np.searchsorted(self.persons, old), -1)
        self.tracks = members_of(number[old >= 0], np.flatnonzero(old >= 0))
        fresh = np.full(len(old), -1, np.int64)
        for index, rows in enumerate(members):
            fresh[rows] = index
        self.names = np.array([agreed(names[rows])[0] for rows in members])
        self.known = np.array([agreed(names[rows])[0] for rows in self.tracks]).reshape(
            len(self.tracks), names.shape[1]
        )
        self.foes = foes_of(members, pairs, len(old))
        self.strangers: list[set[int]] = [set() for _ in members]
        for first, second in np.concatenate([pairs, pairs[:, ::-1]]).tolist():
            if fresh[first] >= 0 and number[second] >= 0:
                self.strangers[fresh[first]].add(int(number[second]))
        self.told: list[set[int]] = [set() for _ in members]
        for group in groups:
            persons = set(np.unique(number[group][number[group] >= 0]).tolist())
            for index in np.unique(fresh[group][fresh[group] >= 0]).tolist():
                self.told[index] |= persons

    def run(self) -> tuple[dict[int, int], dict[int, tuple[int, ...]]]:
        """The person that each cluster joins, and for each cluster the other persons that it is near."""
        near = sorted(self._near())
        joined: dict[int, int] = {}
        guests: dict[int, set[int]] = {}
        refused: set[tuple[int, int]] = set()
        for _, _, index, person in near:
            apart = self.foes[index] & guests.get(person, set())
            if apart or differ(self.known[person], self.names[index]).any():
                refused.add((index, person))
            elif index not in joined:
                joined[index] = person
                guests.setdefault(person, set()).add(index)
                self.known[person] = np.maximum(self.known[person], self.names[index])
        bridges: dict[int, set[int]] = {}
        for _, _, index, person in near:
            if joined.get(index, person) != person and (index, person) not in refused:
                bridges.setdefault(index, set()).add(person)
        named = {index: tuple(int(self.persons[p]) for p in sorted(others)) for index, others in bridges.items()}
        return {index: int(self.persons[person]) for index, person in joined.items()}, named

    def _near(self) -> Iterable[tuple[bool, float, int, int]]:
        """(measured rather than told, mean distance, cluster, person) of all that may be joined."""
        if not self.tracks:
            return
        means = np.stack([self.points[rows].mean(axis=0) for rows in self.tracks])
        squares = np.einsum("ij,ij->i", means, means)
        for index, rows in enumerate(self.members):
            mean = self.points[rows].mean(axis=0)
            bound = squares + mean @ mean - 2 * (means @ mean) - SLACK * (squares + mean @ mean)
            told = self.told[index]
            for person in sorted(told | set(np.flatnonzero(bound <= self.threshold**2).tolist())):
                if person in self.strangers[index] or differ(self.known[person], self.names[index]).any():
                    continue
                distance = mean_distance(self.points[rows], self.points[self.tracks[person]])
                if person in told or distance <= self.threshold:
                    yield person not in told, round(distance / TIE) * TIE, index, person

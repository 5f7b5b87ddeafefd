"""What clips have in common, so that a split does not part it: persons, names, sources, duplicates.

A node is a person, a data set's name for one, or a source; a clip has one or more. A node is bound to a split once
one of its clips is in it, and stays so.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FREE: Final = -1
GIVEN: Final = "given:"


class Ties:
    """The kept clips, and the nodes that each of them has.

    Attributes:
        count: kept clips.
        names: [nodes] text.
        pins: [nodes] int, the split that each node is bound to, or FREE.
        key: [clips] the node that a clip has first: its person, else its given name, else its source.
        late: [clips] bool, clips of whose person nothing is known while their source shows others that are known and is
            bound to nothing: they follow those when all else is decided.
        source: [clips] int, the place of its source among all.
        told: [clips] bool, whose person has an identity or a name.
    """

    def __init__(
        self, clips: pa.Table, kept: np.ndarray, identities: pa.Table | None, previous: pa.Table, splits: pa.Array
    ) -> None:
        table = clips.take(pa.array(kept))
        self.count = len(kept)
        given = pc.binary_join_element_wise(GIVEN, table.column("dataset"), "/", table.column("given_identity"), "")
        person = pc.coalesce(table.column("identity"), given)
        key = pc.coalesce(person, table.column("source"))
        self.told = _valid(person)
        self.source = _codes(table.column("source"))
        mixed = _among(self.source, self.source[self.told]) & _among(self.source, self.source[~self.told])
        bound = pc.is_in(table.column("source"), value_set=_whole(previous.column("id")))
        self.late = ~self.told & mixed & ~_true(bound)
        self._own = [np.arange(self.count), np.flatnonzero(_valid(given))]
        beside = _stays(table, key, ~self.told & mixed)
        near, persons = _bridges(table, identities)
        rows = [*self._own, near, beside[0]]
        columns = [key, given.take(pa.array(self._own[1])), persons, beside[1]]
        coded = _whole(pa.chunked_array([_whole(column) for column in columns], pa.string())).dictionary_encode()
        self.names = coded.dictionary
        self._rows, self._nodes = np.concatenate(rows), coded.indices.to_numpy().astype(np.int64)
        self.key = self._nodes[: self.count]
        self._seconds = table.column("seconds").to_numpy()
        where = pc.index_in(self.names, value_set=_whole(previous.column("id")))
        split = pc.index_in(_whole(previous.column("split")), value_set=splits).take(where)
        self.pins = pc.fill_null(split, FREE).to_numpy(zero_copy_only=False).astype(np.int64)

    def touched(self, rows: np.ndarray, pins: np.ndarray) -> np.ndarray:
        """[clips] bit set of the splits that the nodes of some clips ([clips] bool) are bound to, 0 for other clips."""
        use = rows[self._rows] & (pins[self._nodes] != FREE)
        return _bits(self._rows[use], 1 << pins[self._nodes[use]], self.count)

    def groups(self, rows: np.ndarray) -> np.ndarray:
        """[nodes] nodes that are bound to nothing, numbered by the smallest that some clips join them with; else -1."""
        use = rows[self._rows] & (self.pins[self._nodes] == FREE)
        return _connected(self._rows[use], self._nodes[use], len(self.pins))

    def reached(self, rows: np.ndarray, touches: np.ndarray) -> np.ndarray:
        """[clips] bit set of the splits that some clips touch, themselves or by way of unbound nodes in common."""
        group = self.groups(rows)
        use = rows[self._rows] & (group[self._nodes] >= 0)
        places = group[self._nodes[use]]
        of_group = _bits(places, touches[self._rows[use]], len(group))
        return touches | _bits(self._rows[use], of_group[places], self.count)

    def units(self, free: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """The unit of each of some clips (rows) that are bound to nothing, and the smallest name of a node of each."""
        rows = np.zeros(self.count, bool)
        rows[free] = True
        group = self.groups(rows)
        labels, units = np.unique(group[self.key[free]], return_inverse=True)
        inside = np.flatnonzero(group >= 0)
        names = np.asarray(self.names.take(pa.array(inside)).to_pylist(), object)
        order = np.argsort(names, kind="stable")[::-1]
        smallest = np.empty(len(labels), object)
        smallest[np.searchsorted(labels, group[inside[order]])] = names[order]
        return units, smallest.tolist()

    def bound(self, found: np.ndarray) -> np.ndarray:
        """[nodes] the split that each node is bound to when clips are in these splits ([clips], FREE for none)."""
        pins = np.array(self.pins)
        use = (found[self._rows] != FREE) & ~self.late[self._rows]
        pins[self._nodes[use]] = found[self._rows[use]]
        late = self.late & (found != FREE)
        pins[self.key[late]] = found[late]
        return pins

    def counts(self, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[nodes] clips that are in a split, and their seconds."""
        own = sum(len(rows) for rows in self._own)
        rows, nodes = self._rows[:own], self._nodes[:own]
        first = np.ones(own, bool)
        first[self.count :] = self.key[rows[self.count :]] != nodes[self.count :]  # a name that is the key counts once
        use = first & (found[rows] != FREE)
        count = np.bincount(nodes[use], minlength=len(self.pins))
        return count, np.bincount(nodes[use], weights=self._seconds[rows[use]], minlength=len(self.pins))


def _stays(table: pa.Table, key: pa.ChunkedArray, unsure: np.ndarray) -> tuple[np.ndarray, pa.Array]:
    """Duplicates, and the key of the kept clip that stays in their place, if it is sure whom both show."""
    where = pc.index_in(table.column("duplicate_of"), value_set=_whole(table.column("id")))
    rows = np.flatnonzero(_valid(where))
    other = _whole(where.take(pa.array(rows))).to_numpy(zero_copy_only=False).astype(np.int64)
    sure = ~unsure[rows] & ~unsure[other]
    return rows[sure], key.take(pa.array(other[sure]))


def _bridges(table: pa.Table, identities: pa.Table | None) -> tuple[np.ndarray, pa.Array]:
    """The other persons that a clip's track is near to."""
    if identities is None:
        return np.zeros(0, np.int64), pa.array([], pa.string())
    some = identities.filter(pc.greater(pc.list_value_length(identities.column("bridges")), 0))
    where = pc.index_in(table.column("track"), value_set=_whole(some.column("id")))
    rows = np.flatnonzero(_valid(where) & _valid(table.column("identity")))
    lists = _whole(some.column("bridges")).take(_whole(where.take(pa.array(rows))))
    return rows[pc.list_parent_indices(lists).to_numpy()], lists.flatten()


def _connected(rows: np.ndarray, nodes: np.ndarray, count: int) -> np.ndarray:
    """[count] the smallest node of each node's component, nodes of one row being connected; -1 for unused nodes."""
    label = np.arange(count)
    order = np.argsort(rows, kind="stable")
    rows, sorted_nodes = rows[order], nodes[order]
    together = rows[1:] == rows[:-1]
    first, second = sorted_nodes[:-1][together], sorted_nodes[1:][together]
    while not np.array_equal(label[first], label[second]):
        one, other = label[first], label[second]
        low = np.minimum(one, other)
        np.minimum.at(label, one, low)
        np.minimum.at(label, other, low)
        while not np.array_equal(label, label[label]):
            label = label[label]
    used = np.zeros(count, bool)
    used[nodes] = True
    return np.where(used, label, FREE)


def _bits(places: np.ndarray, bits: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros(count, np.int64)
    np.bitwise_or.at(found, places, bits)
    return found


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    return _whole(column).dictionary_encode().indices.to_numpy().astype(np.int64)


def _among(values: np.ndarray, some: np.ndarray) -> np.ndarray:
    """[values] bool, whether a place occurs among some."""
    there = np.zeros(int(values.max(initial=-1)) + 1, bool)
    there[some] = True
    return there[values]


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _true(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return _whole(column).to_numpy(zero_copy_only=False).astype(bool)


def _valid(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return _true(column.is_valid())

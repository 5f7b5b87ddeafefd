"""Which face tracks are one person: average-linkage clusters of embeddings, exact and in bounded memory.

Average linkage (Sokal and Michener, 1958) merges the two clusters whose tracks lie nearest on average, until no two lie
within the threshold. Found by chains of nearest neighbours (Murtagh, 1983): the result is that of merging the nearest
pair first, because a merged cluster is never nearer to a third than the nearer of its parts was; that stays true when
clusters that must not meet count as infinitely far. Two facts keep it small: the mean distance of two clusters is at
least the distance of their means, so that only few are measured; and two clusters within the threshold have a pair of
tracks within it, so that each connected part of the graph of such pairs is clustered by itself.
"""

from collections.abc import Iterable, Sequence

import numpy as np

TIE = 1e-9  # distances that differ by less are equal: the smaller id decides, not the last bit
SLACK = 1e-5  # of the squared norms: rounding of float32, so that no near pair is overlooked
BLOCK = 1 << 23  # distances held at once

Pairs = Sequence[tuple[int, int]] | np.ndarray


def cluster(
    vectors: np.ndarray,
    threshold: float,
    cannot: Pairs = (),
    must: Iterable[Sequence[int] | np.ndarray] = (),
    names: np.ndarray | None = None,
    ids: Sequence[str] | None = None,
) -> np.ndarray:
    """The person of each track.

    Args:
        vectors: [n, d] float, embeddings that Euclidean distance compares.
        threshold: largest mean distance of two clusters that are one person.
        cannot: [m, 2] rows that are never one person, such as two faces of one frame.
        must: groups of rows that are one person whatever their distance; where `cannot` or `names` contradicts, the
            nearest are joined first and what contradicts stays apart.
        names: [n, k] int, who a data set says it is, -1 unknown: rows with different names in a column stay apart.
        ids: [n] the result depends on their order, not on that of the rows; None takes the rows as they come.

    Returns:
        [n] int64, clusters counted from 0 in the order of their first row by id.
    """
    rows = np.argsort(np.asarray(ids), kind="stable") if ids is not None else np.arange(len(vectors))
    place = np.empty(len(rows), np.int64)
    place[rows] = np.arange(len(rows))
    points = np.asarray(vectors, np.float64)[rows]
    known = as_names(names, len(rows))[rows]
    pairs = place[as_pairs(cannot)]
    groups = _joined([place[np.asarray(group, np.int64)] for group in must], len(rows))
    parts = _must_parts(points, groups, pairs, known)
    labels = np.empty(len(rows), np.int64)
    done = 0
    for component in _components(points, parts, threshold):
        clusters = component
        if len(component) > 1:
            names_ = np.array([agreed(known[part])[0] for part in component])
            clusters = _Linkage(points, component, foes_of(component, pairs, len(rows)), names_).merge_all(threshold)
        for found in clusters:
            labels[found] = done
            done += 1
    return _renumbered(labels)[place]


def mean_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The mean Euclidean distance of all pairs of two sets of vectors, [a, d] and [b, d]."""
    return float(_sums(np.asarray(first, np.float64), np.asarray(second, np.float64), np.array([0]))[0]) / (
        len(first) * len(second)
    )


def _sums(first: np.ndarray, second: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sums of the distances of all pairs, per piece of `second` that begins at each of `starts`."""
    total = np.zeros(len(second))
    squares = np.einsum("ij,ij->i", second, second)
    step = max(1, BLOCK // max(len(second), 1))
    for begin in range(0, len(first), step):
        block = first[begin : begin + step]
        square = np.einsum("ij,ij->i", block, block)[:, None] + squares - 2 * (block @ second.T)
        total += np.sqrt(np.maximum(square, 0, out=square), out=square).sum(axis=0)
    return np.add.reduceat(total, starts)


class _Linkage:
    """Clusters on their way to fewer; each goes by the number of the part that it began with first."""

    def __init__(self, points: np.ndarray, members: list[np.ndarray], foes: list[set[int]], names: np.ndarray) -> None:
        self.points = points
        self.members = members
        self.foes = foes
        self.names = names
        self.sums = np.stack([points[rows].sum(axis=0) for rows in members])
        self.sizes = np.array([len(rows) for rows in members], np.float64)
        self.active = np.arange(len(members))
        self.means = (self.sums / self.sizes[:, None]).astype(np.float32)
        self.squares = np.einsum("ij,ij->i", self.means, self.means)
        self.alive = np.ones(len(members), bool)
        self.where = np.arange(len(members))

    def merge_all(self, limit: float) -> list[np.ndarray]:
        """The rows of each cluster after all merges of clusters whose mean distance is within the limit."""
        done: list[np.ndarray] = []
        chain: list[int] = []
        before: list[float] = []
        start = 0
        while chain or start < len(self.members):
            if not chain:
                if self.alive[start]:
                    chain, before = [start], [np.inf]
                else:
                    start += 1
                    continue
            other, distance = self._nearest(chain[-1], limit, chain[-2] if len(chain) > 1 else -1, before[-1])
            if other < 0:
                done.append(self.members[chain[-1]])
                self._remove(chain.pop())
                before.pop()
            elif len(chain) > 1 and other == chain[-2]:
                first, second = sorted((chain.pop(), chain.pop()))
                del before[-2:]
                self._merge(first, second)
            else:
                chain.append(other)
                before.append(distance)
        return done

    def _nearest(self, own: int, limit: float, previous: int, reached: float) -> tuple[int, float]:
        """The nearest cluster that may be joined, -1 for none within the limit; the chain's previous one wins ties."""
        place = self.where[own]
        square = self.squares + self.squares[place] - 2 * (self.means @ self.means[place])
        square -= SLACK * (self.squares + self.squares[place])
        near = np.flatnonzero(square <= limit * limit)
        near = near[(near != place) & self.alive[self.active[near]]]
        near = near[~differ(self.names[self.active[near]], self.names[own])]
        near = near[np.argsort(square[near], kind="stable")]
        bounds = np.sqrt(np.maximum(square[near], 0))
        others = self.active[near]
        if self.foes[own]:
            allowed = ~np.isin(others, list(self.foes[own]))
            others, bounds = others[allowed], bounds[allowed]
        best, found = min(reached, limit), previous
        begin, width = 0, 4
        measured: list[tuple[float, int]] = []
        while begin < len(others) and bounds[begin] <= best + TIE:
            some = others[begin : begin + width]
            distances = self._distances(own, some)
            measured += zip(distances.tolist(), some.tolist(), strict=True)
            best = min(best, float(distances.min()))
            begin, width = begin + width, min(2 * width, 1024)
        if previous >= 0 and best >= reached - TIE:
            return previous, reached
        ties = [other for distance, other in measured if distance <= min(best + TIE, limit)]
        found = min(ties, default=-1)
        return found, best

    def _distances(self, own: int, others: np.ndarray) -> np.ndarray:
        rows = [self.members[other] for other in others]
        sizes = np.array([len(found) for found in rows])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        sums = _sums(self.points[self.members[own]], self.points[np.concatenate(rows)], starts)
        return sums / (sizes * len(self.members[own]))

    def _merge(self, first: int, second: int) -> None:
        self.members[first] = np.sort(np.concatenate([self.members[first], self.members[second]]))
        self.sums[first] += self.sums[second]
        self.sizes[first] += self.sizes[second]
        self.names[first] = np.maximum(self.names[first], self.names[second])
        mean = (self.sums[first] / self.sizes[first]).astype(np.float32)
        self.means[self.where[first]] = mean
        self.squares[self.where[first]] = mean @ mean
        for foe in self.foes[second]:
            self.foes[foe].discard(second)
            self.foes[foe].add(first)
        self.foes[first] |= self.foes[second]
        self._remove(second)

    def _remove(self, number: int) -> None:
        self.alive[number] = False
        if 2 * np.count_nonzero(self.alive[self.active]) < len(self.active):
            keep = self.alive[self.active]
            self.active, self.means, self.squares = self.active[keep], self.means[keep], self.squares[keep]
            self.where[self.active] = np.arange(len(self.active))


def _must_parts(points: np.ndarray, groups: list[np.ndarray], pairs: np.ndarray, names: np.ndarray) -> list[np.ndarray]:
    """What to begin with: each group as one part, or as few as contradictions leave, and every other row alone."""
    parts: list[np.ndarray] = []
    single = np.ones(len(points), bool)
    inside = np.full(len(points), -1, np.int64)
    for number, group in enumerate(groups):
        single[group] = False
        inside[group] = number
    at_odds = inside[pairs[:, 0]]
    at_odds = set(at_odds[(at_odds >= 0) & (at_odds == inside[pairs[:, 1]])].tolist())
    for number, group in enumerate(groups):
        if number in at_odds or agreed(names[group])[1]:
            alone = [np.array([row]) for row in group]
            linkage = _Linkage(points, alone, foes_of(alone, pairs, len(points)), names[group].copy())
            parts += linkage.merge_all(np.inf)
        else:
            parts.append(group)
    parts += [np.array([row]) for row in np.flatnonzero(single)]
    return sorted(parts, key=lambda part: int(part[0]))


def _components(points: np.ndarray, parts: list[np.ndarray], threshold: float) -> list[list[np.ndarray]]:
    """The parts in groups: parts of different groups have no pair of rows within the threshold."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    small = points.astype(np.float32)
    squares = np.einsum("ij,ij->i", small, small)
    labels = np.empty(len(points), np.int64)
    for number, rows in enumerate(parts):
        labels[rows] = number
    of_part = np.arange(len(parts))
    count, step = len(parts), max(1, BLOCK // max(len(points), 1))
    for begin in range(0, len(points), step):
        block = slice(begin, begin + step)
        norms = squares[block, None] + squares[begin:]
        near = norms - 2 * (small[block] @ small[begin:].T) - SLACK * norms <= threshold * threshold
        near &= labels[block, None] != labels[None, begin:]
        first, second = np.nonzero(near)
        if not len(first):
            continue
        edges = (labels[begin + first], labels[begin + second])
        graph = coo_array((np.ones(len(first), np.int8), edges), shape=(count, count))
        count, merged = connected_components(graph, directed=False)
        labels, of_part = merged[labels].astype(np.int64), merged[of_part]
    found: dict[int, list[np.ndarray]] = {}
    for number, label in enumerate(of_part.tolist()):
        found.setdefault(label, []).append(parts[number])
    return list(found.values())


def members_of(labels: np.ndarray, rows: np.ndarray | None = None) -> list[np.ndarray]:
    """The rows of each label, labels and rows ascending; `rows` names them when they are not 0, 1, ..."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    named = order if rows is None else rows[order]
    return np.split(named, starts[1:]) if len(labels) else []


def foes_of(members: list[np.ndarray], pairs: np.ndarray, rows: int) -> list[set[int]]:
    """For each cluster the clusters that it must stay apart from."""
    number = np.full(rows, -1, np.int64)
    for index, found in enumerate(members):
        number[found] = index
    foes: list[set[int]] = [set() for _ in members]
    ends = number[pairs]
    for first, second in ends[(ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])].tolist():
        foes[first].add(second)
        foes[second].add(first)
    return foes


def agreed(names: np.ndarray) -> tuple[np.ndarray, bool]:
    """[k] the names that [n, k] rows agree on, -1 where none is known or two differ; and whether any two differ."""
    largest = names.max(axis=0)
    smallest = np.where(names < 0, np.iinfo(np.int64).max, names).min(axis=0)
    differ = (largest >= 0) & (smallest != largest)
    return np.where(differ, -1, largest), bool(differ.any())


def differ(names: np.ndarray, own: np.ndarray) -> np.ndarray:
    """[...] bool, where known names in a column are others than one's own, [..., k] and [k]."""
    return ((names >= 0) & (own >= 0) & (names != own)).any(axis=-1)


def as_pairs(cannot: Pairs) -> np.ndarray:
    """[m, 2] int64, also for no pairs."""
    return np.asarray(cannot, np.int64).reshape(-1, 2)


def as_names(names: np.ndarray | None, rows: int) -> np.ndarray:
    """[n, k] int64, k = 0 when no one says who it is."""
    return np.zeros((rows, 0), np.int64) if names is None else np.asarray(names, np.int64).reshape(rows, -1)


def _joined(groups: list[np.ndarray], rows: int) -> list[np.ndarray]:
    """Groups that share a row as one, each sorted."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups = [np.unique(group) for group in groups if len(group)]
    if not groups:
        return []
    every = np.concatenate(groups)
    first = np.concatenate([np.full(len(group), group[0]) for group in groups])
    graph = coo_array((np.ones(len(every), np.int8), (first, every)), shape=(rows, rows))
    _, labels = connected_components(graph, directed=False)
    used = np.unique(every)
    return members_of(labels[used].astype(np.int64), used)


def _renumbered(labels: np.ndarray) -> np.ndarray:
    """Labels counted from 0 in the order of their first row."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]

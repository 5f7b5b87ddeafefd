"""Which of many sources may have a part in common, without comparing each with each: equal keys of short windows.

A key is 30 signs: of a few waves over 1.5 s in each of the broadest waves over the picture or the spectrum. Every row
has a key; it is looked up as it is, with all combinations of its least certain signs turned, and (pictures) as the
mirror image has it. Equal keys are found in the sorted list of all keys. Keys that many rows share (a repeated intro,
many copies of one file) link each row to the next few only. Of two rows with equal keys the windows of two seconds
around them must agree. Chance hits grow with the square of the number of sources, but there is less than one in 1e7
comparisons of rows, and a million of them are looked at in seconds: perf/duplicates.py shows what it costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np

from media.fingerprint import STEPS
from media.matching import ALIKE, STILL, WINDOW, Features, Seed, mirror, window_agreement

LENGTH: Final = 12  # rows under a key
WAVES: Final = {"picture": 2, "sound": 3}  # over time; more of them let more chance hits through
LEADING: Final = {"picture": 15, "sound": 10}  # columns of the features; sound of another pitch loses the narrow ones
BITS: Final = 30
REACH: Final = (WINDOW - LENGTH) // 2  # rows of a compared window beyond its key, on both sides
COARSE: Final = {"picture": 64.0, "sound": 2.0}  # features in 8 bits: steps per unit
ROUGHLY: Final = {"picture": 0.4, "sound": 0.6}  # agreement of coarse windows, at whole rows, that is looked at again
UNCERTAIN: Final = {"picture": 6, "sound": 4}  # signs that are tried both ways
CROWD: Final = 64  # rows that share a key beyond which each is linked to the next ones only
NEXT: Final = 8  # that many
BLUR: Final = 4  # bits of a key that the glance leaves out
BLOCK: Final = 4_000_000  # keys that are looked up at once
ROWS: Final = 20_000  # windows that are compared at once
SEEDS: Final = 24  # of one pair that are followed
TRIED: Final = 96  # of one pair whose windows are compared
NEARLY: Final = ALIKE - 0.05  # agreement of windows that makes a seed: following moves it to where it agrees best

Pairs = dict[tuple[int, int], list[Seed]]
Hits = tuple[np.ndarray, np.ndarray]  # pair of sources, one * count + other; packed rows and mirrored


def candidates(features: Sequence[Features], sides: Sequence[int] | None = None) -> Pairs:
    """Pairs of sources with places at which they agree.

    Args:
        features: of one kind, in an order that does not change what is found but for crowded keys.
        sides: [sources] only pairs of different sides are wanted, none with a negative one; None for all pairs.

    Returns:
        (i, j), i < j, to the seeds that agree best, best first.
    """
    hits = _Table(features).hits(None if sides is None else np.asarray(sides))
    return dict(_confirmed(features, hits))


class _Table:
    """All keys, sorted, with the source and the row that each comes from; and coarse features of all rows.

    Rows of zeros lie between the sources, so that windows may reach beyond them.
    """

    def __init__(self, features: Sequence[Features]) -> None:
        self.features = features
        keys, sources, rows = [np.zeros(0, np.uint32)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
        coarse, self.starts = [], np.zeros(len(features), np.int64)
        held = 0
        for number, one in enumerate(features):
            waves, places = row_waves(one)
            keys.append(packed(waves))
            rough = np.clip(np.rint(one.values * COARSE[one.kind]), -127, 127).astype(np.int8)
            coarse.append(np.pad(rough, ((REACH, REACH), (0, 0))))
            self.starts[number] = held  # of the window around the key at row 0
            held += len(coarse[-1])
            sources.append(np.full(len(places), number, np.int32))
            rows.append(places.astype(np.int32))
        joined = np.concatenate(keys)
        order = np.argsort(joined, kind="stable")
        self.keys = joined[order]
        self.there = np.zeros(
            1 << (BITS - BLUR), bool
        )  # most keys that are looked up are not there: one glance says so
        self.there[self.keys >> BLUR] = True
        self.sources = np.concatenate(sources)[order]
        self.rows = np.concatenate(rows)[order]
        self.coarse = np.concatenate(coarse) if coarse else np.zeros((0, 1), np.int8)

    def hits(self, sides: np.ndarray | None) -> Hits:
        """Pairs of rows with equal keys, sorted, each once."""
        found: list[Hits] = []
        block: list[tuple[np.ndarray, ...]] = []
        held = 0
        for number, one in enumerate(self.features):
            for all_keys, all_rows, mirrored in _looked_up(one):
                there = self.there[all_keys >> BLUR]
                keys, rows = all_keys[there], all_rows[there]
                source = np.full(len(keys), number, np.int32)
                block.append((keys, source, rows, np.full(len(keys), mirrored)))
                held += len(keys)
            if held > BLOCK or number == len(self.features) - 1:
                if block:
                    parts = [np.concatenate(part) for part in zip(*block, strict=True)]
                    found.append(self._joined(parts[0], parts[1], parts[2], parts[3], sides))
                block, held = [], 0
        return _distinct(*(np.concatenate(part) for part in zip(*found, strict=True))) if found else _NONE

    def _joined(
        self, keys: np.ndarray, source: np.ndarray, rows: np.ndarray, mirrored: np.ndarray, sides: np.ndarray | None
    ) -> Hits:
        order = np.argsort(keys, kind="stable")
        keys, source, rows, mirrored = (part[order] for part in (keys, source, rows, mirrored))
        low, high = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        for i in np.flatnonzero(high - low > CROWD).tolist():
            after = low[i] + int(np.searchsorted(self.sources[low[i] : high[i]], source[i], "right"))
            low[i], high[i] = after, min(high[i], after + NEXT)
        count = high - low
        which = np.repeat(np.arange(len(keys)), count)
        hit = low[which] + np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        one, other = source[which].astype(np.int64), self.sources[hit].astype(np.int64)
        wanted = one != other
        if sides is not None:
            wanted &= (sides[one] != sides[other]) & (sides[one] >= 0) & (sides[other] >= 0)
        which, hit, one, other = which[wanted], hit[wanted], one[wanted], other[wanted]
        ours, theirs = rows[which].astype(np.int64), self.rows[hit].astype(np.int64)
        swap = one > other
        pair = np.where(swap, other, one) * len(self.features) + np.where(swap, one, other)
        first, second = np.where(swap, theirs, ours), np.where(swap, ours, theirs)
        pair, place = _distinct(pair, first << 32 | second << 1 | mirrored[which])
        near = np.concatenate(
            [self._near(pair[at : at + ROWS], place[at : at + ROWS]) for at in range(0, max(1, len(pair)), ROWS)]
        )
        return pair[near], place[near]

    def _near(self, pair: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Whether the coarse windows around rows agree."""
        one, other = np.divmod(pair, len(self.features))
        ours, theirs, mirrored = unpacked(place)
        around = np.arange(WINDOW)
        a = self.coarse[(self.starts[one] + ours)[:, None] + around].astype(np.float32)
        b = self.coarse[(self.starts[other] + theirs)[:, None] + around].astype(np.float32)
        kind = self.features[0].kind
        b = np.where(mirrored[:, None, None] == 1, b * mirror(kind), b)
        product = np.einsum("nwc,nwc->n", a, b)
        sizes = np.einsum("nwc,nwc->n", a, a) * np.einsum("nwc,nwc->n", b, b)
        return np.asarray(product >= ROUGHLY[kind] * np.sqrt(sizes))


def unpacked(place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row of the first source, row of the other, 1 where mirrored) of packed places."""
    return place >> 32, (place >> 1) & 0x7FFFFFFF, place & 1


def _distinct(pair: np.ndarray, place: np.ndarray) -> Hits:
    """Sorted, each once."""
    order = np.lexsort((place, pair))
    pair, place = pair[order], place[order]
    new = np.ones(len(pair), bool)
    new[1:] = (pair[1:] != pair[:-1]) | (place[1:] != place[:-1])
    return pair[new], place[new]


_NONE: Final[Hits] = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def row_waves(one: Features) -> tuple[np.ndarray, np.ndarray]:
    """([n, BITS] float32 waves, [n] first rows) of the windows in which something happens."""
    if len(one) < LENGTH:
        return np.zeros((0, BITS), np.float32), np.zeros(0, np.int64)
    waves = _over_time(one.values[:, : LEADING[one.kind]], WAVES[one.kind], LENGTH)
    sizes = np.convolve(one.sizes, np.full(LENGTH, 1 / LENGTH), "valid")
    lively = np.flatnonzero(sizes >= STILL[one.kind])
    return waves[lively], lively


def packed(waves: np.ndarray) -> np.ndarray:
    """[n] uint32 keys: the signs of waves [n, BITS]."""
    return np.where(waves > 0, _powers(), np.uint32(0)).sum(axis=1, dtype=np.uint32)


def _over_time(values: np.ndarray, waves: int, length: int) -> np.ndarray:
    """[n - length + 1, waves * c] of rows [n, c]: each column's first waves over time, tapered."""
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    made = np.matmul(windows, _time_waves(waves, length).T)  # [n, c, waves]
    return np.swapaxes(made, 1, 2).reshape(len(windows), -1)


def _looked_up(one: Features) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """(keys, first rows, mirrored) that are looked up for a source."""
    waves, rows = row_waves(one)
    if not len(rows):
        return
    count = UNCERTAIN[one.kind]
    size = np.abs(waves) / (np.abs(waves).mean(axis=0) + 1e-9)
    weakest = _powers()[np.argpartition(size, count, axis=1)[:, :count]]
    turned = np.zeros((1, len(rows)), np.uint32)
    for bit in range(count):
        turned = np.concatenate([turned, turned ^ weakest[:, bit]])
    keys = (packed(waves)[None] ^ turned).reshape(-1)
    places = np.tile(rows.astype(np.int32), 1 << count)
    yield keys, places, False
    if one.kind == "picture":
        yield keys ^ _mirrored_key(), places, True


def _confirmed(features: Sequence[Features], hits: Hits) -> Iterator[tuple[tuple[int, int], list[Seed]]]:
    """Of pairs of rows those whose windows of two seconds agree."""
    pair, place = hits
    edges = np.flatnonzero(np.diff(pair)) + 1
    middle = (LENGTH - 1) / 2
    for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(pair)], strict=True):
        if low == high:
            continue
        i, j = divmod(int(pair[low]), len(features))
        chosen = place[low:high]
        if len(chosen) > TRIED:  # evenly over the rows
            chosen = chosen[np.linspace(0, len(chosen) - 1, TRIED).astype(int)]
        rows = np.stack(unpacked(chosen), axis=1).tolist()
        seeds = [Seed(row + middle, other + middle, bool(mirrored)) for row, other, mirrored in rows]
        agree = window_agreement(features[i], features[j], seeds)
        best = _spread([seeds[k] for k in np.argsort(-agree, kind="stable") if agree[k] >= NEARLY])
        if best:
            yield (i, j), best


def _spread(seeds: list[Seed]) -> list[Seed]:
    """The first seeds, few of each second that the other is shifted by: a source may be cut and joined anew."""
    taken: Counter[tuple[bool, int]] = Counter()
    chosen = []
    for seed in seeds:
        shift = (seed.mirrored, round((seed.other - seed.place) / STEPS))
        taken[shift] += 1
        if taken[shift] <= SEEDS // 4:
            chosen.append(seed)
    return chosen[:SEEDS]


@cache
def _time_waves(waves: int, length: int) -> np.ndarray:
    """[waves, length] float32, tapered at both ends."""
    place = (np.arange(length) + 0.5) / length
    rows = np.stack([np.cos(np.pi * k * place) for k in range(waves)]) * np.hanning(length + 2)[1:-1]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@cache
def _powers() -> np.ndarray:
    return np.uint32(1) << np.arange(BITS, dtype=np.uint32)


@cache
def _mirrored_key() -> np.uint32:
    """The bits of a key that turn in the mirror image."""
    turned = np.tile(mirror("picture")[: LEADING["picture"]] < 0, WAVES["picture"])
    return np.uint32(_powers()[turned].sum(dtype=np.uint32))

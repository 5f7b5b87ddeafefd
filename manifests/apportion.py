"""Puts units that cannot be divided into splits, so that each gets its share of every stratum."""

from collections.abc import Sequence

import numpy as np


def apportion(
    units: np.ndarray,
    hashes: Sequence[int],
    strata: np.ndarray,
    placed_strata: np.ndarray,
    placed: np.ndarray,
    shares: Sequence[float],
) -> np.ndarray:
    """The split of each unit: larger ones first, then by hash, each where it lessens most what the splits lack.

    What a split lacks is measured as chi-square does: per stratum, and for all clips together, the squared difference
    to the target over the target. A split that would stay empty gets the smallest unit that another can spare.

    Args:
        units: [clips] int, the unit of each clip, from 0 without gaps.
        hashes: [units] decide the order of units of similar size.
        strata: [clips] int, from 0.
        placed_strata: [others] int, strata of the clips that are in a split already.
        placed: [others] int, their splits.
        shares: of each split, in sum 1; a split of share 0 gets nothing.

    Returns:
        [units] int64.
    """
    count, splits = len(hashes), len(shares)
    kinds = int(max(strata.max(initial=-1), placed_strata.max(initial=-1))) + 1
    held = np.zeros((splits, kinds + 1))
    np.add.at(held, (placed, placed_strata), 1)
    held[:, kinds] = held[:, :kinds].sum(axis=1)
    sizes = np.bincount(units, minlength=count)
    totals = held.sum(axis=0) + np.append(np.bincount(strata, minlength=kinds), len(strata))
    content = _contents(units, strata, count, kinds, sizes)
    halving = np.floor(np.log2(np.maximum(sizes, 1)))
    order = np.lexsort((np.asarray(hashes, np.uint64), -halving))
    split = _greedy(order.tolist(), content, held.tolist(), totals.tolist(), shares)
    return _none_empty(split, sizes, order, held[:, kinds], shares)


def _contents(
    units: np.ndarray, strata: np.ndarray, count: int, kinds: int, sizes: np.ndarray
) -> list[list[tuple[int, int]]]:
    """Per unit how many clips it has of each stratum; the last stratum is all of them."""
    pairs, numbers = np.unique(units * (kinds + 1) + strata, return_counts=True)
    content: list[list[tuple[int, int]]] = [[(kinds, size)] for size in sizes.tolist()]
    for pair, number in zip(pairs.tolist(), numbers.tolist(), strict=True):
        content[pair // (kinds + 1)].append((pair % (kinds + 1), number))
    return content


def _greedy(
    order: list[int],
    content: list[list[tuple[int, int]]],
    held: list[list[float]],
    totals: list[float],
    shares: Sequence[float],
) -> np.ndarray:
    """The split of each unit, units placed one after the other."""
    split = np.zeros(len(content), np.int64)
    open_splits = [
        (code, held[code], [share * total for total in totals]) for code, share in enumerate(shares) if share > 0
    ]
    for unit in order:
        parts, best, chosen = content[unit], float("inf"), 0
        for code, have, target in open_splits:
            change = 0.0
            for kind, number in parts:
                change += number * (2 * (have[kind] - target[kind]) + number) / target[kind]
            if change < best - 1e-9:
                best, chosen = change, code
        for kind, number in parts:
            held[chosen][kind] += number
        split[unit] = chosen
    return split


def _none_empty(
    split: np.ndarray, sizes: np.ndarray, order: np.ndarray, held: np.ndarray, shares: Sequence[float]
) -> np.ndarray:
    """Give each empty split of a share, the largest share and the later split first, the smallest unit to spare."""
    wanted = sorted((code for code, share in enumerate(shares) if share > 0), key=lambda code: (-shares[code], -code))
    small_first = order[np.argsort(sizes[order], kind="stable")]
    counts = np.bincount(split, minlength=len(shares))
    for code in wanted:
        if held[code] or counts[code]:
            continue
        spare = (unit for unit in small_first.tolist() if held[split[unit]] or counts[split[unit]] > 1)
        unit = next(spare, None)
        if unit is not None:
            counts[split[unit]] -= 1
            counts[code] += 1
            split[unit] = code
    return split

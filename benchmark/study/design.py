"""Who sees what in which order: Williams designs over systems, clips in balance, checks between."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from benchmark.errors import BenchmarkError
from benchmark.study.model import SCALE, A, B, Kind, Step

RATERS: Final = 15  # as many as the user study of MoEE had
ITEMS: Final = 40
_TRIES: Final = 60


@dataclass(frozen=True)
class Size:
    """How large a study is.

    raters: in all. items: that each rates. per_item: least and most raters of an item.
    """

    raters: int
    items: int
    per_item: tuple[int, int]


def size(treatments: int, clips: int, raters: int | None, items: int | None, per_item: int | None) -> Size:
    """The size of a study from any two of its three numbers; what is missing follows or is the default.

    Args:
        treatments: systems, or pairs of systems.
        clips: of each.
        raters, items, per_item: as asked for, or None; items is what each rater rates.

    Returns:
        The size; every rater rates every treatment equally often, and the raters of any two items differ by one at
        most.

    Raises:
        BenchmarkError: the numbers do not fit: one sentence.
    """
    for name, value in (("--raters", raters), ("--items", items), ("--per-item", per_item)):
        if value is not None and value < 1:
            raise BenchmarkError(f"{name} takes 1 or more.")
    whole = treatments * clips
    if items is None:
        items = _items(treatments, clips, raters, per_item)
    if items % treatments or items > whole:
        fits = {items // treatments * treatments, (items // treatments + 1) * treatments}
        known = " or ".join(str(number) for number in sorted(fits) if 0 < number <= whole) or str(whole)
        raise BenchmarkError(
            f"--items {items} does not fit {treatments} systems (or pairs) x {clips} clips, as each rater sees "
            f"every one equally often and no video twice: take {known}."
        )
    if raters is None:
        raters = RATERS if per_item is None else math.ceil(whole * per_item / items)
    least, most = raters * items // whole, math.ceil(raters * items / whole)
    if least < 1:
        raise BenchmarkError(
            f"{raters} raters x {items} items leave some of the {whole} items without a rater: take more raters or "
            "items, or fewer --clips."
        )
    if per_item is not None and per_item not in (least, most):
        raise BenchmarkError(
            f"{raters} raters x {items} items give each of the {whole} items {least} to {most} raters, not {per_item}: "
            f"give --per-item {most}, or two of --raters, --items and --per-item that fit."
        )
    return Size(raters, items, (least, most))


def _items(treatments: int, clips: int, raters: int | None, per_item: int | None) -> int:
    """Items of each rater where they were not said: what the other two give, or the default."""
    if raters is not None and per_item is not None:
        if per_item > raters:
            raise BenchmarkError(f"--per-item {per_item} needs as many raters or more, and there are {raters}.")
        return math.ceil(clips * per_item / raters) * treatments
    return min(max(ITEMS // treatments, 1), clips) * treatments


def williams(treatments: int) -> list[list[int]]:
    """A Williams design: rows of treatments, each equally often at each place and behind each other one.

    Williams (1949): as many rows as treatments where their number is even, twice as many where it is odd.
    """
    first = [(step + 1) // 2 if step % 2 else (treatments - step // 2) % treatments for step in range(treatments)]
    mirrors = (1,) if treatments % 2 == 0 else (1, -1)
    return [[(sign * place + shift) % treatments for place in first] for sign in mirrors for shift in range(treatments)]


def treatments_of(rater: int, blocks: int, treatments: int) -> list[int]:
    """The treatments that a rater sees, in order: `blocks` rows of a Williams design.

    Over a block of raters (as many as the design has rows) each treatment stands equally often at each place. From one
    row to the next the difference of last and first treatment changes, so that those neighbours are spread too, and
    no treatment follows itself.
    """
    rows = williams(treatments)
    half, shift = divmod(rater % len(rows), treatments)
    order: list[int] = []
    for block in range(blocks):
        row = rows[half * treatments + shift]
        order += row
        if treatments > 1:
            shift = (row[-1] + 1 + block % (treatments - 1)) % treatments
    return order


def sequences(treatments: int, clips: int, found: Size, seed: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For each rater the rated items in order, as (treatment, clip).

    No rater sees an item twice; the raters of any two items differ by one at most; a rater sees the same clips of every
    treatment, in an order in which the same clip seldom follows itself (of some random orders the best).
    """
    rng = random.Random(seed)
    blocks = found.items // treatments
    order = rng.sample(range(clips), clips)
    slots = rng.sample(range(found.raters), found.raters)
    made = []
    for rater in range(found.raters):
        mine = [order[(slots[rater] * blocks + place) % clips] for place in range(blocks)]
        made.append(_spread(treatments_of(rater, blocks, treatments), mine, treatments, rng))
    return tuple(made)


def _spread(order: list[int], clips: list[int], treatments: int, rng: random.Random) -> tuple[tuple[int, int], ...]:
    """Deal a rater's clips to its treatments, of some random deals the one in which equal clips are farthest apart."""
    best: tuple[float, tuple[tuple[int, int], ...]] | None = None
    for _ in range(_TRIES if treatments > 1 else 1):
        starts = [rng.sample(clips, len(clips)) for _ in range(treatments)]
        left = [list(dealt) for dealt in starts]
        items: list[tuple[int, int]] = []
        last: dict[int, int] = {}
        for place, treatment in enumerate(order):
            clip = min(left[treatment], key=lambda one: last.get(one, -len(order)))
            left[treatment].remove(clip)
            last[clip] = place
            items.append((treatment, clip))
        cost = _cost(items)
        if best is None or cost < best[0]:
            best = (cost, tuple(items))
        if cost == 0:
            break
    assert best is not None
    return best[1]


def _cost(items: list[tuple[int, int]]) -> float:
    """How often a clip follows itself within three places, the nearest worst."""
    cost, seen = 0.0, dict[int, int]()
    for place, (_, clip) in enumerate(items):
        gap = place - seen.get(clip, -9)
        cost += {1: 100.0, 2: 3.0, 3: 1.0}.get(gap, 0.0)
        seen[clip] = place
    return cost


def steps(
    kind: Kind,
    rated: tuple[tuple[tuple[int, int], ...], ...],
    videos: dict[tuple[int, int], int],
    systems: int,
    checks: int,
    seed: int,
) -> tuple[tuple[Step, ...], ...]:
    """The whole sequences of all raters: rated items, with `checks` repeats and `checks` instructed steps between.

    Args:
        kind: of the study; treatments are systems, or pairs of systems (`pairs`).
        rated: what `sequences` gave.
        videos: (system, clip) -> place in `Study.media`.
        systems: how many.
        checks: of each sort.
        seed: of sides and places.

    Raises:
        BenchmarkError: a rater has too few items for its checks.
    """
    rng = random.Random(seed + 1)
    shortest = min(len(sequence) for sequence in rated)
    if checks and shortest < 4:
        raise BenchmarkError(f"Checks need at least 4 items for each rater, and there are {shortest}: give --checks 0.")
    left_first: Counter[tuple[int, int]] = Counter()
    made = []
    for sequence in rated:
        if kind == "rating":
            items = [Step(kind="item", media=(videos[item],)) for item in sequence]
        else:
            items = _sides(sequence, videos, systems, left_first, rng)
        made.append(tuple(_checked(kind, items, checks, rng)))
    return tuple(made)


def pairs(systems: int) -> list[tuple[int, int]]:
    """The treatments of a study of choices."""
    return list(combinations(range(systems), 2))


def _sides(
    sequence: tuple[tuple[int, int], ...],
    videos: dict[tuple[int, int], int],
    systems: int,
    straight: Counter[tuple[int, int]],
    rng: random.Random,
) -> list[Step]:
    """Which video is A: for each rater and pair half of the time the first, and so for each item over all raters."""
    by_pair: dict[int, list[int]] = {}
    for place, (pair, _) in enumerate(sequence):
        by_pair.setdefault(pair, []).append(place)
    turned: set[int] = set()
    for places in by_pair.values():
        most = sorted(places, key=lambda place: (-straight[sequence[place]], rng.random()))
        half = len(places) // 2 + (len(places) % 2 and straight[sequence[most[len(places) // 2]]] > 0)
        turned |= set(most[:half])
    items = []
    for place, (pair, clip) in enumerate(sequence):
        straight[sequence[place]] += -1 if place in turned else 1
        first, second = (videos[system, clip] for system in pairs(systems)[pair])
        items.append(Step(kind="item", media=(second, first) if place in turned else (first, second)))
    return items


def _checked(kind: Kind, items: list[Step], checks: int, rng: random.Random) -> list[Step]:
    """Put repeats (of an item of the first third, at least half of the list later) and instructed steps between."""
    count = len(items)
    behind: dict[int, list[Step]] = {}
    early = rng.sample(range(max(1, count // 3)), min(checks, max(1, count // 3)))
    for place in early:
        behind.setdefault(rng.randrange(place + (count + 1) // 2, count), []).append(
            items[place].model_copy(update={"kind": "repeat"})
        )
    asked = (A, B) if kind == "choice" else tuple(range(SCALE[0], SCALE[1] + 1))
    places = rng.sample(range(1, count), min(checks, count - 1))
    for place in places:
        shown = items[rng.randrange(place)].media  # seen already: no rated item is spoilt
        behind.setdefault(place, []).append(Step(kind="instructed", media=shown, expected=rng.choice(asked)))
    return [step for place, item in enumerate(items) for step in (item, *behind.get(place, ()))]

"""Who sees what in which order: balanced, blind to chance, and refused in one sentence where numbers do not fit."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.study.design import pairs, sequences, size, treatments_of, williams
from tests.benchmark.study.material import study


@pytest.mark.parametrize("systems", range(2, 10))
def test_a_williams_design_balances_places_and_neighbours(systems: int) -> None:
    rows = williams(systems)
    assert len(rows) == (systems if systems % 2 == 0 else 2 * systems)
    places = Counter((place, system) for row in rows for place, system in enumerate(row))
    behind = Counter(pair for row in rows for pair in pairwise(row))
    assert len(places) == systems**2 and len(set(places.values())) == 1
    assert len(behind) == systems * (systems - 1) and len(set(behind.values())) == 1


@pytest.mark.parametrize("systems", range(2, 8))
def test_over_a_block_of_raters_every_system_stands_equally_often_at_every_place(systems: int) -> None:
    block, blocks = len(williams(systems)), 7
    orders = [treatments_of(rater, blocks, systems) for rater in range(block)]
    places = Counter((place, system) for order in orders for place, system in enumerate(order))
    behind = Counter(pair for order in orders for pair in pairwise(order))
    assert len(set(places.values())) == 1 and len(places) == blocks * systems**2
    assert all(first != second for first, second in behind)
    assert max(behind.values()) - min(behind.values()) <= 2 * block / systems


@settings(deadline=None, max_examples=60)
@given(
    treatments=st.integers(1, 6), clips=st.integers(1, 12), raters=st.integers(1, 25), blocks=st.integers(1, 12),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_raters_of_items_differ_by_one_at_most_and_nobody_sees_a_video_twice(
    treatments: int, clips: int, raters: int, blocks: int, seed: int
) -> None:
    items = min(blocks, clips) * treatments
    try:
        found = size(treatments, clips, raters, items, None)
    except BenchmarkError as error:
        assert raters * items < treatments * clips and "without a rater" in str(error)
        return
    rated = sequences(treatments, clips, found, seed)
    counts = Counter(item for sequence in rated for item in sequence)
    assert len(counts) == treatments * clips and set(counts.values()) <= set(found.per_item)
    assert found.per_item[1] - found.per_item[0] <= 1
    for sequence in rated:
        assert len(set(sequence)) == len(sequence) == items
        of_system = Counter(system for system, _ in sequence)
        assert set(of_system.values()) == {items // treatments}


def test_the_third_number_follows_from_two() -> None:
    assert size(4, 10, 15, 40, None).per_item == (15, 15)
    assert size(4, 10, None, 20, 15).raters == 30
    assert size(4, 10, 20, None, 10).items == 20
    assert size(4, 10, None, None, None) == size(4, 10, 15, 40, None), "15 raters as in the study of MoEE"
    assert size(4, 10, 7, 20, None).per_item == (3, 4)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((4, 10, 15, 42, None), "take 40"),
        ((4, 10, 15, 44, None), "take 40"),
        ((4, 10, 3, 4, None), "without a rater"),
        ((4, 10, 15, 40, 5), "give --per-item 15"),
        ((4, 10, 5, None, 6), "as many raters"),
        ((4, 10, 0, None, None), "--raters takes 1"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_with_those_that_do(numbers: tuple, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        size(*numbers)


def test_checks_stand_between_items_and_spoil_none() -> None:
    found = study(checks=3)
    places = []
    for sequence in found.sequences:
        kinds = Counter(step.kind for step in sequence)
        assert kinds == {"item": 40, "repeat": 3, "instructed": 3}
        first = {step.media: place for place, step in enumerate(sequence) if step.kind == "item"}
        for place, step in enumerate(sequence):
            assert first[step.media] <= place, "no check shows a video before it is rated"
            if step.kind == "repeat":
                assert place - first[step.media] >= 20
            if step.kind == "instructed":
                places.append(place)
                assert step.expected in range(1, 6)
    assert len(set(places)) > 20, "nobody can know where they stand"


def test_sides_of_choices_are_balanced_for_each_rater_and_pair() -> None:
    found = study(systems=4, raters=12, kind="choice")
    net: Counter[tuple[int, int]] = Counter()
    for sequence in found.sequences:
        mine: Counter[tuple[str, str]] = Counter()
        for step in (step for step in sequence if step.kind == "item"):
            first, second = (found.media[place] for place in step.media)
            assert first.clip == second.clip and first.system != second.system
            pair = min((first.system, second.system), (second.system, first.system))
            mine[pair] += 1 if pair[0] == first.system else -1
            low, high = sorted(step.media)
            net[low, high] += 1 if step.media == (low, high) else -1
        assert len(mine) <= len(pairs(4)) and all(abs(count) <= 1 for count in mine.values())
    assert all(abs(count) <= 2 for count in net.values())

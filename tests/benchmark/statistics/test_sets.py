"""Set metrics: every path gives one number, groups are fair and do not depend on the order of clips."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.statistics import moments, sets
from benchmark.statistics.frechet import frechet
from benchmark.statistics.jackknife import jackknife
from benchmark.statistics.mmd import kid
from benchmark.statistics.sets import frechet_sets, kid_sets, make_groups
from tests.benchmark.statistics.material import features

OWNERS = np.repeat(np.arange(24), 3)
OTHERS = np.repeat(np.arange(24), 2)  # the second side has fewer rows, as where no face was seen
GROUPS = np.arange(24) % 12


def by_hand(x: np.ndarray, y: np.ndarray, distance: object, **options: int) -> tuple[float, float, float]:
    """Each deletion done on the rows themselves."""
    of_x, of_y = GROUPS[OWNERS], GROUPS[OTHERS]
    found = jackknife(
        lambda kept: np.array([distance(x[one[of_x]], y[one[of_y]], **options) for one in kept]), np.full(12, 1 / 12)
    )
    return found.plain, found.corrected, found.error


# 72 and 48 rows: with 4 features always more rows, with 40 sometimes, with 100 never.
@pytest.mark.parametrize("d", [4, 40, 100])
@pytest.mark.parametrize("ddof", [0, 1])
def test_frechet_sets_equal_deletions_done_by_hand(d: int, ddof: int) -> None:
    x, y = features(72, d, 1), features(48, d, 2, 0.5)
    found = frechet_sets(x, OWNERS, y, OTHERS, GROUPS, ddof)
    again = by_hand(x, y, frechet, ddof=ddof)
    assert (found.plain, found.corrected, found.error) == pytest.approx(again, rel=1e-8)
    assert found.plain == pytest.approx(frechet(x, y, ddof), rel=1e-11)
    assert (found.rows_x, found.rows_y, found.groups) == (72, 48, 12)


@pytest.mark.parametrize("d", [4, 40, 100])
def test_large_sets_and_other_devices_take_other_paths_to_the_same_number(
    d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = features(72, d, 1), features(48, d, 2, 0.5)
    found = frechet_sets(x, OWNERS, y, OTHERS, GROUPS)
    on_torch = frechet_sets(x, OWNERS, y, OTHERS, GROUPS, device="cpu:0")
    monkeypatch.setattr(sets, "GRAM_ROWS", 10)
    monkeypatch.setattr(sets, "STACK", 10)
    monkeypatch.setattr(moments, "KEPT_BYTES", 10)
    for other in (on_torch, frechet_sets(x, OWNERS, y, OTHERS, GROUPS)):
        assert other.plain == pytest.approx(found.plain, rel=1e-9)
        assert other.interval_corrected == pytest.approx(found.interval_corrected, rel=1e-7)


def test_kid_sets_equal_deletions_done_by_hand() -> None:
    x, y = features(72, 6, 1), features(48, 6, 2, 0.5)
    found = kid_sets(x, OWNERS, y, OTHERS, GROUPS)
    assert (found.plain, found.corrected, found.error) == pytest.approx(by_hand(x, y, kid), rel=1e-8)


def test_both_intervals_have_the_width_of_one_error_around_their_numbers() -> None:
    x, y = features(72, 6, 1), features(48, 6, 2, 0.5)
    found = frechet_sets(x, OWNERS, y, OTHERS, GROUPS)
    assert np.mean(found.interval_plain) == pytest.approx(found.plain)
    assert np.mean(found.interval_corrected) == pytest.approx(found.corrected)
    assert np.ptp(found.interval_plain) == pytest.approx(np.ptp(found.interval_corrected))
    assert np.ptp(found.interval_plain) > 2 * 1.96 * found.error
    assert found.corrected < found.plain
    assert "lessens" not in found.method
    fewer_clips = frechet_sets(features(72, 30, 1), OWNERS, features(48, 30, 2), OTHERS, GROUPS)
    assert fewer_clips.method.endswith("fewer clips than features: the correction only lessens the bias")


def test_the_names_of_clips_and_groups_do_not_matter() -> None:
    x, y = features(72, 6, 1), features(48, 6, 2, 0.5)
    found = frechet_sets(x, OWNERS, y, OTHERS, GROUPS)
    spread = np.zeros(50, int)
    spread[OWNERS * 2 + 1] = GROUPS[OWNERS] * 7  # clips that have no rows lie between, and groups have gaps
    assert frechet_sets(x, OWNERS * 2 + 1, y, OTHERS * 2 + 1, spread) == found
    mixed = np.random.default_rng(0).permutation(72)
    again = frechet_sets(x[mixed], OWNERS[mixed], y, OTHERS, GROUPS)
    assert (again.plain, again.corrected, again.error) == pytest.approx((found.plain, found.corrected, found.error))


def test_a_set_against_itself_has_no_distance_and_no_error() -> None:
    x = features(72, 6, 1)
    found = frechet_sets(x, OWNERS, x, OWNERS, GROUPS)
    assert (found.plain, found.corrected, found.error) == pytest.approx((0, 0, 0), abs=1e-9)


def test_wrong_sets_are_refused_with_a_sentence() -> None:
    x, y = features(72, 6, 1), features(48, 6, 2)
    with pytest.raises(BenchmarkError, match="2 groups"):
        frechet_sets(x, OWNERS, y, OTHERS, np.zeros(24, int))
    with pytest.raises(BenchmarkError, match="first set's owners"):
        frechet_sets(x, OWNERS[:-1], y, OTHERS, GROUPS)
    with pytest.raises(BenchmarkError, match=r"outside of 0\.\.22"):
        kid_sets(x, OWNERS, y, OTHERS, GROUPS[:23])
    with pytest.raises(BenchmarkError, match="fewer than 2 rows"):
        frechet_sets(x[:3], np.array([0, 0, 1]), y[:3], np.array([0, 1, 1]), np.arange(24))


def test_identities_are_groups_when_there_are_enough() -> None:
    names = [f"id{i % 14}" for i in range(70)]
    groups, text = make_groups(names)
    assert text == "14 identities"
    assert len(set(zip(names, groups.tolist(), strict=True))) == 14 == len(set(groups.tolist()))


def test_many_identities_are_merged_into_balanced_groups() -> None:
    names = [f"id{i}" for i in range(47) for _ in range(1 + i % 9)]
    groups, text = make_groups(names)
    assert text == "20 groups of 47 identities"
    assert len(set(zip(names, groups.tolist(), strict=True))) == 47  # no identity in two groups
    sizes = Counter(groups.tolist())
    assert len(sizes) == 20 and max(sizes.values()) - min(sizes.values()) <= 3


def test_clips_are_the_groups_where_identities_are_few() -> None:
    groups, text = make_groups(["a", "b", "c"] * 21)
    assert text == "20 groups of clips"
    assert set(Counter(groups.tolist()).values()) == {3, 4}
    groups, text = make_groups(["a", "b"] * 4)
    assert text == "8 clips" and sorted(groups.tolist()) == list(range(8))


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, 30), st.integers(0, 3))
def test_groups_do_not_depend_on_the_order_of_clips(random: object, people: int, seed: int) -> None:
    clips = [(f"clip{i}", f"id{i % people}") for i in range(45)]
    mixed = clips.copy()
    random.shuffle(mixed)
    groups, text = make_groups([name for _, name in clips], seed=seed, ids=[clip for clip, _ in clips])
    again, text_again = make_groups([name for _, name in mixed], seed=seed, ids=[clip for clip, _ in mixed])
    assert text == text_again
    assert dict(zip(clips, groups.tolist(), strict=True)) == dict(zip(mixed, again.tolist(), strict=True))


def test_a_seed_deals_clips_otherwise() -> None:
    names = ["a"] * 60
    assert not np.array_equal(make_groups(names, seed=0)[0], make_groups(names, seed=1)[0])


def test_wrong_groups_are_refused_with_a_sentence() -> None:
    with pytest.raises(BenchmarkError, match="at least one clip"):
        make_groups([])
    with pytest.raises(BenchmarkError, match="name of its own"):
        make_groups(["a", "b"], ids=["1", "1"])

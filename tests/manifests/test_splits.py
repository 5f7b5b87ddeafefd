"""No person is in two splits, old clips stay, and what would join two splits is set aside with a reason."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.schema import SCHEMAS, make_id, table_from_rows
from manifests.splits import CLASHES, JOINS, SPLITS, UNKNOWN, Splits, columns, split


def person(name: str | int) -> str:
    """The id of a made person."""
    return make_id("identity", name)


def clip(name: str | int, who: str | int | None, **more: Any) -> dict[str, Any]:
    """A kept clip of 4 s; each has a source of its own unless it is given."""
    row: dict[str, Any] = dict.fromkeys(columns())
    row |= {"id": make_id("clip", name), "source": make_id("source", more.pop("source", name)), "status": "kept"}
    row |= {"track": make_id("track", name), "identity": None if who is None else person(who), "seconds": 4.0}
    return row | more


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as columns of `clips`, sorted by id."""
    schema = pa.schema([SCHEMAS["clips"].field(name) for name in columns()])
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]), schema=schema)


def bridging(tracks: dict[str, list[str]]) -> pa.Table:
    """The table `identities` of tracks that lie near other persons."""
    return pa.table(
        {"id": pa.array(tracks.keys(), pa.string()), "bridges": pa.array(tracks.values(), pa.list_(pa.string()))}
    )


def by_clip(made: Splits) -> dict[str, str | None]:
    """Clip -> split."""
    return dict(zip(made.clips.column("id").to_pylist(), made.clips.column("split").to_pylist(), strict=True))


def bound(**splits: str) -> pa.Table:
    """A former decision: person -> split."""
    rows = [{"id": person(name), "split": where, "clips": 1, "seconds": 4.0} for name, where in splits.items()]
    return table_from_rows("splits", rows).sort_by("id")


def note(made: Splits, name: str | int) -> str | None:
    """Why a clip is set aside."""
    return next(row["split_note"] for row in made.clips.to_pylist() if row["id"] == make_id("clip", name))


def where(made: Splits, name: str | int) -> str | None:
    """The split of a clip."""
    return by_clip(made)[make_id("clip", name)]


def test_shares_are_met_and_persons_are_not_divided() -> None:
    rng = np.random.default_rng(0)
    rows = [clip(n, int(who)) for n, who in enumerate(rng.integers(0, 100, 2000))]
    made = split(table(rows), validation=0.2, test=0.1)
    counts = {name: list(by_clip(made).values()).count(name) for name in SPLITS}
    assert counts["train"] == pytest.approx(1400, abs=30)
    assert counts["validation"] == pytest.approx(400, abs=30)
    assert counts["test"] == pytest.approx(200, abs=30)
    places: dict[str, set[str]] = {}
    for row in rows:
        places.setdefault(row["identity"], set()).add(by_clip(made)[row["id"]])
    assert all(len(found) == 1 for found in places.values())
    assert made.notes == ()


def test_strata_are_as_frequent_in_each_split() -> None:
    rng = np.random.default_rng(1)
    emotions = rng.choice(["angry", "happy", "sad", None], 3000, p=[0.1, 0.2, 0.3, 0.4])
    rows = [clip(n, n // 6, given_emotion=emotion) for n, emotion in enumerate(emotions)]
    placed = by_clip(split(table(rows)))
    for emotion in ("angry", "happy", "sad", None):
        own = [placed[row["id"]] for row in rows if row["given_emotion"] == emotion]
        assert own.count("test") / len(own) == pytest.approx(0.1, abs=0.012)
        assert own.count("validation") / len(own) == pytest.approx(0.1, abs=0.012)


def test_what_is_measured_is_a_stratum_where_nothing_is_given() -> None:
    rng = np.random.default_rng(2)
    rows = []
    for n in range(3000):
        given, seen = rng.choice(["happy", None], p=[0.3, 0.7]), rng.choice(["happy", "sad"])
        both = "happily-surprised" if rng.random() < 0.2 else None
        rows.append(clip(n, n // 6, given_emotion=given, emotion=seen, compound=both))
    placed = by_clip(split(table(rows)))
    kinds: dict[str, list[str | None]] = {}
    for row in rows:
        label = row["given_emotion"] or row["compound"] or row["emotion"]
        kinds.setdefault(label, []).append(placed[row["id"]])
    assert set(kinds) == {"happy", "sad", "happily-surprised"}
    for own in kinds.values():
        assert own.count("test") / len(own) == pytest.approx(0.1, abs=0.012)
        assert own.count("validation") / len(own) == pytest.approx(0.1, abs=0.012)


def test_labels_that_are_measured_later_move_no_one() -> None:
    rows = [clip(n, n // 4) for n in range(200)]
    before = split(table(rows))
    names = ("happy", "sad", "angry")
    later = [{**row, "emotion": names[n % 3]} for n, row in enumerate(rows)]
    more = [clip(f"new {n}", n % 50, emotion=names[n % 2]) for n in range(60)]
    after = by_clip(split(table(later + more), previous=before.units))
    assert by_clip(before).items() <= after.items() and set(after.values()) == set(SPLITS)
    assert by_clip(split(table(later))) != by_clip(before)  # without the former decision, labels would matter


def test_another_seed_is_another_split_and_the_same_seed_the_same() -> None:
    rows = [clip(n, n // 3) for n in range(300)]
    assert by_clip(split(table(rows), seed=1)) == by_clip(split(table(rows), seed=1))
    assert by_clip(split(table(rows), seed=1)) != by_clip(split(table(rows), seed=2))


def test_only_kept_clips_are_in_a_split() -> None:
    made = split(table([clip("a", 1), clip("b", 1, status="dropped"), clip("c", 2, status="failed")]))
    assert where(made, "a") == "train"
    assert where(made, "b") is None
    assert where(made, "c") is None
    assert note(made, "b") is None
    assert made.units.column("clips").to_pylist() == [1]


def test_no_clips_at_all() -> None:
    made = split(table([]))
    assert made.clips.num_rows == made.units.num_rows == 0
    assert made.notes == ()


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.1), (0.1, 1.0), (float("nan"), 0.1)])
def test_shares_that_leave_nothing_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ManifestError, match="shares of validation and test"):
        split(table([clip("a", 1)]), validation=shares[0], test=shares[1])


def test_a_share_of_zero_gets_nothing() -> None:
    made = split(table([clip(n, n) for n in range(50)]), validation=0.0, test=0.2)
    assert set(by_clip(made).values()) == {"train", "test"}
    assert made.notes == ()


def test_three_persons_fill_three_splits_and_two_leave_validation_empty() -> None:
    three = split(table([clip(n, n % 3) for n in range(30)]))
    assert set(by_clip(three).values()) == set(SPLITS)
    two = split(table([clip(n, n % 2) for n in range(30)]))
    assert set(by_clip(two).values()) == {"train", "test"}
    assert two.notes[0] == "validation holds no clip: there are too few persons for 3 splits"
    assert "train holds 50% of the clips instead of 80%: persons are not divided" in two.notes
    one = split(table([clip(n, 0) for n in range(30)]))
    assert set(by_clip(one).values()) == {"train"}
    assert one.notes[0] == "validation and test hold no clip: there are too few persons for 3 splits"


def test_clips_go_together_by_source_name_and_duplicate() -> None:
    many = [clip(f"fill {n}", f"fill {n}") for n in range(40)]
    pairs = [
        (clip("a", None, source="s"), clip("b", None, source="s")),  # no identity: their source
        (clip("c", None, source="t"), clip("d", "p", source="t")),  # it may be the other's person
        (clip("e", "q", dataset="mead", given_identity="M003"), clip("f", "r", dataset="mead", given_identity="M003")),
        (clip("g", "v"), clip("h", "w", duplicate_of=make_id("clip", "g"))),
    ]
    apart = clip("i", "x", dataset="hdtf", given_identity="M003")
    moved = set()
    for seed in range(30):
        made = split(table(many + [row for pair in pairs for row in pair] + [apart]), seed=seed, test=0.3)
        for first, second in pairs:
            assert by_clip(made)[first["id"]] == by_clip(made)[second["id"]] is not None
        moved.add(by_clip(made)[apart["id"]] == by_clip(made)[pairs[2][0]["id"]])
    assert moved == {True, False}  # M003 of another data set is someone else


def test_a_track_near_two_new_persons_takes_them_along() -> None:
    rows = [clip(f"fill {n}", f"fill {n}") for n in range(40)] + [clip("a", "p"), clip("b", "q")]
    for seed in range(10):
        made = split(table(rows), bridging({make_id("track", "a"): [person("q")]}), seed=seed, test=0.3)
        assert where(made, "a") == where(made, "b")


def test_a_clip_between_persons_of_two_splits_is_set_aside() -> None:
    before = bound(p="train", q="test")
    rows = [clip("old", "p"), clip("older", "q"), clip("new", "p")]
    made = split(table(rows), bridging({make_id("track", "new"): [person("q")]}), before)
    assert [where(made, name) for name in ("old", "older", "new")] == ["train", "test", None]
    assert note(made, "new") == CLASHES + ": train and test"
    same = split(table(rows), bridging({make_id("track", "new"): [person("q")]}), bound(p="test", q="test"))
    assert where(same, "new") == "test"


def test_a_new_person_that_names_join_with_two_splits_is_set_aside() -> None:
    mead = {"dataset": "mead"}
    old = [clip("a", "p", **mead, given_identity="A"), clip("b", "q", **mead, given_identity="B")]
    before = split(table(old), previous=bound(p="train", q="validation")).units
    new = [clip("c", "n", **mead, given_identity="A"), clip("d", "n", **mead, given_identity="B"), clip("e", "n")]
    made = split(table(old + new), previous=before)
    assert [where(made, name) for name in "abcde"] == ["train", "validation", None, None, None]
    assert note(made, "e") == JOINS + ": train and validation"
    clash = split(table([*old, clip("f", "p", **mead, given_identity="B")]), previous=before)
    assert where(clash, "f") is None
    assert note(clash, "f") == CLASHES + ": train and validation"


def test_a_face_without_identity_in_a_source_of_two_splits_is_set_aside_and_the_others_stay() -> None:
    before = bound(p="train", q="test")
    old = [clip("a", "p", source="s"), clip("b", "q", source="s")]
    made = split(table([*old, clip("u", None, source="s")]), previous=before)
    assert [where(made, name) for name in "abu"] == ["train", "test", None]
    assert note(made, "u") == UNKNOWN + ": train and test"
    one = split(table([old[0], clip("u", None, source="s")]), previous=before)
    assert [where(one, name) for name in "au"] == ["train"] * 2
    later = split(table([old[0], clip("u", None, source="s"), old[1]]), previous=one.units)
    assert [where(later, name) for name in "aub"] == ["train", "train", "test"]  # who is in a split stays


def test_who_is_gone_comes_back_to_the_same_split() -> None:
    rows = [clip(n, n // 2) for n in range(60)]
    first = split(table(rows))
    fewer = split(table(rows[:20]), previous=first.units)
    assert by_clip(fewer).items() <= by_clip(first).items()
    assert fewer.units.column("id").equals(first.units.column("id"))
    assert by_clip(split(table(rows), previous=fewer.units)) == by_clip(first)


def drawn(rng: np.random.Generator, count: int, first: int) -> list[dict[str, Any]]:
    """Clips with everything that may join them."""
    rows = []
    for n in range(first, first + count):
        row = clip(n, int(rng.integers(0, 12)) if rng.random() < 0.8 else None, source=f"s{rng.integers(0, 15)}")
        if rng.random() < 0.4:
            row |= {"dataset": "mead", "given_identity": f"M{rng.integers(0, 8)}"}
        if rng.random() < 0.1 and rows:
            row["duplicate_of"] = rows[rng.integers(0, len(rows))]["id"]
        row["status"] = "kept" if rng.random() < 0.9 else "dropped"
        row["given_emotion"] = rng.choice(["happy", "sad", None])
        rows.append(row)
    return rows


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 12))
def test_growth_moves_no_clip_and_never_parts_a_person(seed: int, old: int, new: int) -> None:
    rng = np.random.default_rng(seed)
    rows = drawn(rng, old, 0)
    fresh = drawn(rng, new, old)
    near = {row["track"]: [person(int(rng.integers(0, 14)))] for row in rows + fresh if rng.random() < 0.2}
    before = split(table(rows), bridging(near), seed=seed)
    grown = table(rows + fresh)
    after = split(grown, bridging(near), before.units, seed=seed)
    placed = by_clip(after)
    for name, was in by_clip(before).items():
        assert was is None or placed[name] == was
    joined: dict[Any, set[str]] = {}
    for row in rows + fresh:
        if placed[row["id"]] is not None:
            for key in (row["identity"], (row["dataset"], row["given_identity"])):
                if key not in (None, (None, None)):
                    joined.setdefault(key, set()).add(placed[row["id"]])
            assert row["status"] == "kept"
    assert all(len(found) == 1 for found in joined.values())
    for row in after.clips.to_pylist():
        kept = next(clip["status"] for clip in rows + fresh if clip["id"] == row["id"]) == "kept"
        assert (row["split"] is None and kept) == (row["split_note"] is not None)
    again = split(grown, bridging(near), after.units, seed=seed)
    assert again.clips.equals(after.clips)
    assert again.units.equals(after.units)
    turned = split(grown.take(pa.array(rng.permutation(grown.num_rows))), bridging(near), before.units, seed=seed)
    assert turned.clips.sort_by("id").equals(after.clips)
    assert turned.units.equals(after.units)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25))
def test_a_first_split_sets_aside_only_unknown_faces_and_parts_only_what_nothing_joins(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [row | {"status": "kept"} for row in drawn(rng, count, 0)]
    made = split(table(rows), seed=seed)
    placed = by_clip(made)
    unknown = {row["id"] for row in rows if row["identity"] is None and row["given_identity"] is None}
    mixed = {row["source"] for row in rows if row["id"] in unknown}
    mixed &= {row["source"] for row in rows if row["id"] not in unknown}
    for row in made.clips.to_pylist():
        assert row["split"] or (row["id"] in unknown and row["split_note"].startswith(UNKNOWN))
    for row in rows:  # plain pairs: whatever two clips share
        for other in rows:
            same = row["identity"] is not None and row["identity"] == other["identity"]
            same |= row["given_identity"] is not None and row["given_identity"] == other["given_identity"]
            same |= row["source"] == other["source"] and (row["id"] in unknown or other["id"] in unknown)
            sure = all(one["id"] not in unknown or one["source"] not in mixed for one in (row, other))
            same |= row["duplicate_of"] == other["id"] and sure
            known = placed[row["id"]] and placed[other["id"]]
            assert not same or not known or placed[row["id"]] == placed[other["id"]]

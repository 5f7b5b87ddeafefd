"""Persons over the whole manifest: never two faces of one frame, names are used, ids stay when sources come and go."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.whole.identities import Identities
from manifests.schema import make_id
from tests.curation.whole_manifest import Made, manifest_of, source_id, track_id


def found(manifest: Made, **settings_: Any) -> pa.Table:
    """The table `identities`."""
    return Identities(**settings_).run(manifest)["identities"]


def persons(table: pa.Table) -> dict[str, str]:
    """Track -> person."""
    return dict(zip(table.column("id").to_pylist(), table.column("identity").to_pylist(), strict=True))


def at(*place: float) -> list[float]:
    """An embedding."""
    return list(place)


def drawn(rng: np.random.Generator, sources: range) -> list[dict[str, Any]]:
    """Sources of one to three tracks, some at once, of a few persons."""
    tracks = []
    for source in sources:
        for number in range(rng.integers(1, 4)):
            start = int(rng.integers(0, 60))
            vector = rng.integers(0, 4, 2) + rng.normal(0, 0.12, 2)
            tracks.append(
                {"source": f"{source}.mp4", "number": number, "vector": vector.tolist(), "span": (start, start + 40)}
            )
    return tracks


def test_a_person_has_the_id_of_the_first_track_and_clips_carry_it() -> None:
    manifest = manifest_of([{"source": "a", "vector": at(0, 0)}, {"source": "b", "vector": at(0.1, 0)}])
    made = Identities().run(manifest)
    first = min(track_id("a"), track_id("b"))
    assert set(persons(made["identities"]).values()) == {make_id("identity", first)}
    assert made["clips"].column("identity").to_pylist() == [make_id("identity", first)] * 2
    assert made["clips"].column("identity_distance").to_pylist() == pytest.approx([0.1, 0.1])


def test_two_faces_of_one_frame_are_two_persons_and_later_ones_may_be_the_same() -> None:
    twins = [
        {"source": "a", "number": n, "vector": at(0, 0), "span": span} for n, span in enumerate([(0, 50), (49, 90)])
    ]
    assert len(set(persons(found(manifest_of(twins))).values())) == 2
    twins[1]["span"] = (50, 90)
    assert len(set(persons(found(manifest_of(twins))).values())) == 1


def test_the_names_of_a_data_set_join_and_part() -> None:
    told = [
        {"source": "a", "vector": at(0, 0), "given": {"mead": "M003"}},
        {"source": "b", "vector": at(3, 0), "given": {"mead": "M003"}},
        {"source": "c", "vector": at(0, 0.1), "given": {"mead": "W009"}},
        {"source": "d", "vector": at(0, 0.1), "given": {"list": "M003"}},  # another data set's M003
    ]
    table = found(manifest_of(told))
    who = persons(table)
    assert who[track_id("a")] == who[track_id("b")] != who[track_id("c")]
    assert who[track_id("d")] == who[track_id("c")]  # by its face, nothing else is known
    assert dict(zip(who, table.column("given").to_pylist(), strict=True))[track_id("c")] == "W009"
    free = persons(found(manifest_of(told), trust_given=False))
    assert free[track_id("a")] == free[track_id("c")] != free[track_id("b")]


def test_a_source_that_names_one_person_has_one_person_but_for_faces_seen_at_once() -> None:
    place = [(0, 0.0, (0, 40)), (1, 5.0, (50, 90)), (2, 5.2, (0, 90))]
    tracks = [
        {"source": "a", "number": number, "vector": at(x, 0), "span": span, "given": {"list": "anna"}}
        for number, x, span in place
    ]
    who = persons(found(manifest_of(tracks[:2])))
    assert len(set(who.values())) == 1
    who = persons(found(manifest_of(tracks)))
    assert who[track_id("a", 0)] == who[track_id("a", 1)] != who[track_id("a", 2)]


def test_tracks_of_other_models_or_without_embedding_are_not_compared() -> None:
    manifest = manifest_of(
        [
            {"source": "a", "vector": at(0, 0)},
            {"source": "b", "vector": at(0, 0, 0), "model": "insightface/x@2"},
            {"source": "c", "vector": None},
        ]
    )
    made = Identities().run(manifest)
    assert len(set(persons(made["identities"]).values())) == 2
    assert track_id("c") not in persons(made["identities"])
    clips = dict(zip(made["clips"].column("id").to_pylist(), made["clips"].column("identity").to_pylist(), strict=True))
    assert clips[make_id("clip", track_id("c"))] is None


def test_no_embeddings_at_all_is_an_empty_table() -> None:
    made = Identities().run(manifest_of([{"source": "a", "vector": None}]))
    assert made["identities"].num_rows == 0
    assert made["clips"].column("identity").to_pylist() == [None]


def test_distance_and_margin_are_to_the_means_of_the_others() -> None:
    places = {"a": 0.0, "b": 0.2, "c": 0.4, "d": 2.0}
    table = found(manifest_of([{"source": name, "vector": at(x, 0)} for name, x in places.items()]))
    by_track = {row["id"]: row for row in table.to_pylist()}
    assert by_track[track_id("a")]["distance"] == pytest.approx(0.3)
    assert by_track[track_id("a")]["margin"] == pytest.approx(1.7)
    assert by_track[track_id("d")]["distance"] is None
    assert by_track[track_id("d")]["margin"] is None


def test_a_track_between_two_persons_joins_the_nearer_and_names_the_other() -> None:
    old = [{"source": "a", "vector": at(0, 0)}, {"source": "b", "vector": at(0.8, 0)}]
    before = found(manifest_of(old))
    both = manifest_of([*old, {"source": "n", "vector": at(0.39, 0)}], {"identities": before})
    after = found(both)
    row = next(row for row in after.to_pylist() if row["id"] == track_id("n"))
    assert row["identity"] == persons(before)[track_id("a")]
    assert row["bridges"] == [persons(before)[track_id("b")]]
    assert found(Made(both.tables, {"identities": after})).equals(after)
    alone = manifest_of([old[0], {"source": "n", "vector": at(0.39, 0)}], {"identities": after})
    assert found(alone).column("bridges").to_pylist() == [[], []]  # the other person is gone


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_ten_sources_more_or_less_change_no_old_person_and_a_second_run_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old, new = drawn(rng, range(12)), drawn(rng, range(12, 22))
    before = found(manifest_of(old))
    grown = manifest_of(old + new, {"identities": before})
    after = found(grown)
    assert persons(before).items() <= persons(after).items()
    assert found(Made(grown.tables, {"identities": after})).equals(after)
    fewer = [track for track in old + new if int(track["source"][:-4]) % 2]
    left = found(manifest_of(fewer, {"identities": after}))
    assert persons(left).items() <= persons(after).items()
    back = persons(found(manifest_of(old + new, {"identities": left})))
    assert persons(left).items() <= back.items()
    frames: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for track in old + new:
        person = persons(after)[track_id(track["source"], track["number"])]
        for start, end in frames.get((source_id(track["source"]), person), []):
            assert track["span"][0] >= end or track["span"][1] <= start
        frames.setdefault((source_id(track["source"]), person), []).append(track["span"])


def test_a_person_keeps_its_id_when_the_track_that_gave_it_is_gone_and_comes_back_as_another_person() -> None:
    first, second = sorted(("a", "b"), key=track_id)
    both = [{"source": first, "vector": at(0, 0)}, {"source": second, "vector": at(0.3, 0)}]
    one = found(manifest_of(both))
    person = persons(one)[track_id(first)]
    left = found(manifest_of(both[1:], {"identities": one}))
    assert persons(left) == {track_id(second): person}
    back = persons(found(manifest_of([{"source": first, "vector": at(9, 0)}, both[1]], {"identities": left})))
    assert back[track_id(second)] == person
    assert back[track_id(first)] not in (person, None)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_the_order_in_which_sources_came_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = drawn(rng, range(10))
    table = found(manifest_of(tracks))
    assert found(manifest_of([tracks[i] for i in rng.permutation(len(tracks))])).equals(table)
    assert table.column("id").to_pylist() == sorted(table.column("id").to_pylist())


def test_a_model_that_changed_names_everyone_anew_and_an_unknown_one_needs_a_threshold() -> None:
    tracks = [{"source": "a", "vector": at(0, 0)}, {"source": "b", "vector": at(0.1, 0)}]
    before = found(manifest_of(tracks))
    assert len(set(persons(before).values())) == 1
    other = [{**track, "vector": at(9.0 * place, 0), "model": "dlib-face@2"} for place, track in enumerate(tracks)]
    assert len(set(persons(found(manifest_of(other, {"identities": before}))).values())) == 2
    strange = manifest_of([{**tracks[0], "model": "other@1"}])
    with pytest.raises(CurationError, match=r"stages\.identities\.threshold"):
        found(strange)
    assert found(strange, threshold=0.4).num_rows == 1

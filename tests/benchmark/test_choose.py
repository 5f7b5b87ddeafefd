"""The test list: drawn by seed, the same from any order of rows, held-out persons first, never silently short."""

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.protocol import Choice, ClipForm, Protocol
from benchmark.testset.candidates import Candidate
from benchmark.testset.choose import choose


def candidate(number: int, person: str, **other: object) -> Candidate:
    facts = {
        "id": f"c_{number:016x}", "person": person, "seconds": Fraction(6), "emotion": "happy", "compound": None,
        "intensity": None, "label_from": "given", "sound": True, "split": "train", "box": None, "picture": (64, 64),
        "file": f"clips/{number}.mp4", "sha256": f"{number:064x}", "names": (person,),
    }  # fmt: skip
    return Candidate(**{**facts, **other})  # type: ignore[arg-type]


def protocol(**choice: object) -> Protocol:
    return Protocol(
        name="test", version=1, title="", description="", follows="", condition="label", metrics=["psnr"],
        clip=ClipForm(seconds=5.0, least_seconds=2.0, fps=25, size=[64, 64]),  # type: ignore[arg-type]
        choose=Choice(**{"subjects": 3, "clips": 2, **choice}),  # type: ignore[arg-type]
    )  # fmt: skip


MANY = [candidate(p * 10 + k, f"p{p}") for p in range(8) for k in range(5)]


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = random.Random(1).sample(MANY, len(MANY))
    assert choose(MANY, protocol()) == choose(shuffled, protocol())


def test_a_list_has_the_persons_and_clips_that_the_protocol_asks_for() -> None:
    found = choose(MANY, protocol())
    persons = [clip.person for clip in found.clips]
    assert len(set(persons)) == 3
    assert all(persons.count(person) == 2 for person in persons)
    assert found.shortfalls == ()


def test_another_seed_draws_other_clips() -> None:
    assert choose(MANY, protocol(seed=0)).clips != choose(MANY, protocol(seed=1)).clips


def test_another_person_moves_no_other_clip() -> None:
    before = choose(MANY, protocol(subjects=8))
    after = choose([*MANY, candidate(999, "new"), candidate(1000, "new")], protocol(subjects=9))
    assert set(before.clips) < set(after.clips)


def test_held_out_persons_come_first() -> None:
    held = [candidate(900 + k, "held", split="test") for k in range(3)]
    for seed in range(5):
        assert "held" in {clip.person for clip in choose([*MANY, *held], protocol(seed=seed)).clips}


def test_a_person_with_enough_clips_comes_before_a_held_out_one_without() -> None:
    few = candidate(900, "few", split="test")
    assert "few" not in {clip.person for clip in choose([*MANY, few], protocol()).clips}


def test_clips_are_taken_in_turn_from_so_many_emotions() -> None:
    emotions = ("angry", "fear", "happy", "sad", "surprised")
    clips = [candidate(100 * e + k, "p", emotion=name) for e, name in enumerate(emotions) for k in range(10)]
    found = choose(clips, protocol(subjects=1, clips=10, emotions=4)).clips
    counts = sorted([clip.emotion for clip in found].count(name) for name in {clip.emotion for clip in found})
    assert counts == [2, 2, 3, 3]


@pytest.mark.parametrize(
    ("needs", "without"),
    [(["sound"], {"sound": False}), (["label"], {"label_from": None}), ([], {"seconds": Fraction(199, 100)})],
)
def test_a_clip_without_what_is_needed_is_not_chosen(needs: list[str], without: dict[str, object]) -> None:
    lacking = [candidate(900 + k, "lacking", **without) for k in range(4)]
    found = choose([*MANY, *lacking], protocol(needs=needs, subjects=8))
    assert "lacking" not in {clip.person for clip in found.clips}


def test_too_small_a_manifest_is_refused_in_one_sentence_and_marked_when_allowed() -> None:
    with pytest.raises(BenchmarkError, match=r"8 of 20 persons.*--allow-fewer"):
        choose(MANY, protocol(subjects=20))
    assert choose(MANY, protocol(subjects=20), allow_fewer=True).shortfalls == ("8 of 20 persons",)


def test_a_manifest_without_a_fitting_clip_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="no clip for test"):
        choose([candidate(1, "p", seconds=Fraction(1))], protocol())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["train", "validation", "test", None])), min_size=1),
    st.integers(0, 3),
)
def test_no_list_has_a_clip_twice_or_more_than_was_asked_for(rows: list[tuple[int, str | None]], seed: int) -> None:
    clips = [candidate(k, f"p{person}", split=split) for k, (person, split) in enumerate(rows)]
    found = choose(clips, protocol(seed=seed), allow_fewer=True).clips
    ids = [clip.id for clip in found]
    assert ids == sorted(set(ids))
    persons = [clip.person for clip in found]
    assert len(set(persons)) <= 3
    assert all(persons.count(person) <= 2 for person in persons)

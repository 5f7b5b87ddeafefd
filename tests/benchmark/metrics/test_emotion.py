"""Emotion and compounds, by hand on small panels."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics import NotApplicable, metric
from benchmark.metrics._confusion import macro_f1
from benchmark.metrics.compound import PAIRS, answers, both_on_top, margins, pair_of
from benchmark.metrics.emotion_consistency import divergence
from manifests.emotions import BASIC, COMPOUNDS, EMOTIONS, parts
from tests.benchmark.metrics.material import features

BLANK = np.full((1, 8), np.nan)


def said(*names: str, share: float = 0.8) -> np.ndarray:
    """A panel that gives `share` to the names in equal parts and the rest to the others."""
    found = np.full((1, 8), (1 - share) / (8 - len(names)))
    for name in names:
        found[0, EMOTIONS.index(name)] = share / len(names)
    return found


def clip(
    name: str,
    label: str | None,
    answer: np.ndarray,
    truth: np.ndarray | None = None,
    face: Sequence[int] = (1, 1, 1, 1),
    real_face: Sequence[int] = (1, 1, 1, 1),
    members: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    person: str | None = None,
    intensity: int | None = None,
) -> Clip:
    """A clip with a panel's say on both sides; members are (real, generated)."""
    compound = label if label in COMPOUNDS else None
    members = members or {}
    truth = said(*parts(label or "neutral")) if truth is None else truth
    real = {"emotion": truth, "face": np.array(real_face, np.uint8)}
    generated = {"emotion": answer, "face": np.array(face, np.uint8)}
    real |= {f"emotion/{member}": pair[0] for member, pair in members.items()}
    generated |= {f"emotion/{member}": pair[1] for member, pair in members.items()}
    emotion = None if compound else label
    return Clip(name, person or name, emotion, compound, intensity, real, generated)


def result(key: str, *clips: Clip):  # type: ignore[no-untyped-def]
    return metric(key).compute(features(clips))


def test_a_clip_is_right_when_the_panel_s_first_choice_is_its_label() -> None:
    found = result("emotion-accuracy", clip("a", "happy", said("happy")), clip("b", "sad", said("happy")))
    assert found.per_clip == {"a": 1, "b": 0} and found.value == 0.5
    assert found.details["per_emotion"] == {"happy": {"value": 1, "n": 1}, "sad": {"value": 0, "n": 1}}


def test_frames_without_a_face_are_wrong() -> None:
    half = clip("a", "happy", said("happy"), face=(1, 0, 1, 0))
    none = clip("b", "happy", BLANK, face=(0, 0, 0, 0))
    turned = clip("c", "happy", said("happy"), face=(1, 0, 1, 0), real_face=(1, 0, 1, 0))
    assert result("emotion-accuracy", half, none, turned).per_clip == {"a": 0.5, "b": 0, "c": 1}


def test_clips_without_a_label_or_with_a_compound_do_not_count_in_accuracy() -> None:
    clips = (
        clip("a", "happy", said("happy")),
        clip("b", None, said("sad")),
        clip("c", "sadly-fear", said("sad", "fear")),
    )
    for key in ("emotion-accuracy", "emotion-normalised", "emotion-f1"):
        assert result(key, *clips).n == 1
    with pytest.raises(NotApplicable, match="labelled with an emotion"):
        result("emotion-accuracy", clips[1])
    with pytest.raises(NotApplicable, match="labelled with a compound emotion"):
        result("compound-margin", clips[0])


def test_a_clip_whose_ground_truth_shows_no_face_does_not_count() -> None:
    hidden = clip("a", "happy", said("sad"), truth=BLANK, real_face=(0, 0, 0, 0))
    assert result("emotion-accuracy", hidden, clip("b", "sad", said("sad"))).per_clip == {"b": 1}


def test_accuracy_stands_between_floor_and_ceiling() -> None:
    clips = [
        clip("a", "neutral", said("neutral")),  # always right, and so is an answer of neutral
        clip("b", "happy", said("happy")),
        clip("c", "sad", said("happy")),
        clip("d", "fear", said("sad"), truth=said("surprised")),  # the panel cannot read the truth
    ]
    accuracy = result("emotion-accuracy", *clips)
    assert accuracy.details["floor"] == 0.25 and accuracy.details["ceiling"] == 0.75 and accuracy.value == 0.5
    assert accuracy.details["chance"] == 0.25
    found = result("emotion-normalised", *clips)
    assert found.value == pytest.approx((0.5 - 0.25) / (0.75 - 0.25))
    assert found.per_clip == {"a": 1.5, "b": 1.5, "c": -0.5, "d": -0.5}


def test_a_failed_clip_has_accuracy_zero_before_normalising() -> None:
    broken = Clip("c", "c", "happy", real=clip("c", "happy", said("sad")).real, failure="none")
    found = result("emotion-normalised", clip("a", "neutral", said("neutral")), clip("b", "sad", said("sad")), broken)
    assert found.value == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3)) and found.per_clip["c"] == pytest.approx(-0.5)


def test_a_panel_that_cannot_read_the_truth_better_than_neutral_gives_no_normalised_number() -> None:
    with pytest.raises(NotApplicable, match="no accuracy can be set between"):
        result("emotion-normalised", clip("a", "happy", said("happy"), truth=said("sad")))


def test_a_member_is_judged_by_the_labels_that_it_has_a_word_for() -> None:
    seven = said("happy")[:, :7] / said("happy")[:, :7].sum()
    without = np.concatenate([seven, [[0.0]]], axis=1)  # no contempt
    clips = [
        clip("a", "happy", said("happy"), members={"x": (without, without)}),
        clip("b", "contempt", said("contempt"), members={"x": (without, without)}),
    ]
    found = result("emotion-accuracy", *clips).details
    assert found["members"]["x"]["n"] == 1 and found["members"]["x"]["value"] == 1
    assert found["agreement"] == 0.5


def test_the_confusion_matrix_holds_each_clip_once() -> None:
    broken = Clip("c", "c", "sad", real=clip("c", "sad", said("sad")).real, failure="none")
    clips = [clip("a", "happy", said("sad"), face=(1, 1, 1, 0)), clip("b", "sad", said("sad")), broken]
    table = result("emotion-accuracy", *clips).details["confusion"]
    assert table["labels"] == ["happy", "sad"] and table["answers"] == [*EMOTIONS, "no face"]
    counts = np.array(table["counts"])
    sad = EMOTIONS.index("sad")
    assert counts[0, sad] == 0.75 and counts[0, 8] == 0.25 and counts[1, sad] == 1 and counts[1, 8] == 1
    assert counts.sum() == 3


def test_accuracy_is_told_per_intensity_and_identity() -> None:
    clips = [
        clip("a", "happy", said("happy"), person="x", intensity=1),
        clip("b", "happy", said("sad"), person="x", intensity=3),
        clip("c", "happy", said("happy"), person="y"),
    ]
    found = result("emotion-accuracy", *clips).details
    assert found["per_intensity"] == {
        "1": {"value": 1, "n": 1},
        "3": {"value": 0, "n": 1},
        "none": {"value": 1, "n": 1},
    }
    assert found["per_identity"] == {"x": {"value": 0.5, "n": 2}, "y": {"value": 1, "n": 1}}


def test_macro_f1_is_the_mean_over_the_classes_among_the_labels() -> None:
    clips = [
        clip("a", "happy", said("happy")),
        clip("b", "happy", said("sad")),
        clip("c", "sad", said("sad")),
        clip("d", "fear", said("angry")),
    ]
    # happy: 1 of 2 found, nothing false: 2/3. sad: found, 1 false: 2/3. fear: 0.
    assert result("emotion-f1", *clips).value == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_f1_is_the_harmonic_mean_of_precision_and_recall_on_any_table() -> None:
    rng = np.random.default_rng(0)
    labels, chosen = rng.integers(0, 4, 200), rng.integers(0, 6, 200)
    counts = np.zeros((4, 6))
    np.add.at(counts, (labels, chosen), 1)
    plain = []
    for name in range(4):
        right = int(((labels == name) & (chosen == name)).sum())
        precision, recall = right / int((chosen == name).sum()), right / int((labels == name).sum())
        plain.append(2 * precision * recall / (precision + recall))
    assert float(macro_f1(counts, np.arange(4))) == pytest.approx(np.mean(plain))


def test_the_interval_of_f1_has_the_width_of_a_bootstrap_over_clips() -> None:
    rng = np.random.default_rng(1)
    labels = rng.choice(BASIC, 120)
    wrong = rng.uniform(size=120) < 0.4
    clips = [
        clip(f"c{n:03}", str(label), said(str(rng.choice(BASIC)) if wrong[n] else str(label)), person=f"p{n % 30}")
        for n, label in enumerate(labels)
    ]
    found = result("emotion-f1", *clips)
    places = np.array([BASIC.index(str(label)) for label in labels])
    chosen = np.array([int(c.generated["emotion"].argmax()) for c in clips])
    again = []
    for _ in range(400):
        drawn = rng.integers(0, 120, 120)
        counts = np.zeros((6, 9))
        np.add.at(counts, (places[drawn], chosen[drawn]), 1)
        again.append(float(macro_f1(counts, np.arange(6))))
    width, wanted = found.interval[1] - found.interval[0], np.ptp(np.percentile(again, [2.5, 97.5]))
    assert 0.6 * wanted < width < 1.7 * wanted


def test_one_clip_has_an_f1_and_no_interval() -> None:
    assert result("emotion-f1", clip("a", "happy", said("happy"))).interval == (-math.inf, math.inf)


def test_consistency_is_the_divergence_from_the_ground_truth_in_bits() -> None:
    sure, other = np.eye(8)[:1], np.eye(8)[1:2]
    both = (sure + other) / 2
    found = result(
        "emotion-consistency",
        clip("a", None, sure, truth=sure),
        clip("b", None, other, truth=sure),
        clip("c", None, both, truth=sure),
    )
    # JSD of (1, 0) and (1/2, 1/2): H(3/4, 1/4) - H(1/2, 1/2) / 2
    half = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)) - 0.5
    assert found.per_clip == {"a": 0, "b": 1, "c": pytest.approx(half)}


def test_a_lost_face_is_as_inconsistent_as_can_be() -> None:
    part = clip("a", None, said("happy"), truth=said("happy"), face=(1, 1, 1, 0))
    none = clip("b", None, BLANK, truth=said("happy"), face=(0, 0, 0, 0))
    assert result("emotion-consistency", part, none).per_clip == {"a": 0.25, "b": 1}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_divergence_is_symmetric_and_lies_between_0_and_1(seed: int) -> None:
    one, other = np.random.default_rng(seed).dirichlet(np.full(8, 0.2), (2, 5))
    found = divergence(one, other)
    assert (found >= 0).all() and (found <= 1).all()
    assert found == pytest.approx(divergence(other, one)) and divergence(one, one) == pytest.approx(0, abs=1e-12)


def test_a_compound_s_margin_is_its_lesser_part_over_the_best_other_pair() -> None:
    answer = np.zeros((1, 8))
    answer[0, [EMOTIONS.index(name) for name in ("happy", "surprised", "sad", "neutral")]] = [0.4, 0.3, 0.2, 0.1]
    found = result("compound-margin", clip("a", "happily-surprised", answer))
    assert found.value == pytest.approx(0.3 - 0.2)
    assert result("compound-margin", clip("a", "sadly-surprised", answer)).value == pytest.approx(0.2 - 0.3)
    assert result("compound-balance", clip("a", "happily-surprised", answer)).value == pytest.approx(0.1)


def test_both_parts_must_be_on_top_of_all_eight() -> None:
    for answer, wanted in (
        (said("happy", "surprised"), 1),
        (said("happy"), 0),
        (said("happy", "surprised", "neutral"), 0),
        (np.full((1, 8), 1 / 8), 0),
    ):
        assert result("compound-top2", clip("a", "happily-surprised", answer)).value == wanted


def test_an_answer_is_the_best_pair_and_other_when_that_is_no_compound_of_the_four() -> None:
    asked = np.concatenate([said("sad", "fear"), said("angry", "happy"), np.full((1, 8), 1 / 8), BLANK])
    assert answers(asked).tolist() == [list(COMPOUNDS).index("sadly-fear"), 4, 4, 4]


def test_compound_f1_is_over_the_compounds_among_the_labels() -> None:
    clips = [
        clip("a", "sadly-fear", said("sad", "fear")),
        clip("b", "sadly-fear", said("angry", "happy")),
        clip("c", "happily-surprised", said("happy", "surprised")),
    ]
    found = result("compound-f1", *clips)
    assert found.value == pytest.approx((2 / 3 + 1) / 2)
    assert found.details["confusion"]["answers"] == [*COMPOUNDS, "other", "no face"]


def test_compounds_without_a_face_are_the_worst_in_proportion() -> None:
    answer = said("happy", "surprised", share=1.0)  # margin 0.5
    half = clip("a", "happily-surprised", answer, face=(1, 1, 0, 0))
    wanted = {"compound-margin": 0.0, "compound-top2": 0.5, "compound-balance": 0.5}
    for key, value in wanted.items():
        assert result(key, half).value == pytest.approx(value)
        blank = clip("a", "happily-surprised", BLANK, face=(0, 0, 0, 0))
        assert result(key, blank).value == metric(key).worst


def test_there_are_15_pairs_and_each_compound_is_one_of_them() -> None:
    assert len(PAIRS) == 15 and len({pair_of(name) for name in COMPOUNDS}) == 4
    for name, both in COMPOUNDS.items():
        assert {BASIC[place] for place in PAIRS[pair_of(name)]} == set(both)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_best_pair_has_the_only_margin_above_zero_and_margins_are_bounded(seed: int) -> None:
    asked = np.repeat(np.random.default_rng(seed).dirichlet(np.full(8, 0.5), 1), 15, axis=0)
    found = margins(asked, np.arange(15))
    assert (found > 0).sum() <= 1 and (np.abs(found) <= 0.5).all()
    assert both_on_top(asked, np.arange(15)).sum() <= 1


@pytest.mark.parametrize("row", [np.full((1, 8), 0.2), np.array([[1.5, -0.5, 0, 0, 0, 0, 0, 0]])])
def test_probabilities_that_are_none_are_refused_by_name(row: np.ndarray) -> None:
    with pytest.raises(BenchmarkError, match=r"a: emotion (does not sum to 1|lies outside 0 to 1)"):
        result("emotion-accuracy", clip("a", "happy", row))


def test_a_label_outside_the_taxonomy_is_refused_by_name() -> None:
    with pytest.raises(BenchmarkError, match="a has the emotion bored, which is none"):
        result("emotion-accuracy", clip("a", "bored", said("happy"), truth=said("happy")))


def test_faces_of_different_length_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="a: face has 4 rows of the ground truth and 3"):
        result("emotion-accuracy", clip("a", "happy", said("happy"), face=(1, 1, 1)))


def test_a_member_that_only_some_clips_have_is_left_out() -> None:
    clips = [
        clip("a", "happy", said("happy"), members={"x": (said("happy"), said("happy"))}),
        clip("b", "happy", said("happy")),
    ]
    assert result("emotion-accuracy", *clips).details["members"] == {}


def test_emotion_needs_no_member_beside_the_mean() -> None:
    held = Features((clip("a", "happy", said("happy")),), {"emotion": "panel@1"})
    assert metric("emotion-accuracy").compute(held).name == "emotion-accuracy/panel@1/v1"

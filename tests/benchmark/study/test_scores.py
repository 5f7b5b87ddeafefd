"""Scores of simulated studies: intervals hold what was planted; who answers anything is excluded, others are not."""

import numpy as np
import pytest

from benchmark.study.clustered import mean
from benchmark.study.opinions import computed
from benchmark.study.ratings import Answer
from tests.benchmark.study.material import Crowd, study


@pytest.mark.parametrize(("raters", "clips", "asked"), [(15, 10, 1.0), (8, 20, 1.0), (30, 40, 0.5)])
def test_intervals_hold_the_planted_mean_about_95_times_in_100(raters: int, clips: int, asked: float, table) -> None:
    rng, hits, naive, draws = np.random.default_rng(7), 0, 0, 1000
    who, what = np.indices((raters, clips))
    for _ in range(draws):
        felt = 3 + rng.normal(0, 0.5, raters)[:, None] + rng.normal(0, 0.4, clips) + rng.normal(0, 0.7, who.shape)
        answers = np.clip(np.round(felt), 1, 5)
        kept = rng.random(who.shape) <= asked
        found = mean(answers[kept], who[kept], what[kept])
        hits += found.low <= 3 <= found.high
        alone = 1.96 * answers[kept].std(ddof=1) / np.sqrt(kept.sum())
        naive += abs(answers[kept].mean() - 3) <= alone
    held = f"{hits / draws:.3f} of intervals hold the mean (answers taken as independent: {naive / draws:.3f})"
    table(f"{raters} raters x {clips} clips: {held}")
    assert 0.925 <= hits / draws <= 0.98
    assert naive / draws < 0.85, "answers are not independent: an interval that takes them so is too narrow"


def test_planted_scores_lie_in_their_intervals_and_emotions_have_scores_of_their_own() -> None:
    inside = total = 0
    for seed in range(12):
        found = study(checks=0, seed=seed)
        crowd = Crowd(found, seed)
        scored = computed(found, crowd.answers())
        for line in scored.scores:
            planted = crowd.means[found.systems.index(line.system), found.questions.index(line.question)]
            inside += line.interval[0] <= planted <= line.interval[1]
            total += 1
        assert {line.emotion for line in scored.by_emotion} == {"happy", "sad"}
        assert all(line.items == 5 for line in scored.by_emotion)
    assert inside / total > 0.88


def test_raters_who_answer_anything_are_excluded_and_others_are_not(table) -> None:
    caught = wronged = 0
    for seed in range(30):
        found = study(raters=12, checks=0, seed=seed)
        excluded = computed(found, Crowd(found, seed, random=(4,)).answers()).excluded
        caught += "4" in excluded
        wronged += len(excluded.keys() - {"4"})
    table(f"of 30 who answer anything {caught} are excluded, of 330 others {wronged}")
    assert caught >= 25 and wronged <= 2


@pytest.mark.parametrize("value", [1, 3, 5])
def test_a_rater_who_always_gives_the_same_answer_is_excluded(value: int) -> None:
    found = study(checks=0)
    answers = [
        Answer(one.rater, one.position, dict.fromkeys(one.values, value), 1.0, 1) if one.rater == 2 else one
        for one in Crowd(found, 1).answers()
    ]
    scored = computed(found, answers)
    assert list(scored.excluded) == ["2"] and "never differ" in scored.excluded["2"]


def test_a_rater_who_does_not_read_is_excluded_for_that_and_judged_no_further() -> None:
    found = study(checks=4)
    scored = computed(found, Crowd(found, 2, careless=(9,)).answers())
    assert list(scored.excluded) == ["9"] and "instructed steps" in scored.excluded["9"]
    line = next(line for line in scored.raters if line.rater == 9)
    assert line.failed > 1 and line.instructed == 4 and line.p is None
    assert all(line.failed == 0 for line in scored.raters if line.rater != 9)


def test_one_failed_check_or_a_single_check_excludes_nobody() -> None:
    one = study(checks=1)
    assert computed(one, Crowd(one, 3, careless=(5,)).answers()).excluded == {}


def test_unfinished_raters_count_with_what_they_answered_and_are_told() -> None:
    found = study(raters=10)
    answers = [one for one in Crowd(found, 4).answers(finished=30) if one.rater != 3]
    scored = computed(found, answers)
    assert "9 of 10 raters answered, 8 to the end; what the others answered counts" in scored.marks
    assert next(line.answered for line in scored.raters if line.rater == 10) == 30
    items = sum(step.kind == "item" for step in found.sequences[9][:30])
    assert sum(line.ratings for line in scored.scores if line.question == "identity") == 8 * 40 + items


def test_one_rater_gives_the_whole_scale_as_interval() -> None:
    found = study()
    scored = computed(found, [one for one in Crowd(found, 5).answers() if one.rater == 1])
    assert {line.interval for line in scored.scores} == {(1.0, 5.0)} and any(
        "whole scale" in one for one in scored.marks
    )
    assert scored.excluded == {} and scored.alpha == dict.fromkeys(found.questions)


def test_repeats_and_instructed_steps_are_no_ratings() -> None:
    found = study(checks=3)
    scored = computed(found, Crowd(found, 6).answers())
    assert all(line.ratings == 150 and line.raters == 15 and line.items == 10 for line in scored.scores)
    assert all(line.repeat_difference is not None and line.repeat_difference < 2 for line in scored.raters)


def test_choices_give_shares_and_strengths_in_the_planted_order() -> None:
    found = study(systems=3, kind="choice", raters=14)
    scored = computed(found, Crowd(found, 7, random=(6,)).answers())
    assert scored.scores == () and list(scored.excluded) == ["6"]
    assert len(scored.preferences) == 3 * 4 and all(line.value < 0.5 for line in scored.preferences)
    for question in found.questions:
        strengths = [line for line in scored.strengths if line.question == question]
        assert [line.system for line in sorted(strengths, key=lambda line: line.value)] == ["s0", "s1", "s2"]
        assert sum(line.value for line in strengths) == pytest.approx(0, abs=1e-9)
        assert all(line.interval[0] < line.value < line.interval[1] for line in strengths)


def test_strengths_are_the_log_odds_of_two_systems() -> None:
    found = study(systems=2, kind="choice", raters=12, questions=("naturalness",), checks=0)
    scored = computed(found, Crowd(found, 8).answers())
    (share,), kept = scored.preferences, scored.preferences[0].ratings
    won = share.value * kept + 0.5
    odds = np.log(won / (kept + 1 - won))
    assert scored.strengths[0].value - scored.strengths[1].value == pytest.approx(odds, abs=1e-9)


def test_where_all_choose_alike_the_share_has_an_interval_all_the_same() -> None:
    found = study(systems=2, kind="choice", raters=12, questions=("identity",), checks=0)
    answers = [
        Answer(rater, at, {"identity": 1 + (found.media[step.media[0]].system != "s1")}, 1.0, 1)
        for rater, sequence in enumerate(found.sequences, start=1)
        for at, step in enumerate(sequence)
    ]
    (line,) = computed(found, answers).preferences
    assert line.value == 0 and line.interval[0] == 0 and 0.2 < line.interval[1] < 0.4

"""Which clips a step trains on: every promise of `moee_model.sampler.Plan`."""

import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from moee_model.batch import EXPERTS, NONE, Request
from moee_model.errors import ModelError
from moee_model.sampler import STAGES, Plan

COMPOUNDS = ((0, 5), (1, 5), (1, 4), (2, 3))
NAN = (np.nan,) * 6


def labels(singles: tuple[int, ...] = (1, 2, 3, 4, 5, 6), compounds: int = 8, neutral: int = 3, unknown: int = 2):
    """So many clips of each single emotion, of compounds in turn, neutral ones and ones without a label."""
    rows = [np.eye(6)[expert] for expert, count in enumerate(singles) for _ in range(count)]
    for number in range(compounds):
        rows.append(np.zeros(6))
        rows[-1][list(COMPOUNDS[number % 4])] = 0.5
    return np.array([*rows, *[np.zeros(6)] * neutral, *[NAN] * unknown], np.float32)


def drawn(plan: Plan, steps: int) -> list[Request]:
    return [request for step in range(steps) for request in plan.requests(step)]


def one_hot(expert: int) -> tuple[float, ...]:
    return tuple(np.eye(6)[expert])


@pytest.mark.parametrize("stage", STAGES)
def test_a_step_depends_on_seed_and_step_alone(stage: str) -> None:
    forwards = [Plan(labels(), stage, 7, 3).requests(step) for step in range(20)]
    plan = Plan(labels(), stage, 7, 3)
    assert [plan.requests(step) for step in reversed(range(20))] == forwards[::-1]
    assert [Plan(labels(), stage, 7, 4).requests(step) for step in range(20)] != forwards


def test_another_process_draws_the_same() -> None:
    code = (
        "import numpy as np; from moee_model.sampler import Plan;"
        "print([Plan(np.eye(6), 'experts', 5, 9).requests(step) for step in range(4)])"
    )
    plan = Plan(np.eye(6), "experts", 5, 9)
    for hash_seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed}
        )
        assert told.stdout.strip() == str([plan.requests(step) for step in range(4)])


def test_the_order_of_a_seed_stays_what_it_is() -> None:
    """A resumed run must go on with the clips that it would have had: these numbers may never change."""
    plan = Plan(np.eye(6), "image", 6, 0)
    assert [request.index for request in plan.requests(0)] == [5, 1, 3, 4, 2, 0]
    assert plan.requests(0)[0].seed == 6986293959403160517


@pytest.mark.parametrize("stage", STAGES)
def test_every_sample_has_a_seed_of_its_own(stage: str) -> None:
    seeds = [request.seed for request in drawn(Plan(labels(), stage, 16, 0), 50)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("stage", ["image", "motion-audio"])
def test_first_stages_see_every_clip_once_an_epoch_in_new_orders_and_no_expert_speaks(stage: str) -> None:
    known = labels()
    found = drawn(Plan(known, stage, 4, 1), len(known))  # 4 epochs
    epochs = [[request.index for request in found[first : first + len(known)]] for first in range(0, 136, len(known))]
    assert all(sorted(epoch) == list(range(len(known))) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    for request in found:
        assert request.gates == NONE
        assert not request.masked
        assert request.label == (NONE if np.isnan(known[request.index]).any() else tuple(known[request.index]))


def test_the_expert_stage_gives_every_emotion_its_turn_equally_often() -> None:
    known = labels(singles=(1, 50, 3, 4, 5, 60))
    found = drawn(Plan(known, "experts", 6, 2, noisy=0.0), 100)
    assert Counter(request.label for request in found) == {one_hot(expert): 100 for expert in range(6)}
    assert len({tuple(request.label for request in found[first : first + 6]) for first in range(0, 600, 6)}) > 50
    for request in found:
        assert request.gates == request.label == tuple(known[request.index])
        assert not request.masked


def test_in_the_expert_stage_the_clips_of_an_emotion_come_equally_often() -> None:
    known = labels(singles=(4, 4, 4, 4, 4, 4))
    found = drawn(Plan(known, "experts", 6, 2, noisy=0.0), 20)
    assert Counter(request.index for request in found) == dict.fromkeys(range(24), 5)


def test_noisy_samples_show_another_emotion_or_none_and_are_masked_and_labelled_with_the_expert() -> None:
    known = labels()
    found = drawn(Plan(known, "experts", 6, 5, noisy=0.3), 500)
    noisy = [request for request in found if request.masked]
    assert abs(len(noisy) / len(found) - 0.3) < 0.03
    shown = Counter()
    for request in noisy:
        assert request.gates == request.label == one_hot(int(np.argmax(request.label)))
        kind = known[request.index]
        assert tuple(kind) != request.label
        assert kind.sum() == 0 or kind.max() == 1  # neutral or a single emotion, no compound, none without a label
        shown[tuple(kind)] += 1
    assert len(shown) == 7
    assert min(shown.values()) > 0.5 * max(shown.values())


def test_gates_learn_from_compounds_with_their_own_gate_beside_single_emotions_with_their_expert() -> None:
    known = labels(compounds=9)  # 3, 2, 2, 2 of the four kinds
    found = drawn(Plan(known, "gates", 8, 0, single_share=0.25), 100)
    own = [request for request in found if request.gates is None]
    alone = [request for request in found if request.gates is not None]
    assert (len(own), len(alone)) == (600, 200)
    assert all(request.label == tuple(known[request.index]) for request in found)
    assert Counter(request.label for request in own) == {
        tuple(np.isin(np.arange(6), pair) / 2): 150 for pair in COMPOUNDS
    }
    assert {request.label for request in alone} == {one_hot(expert) for expert in range(6)}
    assert all(request.gates == request.label for request in alone)


def test_every_process_gets_some_compounds() -> None:
    plan = Plan(labels(), "gates", 8, 0)
    for rank in range(2):
        mine = [request for step in range(100) for request in plan.requests(step)[rank::2]]
        assert 0.4 < np.mean([request.gates is None for request in mine]) < 0.6


def test_missing_emotions_are_named_and_can_be_allowed() -> None:
    known = labels(singles=(3, 0, 3, 0, 3, 3))
    with pytest.raises(ModelError, match=r"experts sad, disgusted have no clip.*allow_missing"):
        Plan(known, "experts", 4, 0)
    found = drawn(Plan(known, "experts", 4, 0, allow_missing=True), 20)
    assert Counter(request.label for request in found) == {one_hot(expert): 20 for expert in (0, 2, 4, 5)}


def test_missing_compounds_are_told_and_single_emotions_can_stand_in() -> None:
    known = labels(compounds=0)
    with pytest.raises(ModelError, match=r"compound.*allow_missing"):
        Plan(known, "gates", 4, 0)
    found = drawn(Plan(known, "gates", 4, 0, allow_missing=True), 20)
    own = [request for request in found if request.gates is None]
    assert len(own) == 40
    assert {request.label for request in own} == {one_hot(expert) for expert in range(6)}
    assert all(request.gates is not None for request in drawn(Plan(known, "gates", 4, 0, single_share=1.0), 5))


@pytest.mark.parametrize("stage", ["experts", "gates"])
def test_without_any_emotion_the_emotion_stages_are_refused(stage: str) -> None:
    with pytest.raises(ModelError, match=f"single emotion.*{stage}"):
        Plan(labels(singles=(0,) * 6), stage, 4, 0, allow_missing=True)
    assert Plan(labels(singles=(0,) * 6), "motion-audio", 4, 0).requests(0)


def test_one_emotion_alone_cannot_be_noisy() -> None:
    known = labels(singles=(3, 0, 0, 0, 0, 0), neutral=0)
    with pytest.raises(ModelError, match="noisy to 0"):
        Plan(known, "experts", 4, 0, allow_missing=True)
    assert Plan(known, "experts", 4, 0, noisy=0.0, allow_missing=True).requests(0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stage": "stage 2"}, "no stage 'stage 2'"),
        ({"batch": 0}, "batch of 0"),
        ({"noisy": 1.5}, "noisy is 1.5"),
        ({"single_share": -0.1}, "single_share is -0.1"),
        ({"labels": np.zeros((0, 6))}, "no clip"),
    ],
)
def test_wrong_settings_are_one_sentence(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Plan(**{"labels": labels(), "stage": "image", "batch": 4, "seed": 0, **settings})


@pytest.mark.parametrize("stage", STAGES)
def test_a_step_of_a_million_clips_takes_milliseconds(stage: str) -> None:
    plan = Plan(np.tile(labels((1,) * 6, 4, 1, 1), (83_334, 1)), stage, 32, 0)
    plan.requests(0)  # makes the epoch's order
    seconds = []
    for step in range(1, 30):
        began = time.perf_counter()
        plan.requests(step)
        seconds.append(time.perf_counter() - began)
    assert np.median(seconds) < 0.01


def test_the_order_of_experts_is_the_papers() -> None:
    assert EXPERTS == ("happy", "sad", "angry", "disgusted", "fear", "surprised")

"""Emotions as a user says them."""

from __future__ import annotations

import pytest

from moee_model.batch import EXPERTS, NONE
from moee_model.emotion import Emotion, parse
from moee_model.errors import ModelError


@pytest.mark.parametrize("number", range(6))
def test_one_basic_emotion_is_its_expert_alone(number: int) -> None:
    told = parse(EXPERTS[number].upper() + " ")
    assert told.weights == told.gates == tuple(float(k == number) for k in range(6))


def test_neutral_is_no_expert() -> None:
    assert parse("neutral") == Emotion() and Emotion().gates == NONE


def test_a_compound_is_half_and_half_and_the_own_gate_mixes() -> None:
    told = parse("happily-surprised")
    assert told.weights == (0.5, 0, 0, 0, 0, 0.5) and told.gates is None


def test_a_mixture_weighs_the_experts() -> None:
    told = parse("happy=0.6, surprised=0.4")
    assert told.weights == told.gates == (0.6, 0, 0, 0, 0, 0.4)
    assert parse("sad=0.3").gates == (0, 0.3, 0, 0, 0, 0)  # the rest is neutral


@pytest.mark.parametrize(("spec", "said"), [
    ("hapy", "happy"), ("contempt", "There is no emotion"), ("happy=0.9,sad=0.3", "must not exceed 1"),
    ("happy=x", "no part of a mixture"), ("happy=nan", "no part of a mixture"), ("happy=0.1,happy=0.2", "no part"),
    ("=", "A mixture has no emotion"), ("", "There is no emotion"), ("happy=-1", "no part"), ("happy=0", "add up to 0"),
    ("\x1b[31mred", "There is no emotion"),
])  # fmt: skip
def test_anything_else_is_one_sentence(spec: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as error:
        parse(spec)
    assert "\x1b" not in str(error.value) and "\n" not in str(error.value)

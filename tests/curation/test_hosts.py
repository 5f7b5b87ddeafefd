"""A model in an actor: each asker gets what the model says of its own crops, whoever asks at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from curation.engines.hosts import BATCH, Host
from perception.networks import full_batches
from perception.panel import About, FaceCrop, Looks
from perception.serving import MemberFacts, ServedMember, opened, use


class Mean:
    """Says the mean of each crop; refuses a black one; remembers how many crops it was shown at once."""

    def __init__(self) -> None:
        self.about = About("mean", "none", ("mean",), "nothing", "none", False)
        self.model_hashes = {"mean": "0" * 64}
        self.crop = FaceCrop(side=4, scale=1.0)
        self.stride = 1
        self.shown: list[int] = []
        self.first = threading.Event()

    def __call__(self, crops: Sequence[np.ndarray]) -> Looks:
        self.shown.append(len(crops))
        if not self.first.is_set():
            self.first.set()
            time.sleep(0.3)  # the others ask meanwhile
        if not all(crop.any() for crop in crops):
            raise ValueError("a black crop")
        return Looks(np.array([[crop.mean()] for crop in crops], np.float32))


def crop(value: int) -> np.ndarray:
    return np.full((4, 4, 3), value, np.uint8)


@pytest.fixture
def hosted() -> tuple[Mean, Host]:
    model = Mean()
    return model, Host(lambda device: model, "cpu")


def ask_all(host: Host, questions: Sequence[Sequence[np.ndarray]]) -> list[Looks]:
    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(host.ask, questions))


def test_every_asker_gets_its_own_answer_and_batches_are_shared(hosted: tuple[Mean, Host]) -> None:
    model, host = hosted
    questions = [[crop(10 * asker + number) for number in range(1, 4)] for asker in range(20)]
    answers = ask_all(host, questions)
    for asker, answer in enumerate(answers):
        assert answer.probabilities is not None
        assert answer.probabilities[:, 0].tolist() == [10 * asker + number for number in range(1, 4)]
        assert answer.action_units is None
    assert sum(model.shown) == 60
    assert max(model.shown) > 3, "crops of several sources make one batch"
    assert max(model.shown) < BATCH + 3, "a batch ends when it is full"


def test_a_crop_that_fails_fails_its_own_asker_only(hosted: tuple[Mean, Host]) -> None:
    _, host = hosted
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(host.ask, question) for question in ([crop(5)], [crop(0), crop(1)], [crop(7)])]
    assert asked[0].result().probabilities[0, 0] == 5
    assert asked[2].result().probabilities[0, 0] == 7
    with pytest.raises(ValueError, match="a black crop"):
        asked[1].result()


def test_a_stage_cannot_tell_a_served_model_from_its_own(hosted: tuple[Mean, Host]) -> None:
    model, host = hosted
    with use({"emotion/mean": host}):
        served = opened("emotion/mean", lambda device: pytest.fail("it is open elsewhere"))
        own = opened("emotion/other", lambda device: device)
    assert isinstance(served, ServedMember) and own == "cpu"
    assert (served.about, served.crop, served.stride) == (model.about, model.crop, model.stride)
    assert served([crop(9)]).probabilities.tolist() == [[9.0]]
    assert isinstance(host.facts(), MemberFacts)


def test_batches_for_a_gpu_are_always_full() -> None:
    batches = list(full_batches([crop(value) for value in range(1, 8)], 3))
    assert [len(batch) for batch in batches] == [3, 3, 3]
    assert [int(made.max()) for batch in batches for made in batch] == [1, 2, 3, 4, 5, 6, 7, 0, 0]

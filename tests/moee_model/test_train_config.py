"""How a training is written down: presets, settings that are refused, learning rates, clipping, averages."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moee_model import optimizer
from moee_model.config import presets
from moee_model.distributed import World
from moee_model.ema import Ema
from moee_model.errors import ModelError
from moee_model.groups import STAGES
from moee_model.train_config import StageConfig, TrainConfig, train_config
from tests.moee_model.synthetic import short_training

torch.set_num_threads(1)


def parameter(*values: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values))


@pytest.mark.parametrize("name", presets())
def test_every_preset_trains_the_four_stages_in_their_order(name: str) -> None:
    assert [stage.name for stage in train_config(name).stages] == list(STAGES)


def test_the_paper_preset_has_the_papers_numbers() -> None:
    """MoEE: AdamW, lr 1e-5, 30,000 steps per stage, the second one divided; Hallo: min-SNR 5, offset 0.05, clip 1."""
    train = train_config("paper")
    steps = {stage.name: stage.steps for stage in train.stages}
    assert steps["image"] == steps["motion-audio"] == steps["experts"] + steps["gates"] == 30_000
    assert {stage.lr for stage in train.stages} == {1e-5}
    assert {stage.batch for stage in train.stages[1:]} == {4} and train.stages[0].batch == 8
    assert {(stage.loss.min_snr, stage.loss.noise_offset) for stage in train.stages} == {(5.0, 0.05)}
    assert (train.weight_decay, train.clip, train.precision) == (1e-2, 1.0, "bf16")


def test_a_step_belongs_to_the_stage_in_whose_place_it_lies() -> None:
    train = short_training(2, 3, 0, 1)
    assert [(train.at(step)[0].name, train.at(step)[1]) for step in range(train.steps)] == [
        ("image", 0), ("image", 1), ("motion-audio", 0), ("motion-audio", 1), ("motion-audio", 2), ("gates", 0),
    ]  # fmt: skip
    with pytest.raises(IndexError):
        train.at(6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stages": ()}, "no stage"),
        ({"precision": "fp16"}, "become NaN"),
        ({"precision": "fp64"}, "must be fp32 or bf16"),
        ({"ema": 1.0}, "share from 0 to below 1"),
        ({"clip": 0.0}, "clip is 0.0: it must be a number above 0"),
        ({"gradient_accumulation": 0}, "gradient_accumulation is 0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0: it must be a number, at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        replace(short_training(1), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {name: mine}", "has no section `train`"),
        ("train: {seed: 1}", "needs the setting `stages`"),
        ("train: {stages: [{name: image}]}", "needs `name` and `steps`"),
        ("train: {stages: [{name: sound, steps: 1}]}", "must be one of image, motion-audio, experts, gates"),
        ("train: {stages: [{name: image, steps: 0}]}", "steps is 0: it must be a number above 0"),
        ("train: {stages: [{name: image, steps: 1, rate: 1}]}", "has no setting 'rate'"),
        ("train: {stages: [{name: image, steps: 1, loss: {perceptual: true}}]}", "needs VGG19: set vgg"),
        ("train: {stages: [{name: image, steps: 1, loss: {min_snr: many}}]}", "min_snr is many"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ModelError, match=sentence):
        train_config(str(path))


def test_the_learning_rate_rises_stays_and_falls_as_a_function_of_the_step_alone() -> None:
    """Regression: a scheduler that accelerate prepares steps once per process, so the rate ran ahead."""
    stage = StageConfig("image", 100, lr=1.0, warmup=4)
    assert [optimizer.rate(stage, step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    falling = replace(stage, decay="cosine")
    rates = [optimizer.rate(falling, step) for step in range(4, 101)]
    assert rates == sorted(rates, reverse=True) and rates[0] == 1.0 and rates[-1] == pytest.approx(0.1)


def test_each_expert_is_clipped_by_its_own_norm() -> None:
    calm, wild, rest = parameter(0.0, 0.0), parameter(0.0, 0.0), parameter(0.0)
    calm.grad, wild.grad, rest.grad = torch.tensor([0.3, 0.4]), torch.tensor([30.0, 40.0]), torch.tensor([2.0])
    norms = optimizer.clip([[calm], [wild]], [rest], 1.0, World(device="cpu"))
    assert norms == pytest.approx([0.5, 50.0, 2.0])
    assert calm.grad.tolist() == pytest.approx([0.3, 0.4])
    assert wild.grad.tolist() == pytest.approx([0.6, 0.8]) and rest.grad.tolist() == pytest.approx([1.0])


def test_an_idle_parameter_neither_decays_nor_moves_by_old_momentum() -> None:
    idle, busy = parameter(1.0), parameter(1.0)
    train = TrainConfig((StageConfig("experts", 9, lr=0.1),), weight_decay=0.5)
    adamw = optimizer.adamw({"idle": idle, "busy": busy}, train.stages[0], train)
    for step in range(5):
        idle.grad = torch.tensor([1.0 if step == 0 else 0.0])
        busy.grad = torch.tensor([1.0])
        optimizer.clip([[idle], [busy]], [], 1.0, World(device="cpu"))
        adamw.step()
        if step == 0:
            after = float(idle.detach())
    assert float(idle.detach()) == after and float(busy.detach()) < after


def test_averages_follow_the_parameters_and_settle_into_them() -> None:
    value = parameter(0.0)
    ema = Ema({"value": value}, 0.9)
    with torch.no_grad():
        value.fill_(1.0)
    for position in range(3):
        ema.update(position)
    expected = 0.0
    for position in range(3):
        expected += (1 - min(0.9, (1 + position) / (10 + position))) * (1 - expected)
    assert float(ema.state()["value"]) == pytest.approx(expected)
    ema.settle()
    assert float(value.detach()) == pytest.approx(expected)

"""The stages of training: exactly the paper's groups move, every other parameter stays the same bit for bit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moee_model.denoiser import Denoiser, build
from moee_model.errors import ModelError
from moee_model.groups import STAGES, groups
from moee_model.losses import LossConfig
from moee_model.noise import Dropout
from moee_model.train import Trainer
from moee_model.train_config import StageConfig
from tests.moee_model.synthetic import SyntheticSource, short_training, small_model

torch.set_num_threads(1)


def _copy(denoiser: Denoiser) -> dict[str, dict[str, torch.Tensor]]:
    return {
        group: {name: value.detach().clone() for name, value in parameters.items()}
        for group, parameters in groups(denoiser).items()
    }


def _changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, torch.Tensor]]]:
    """All parameters by group: at the start and after 20 steps of each stage."""
    config = small_model()
    denoiser = build(config)
    train = short_training(20)
    trainer = Trainer(denoiser, config, train, SyntheticSource.of(config), tmp_path_factory.mktemp("run"))
    found = [_copy(denoiser)]
    for end in (20, 40, 60, 80):
        trainer.run(until=end)
        found.append(_copy(denoiser))
    return found


@pytest.mark.parametrize("number", range(4), ids=list(STAGES))
def test_twenty_steps_change_the_groups_of_their_stage_and_not_one_bit_elsewhere(
    states: list[dict[str, dict[str, torch.Tensor]]], number: int
) -> None:
    stage = list(STAGES)[number]
    for group, before in states[number].items():
        changed = _changed(before, states[number + 1][group])
        if group not in STAGES[stage]:
            assert not changed, f"{stage} changed {group}"
        else:
            assert before and changed, f"{stage} left {group} as it was"


def test_every_expert_learns_in_the_stage_experts(states: list[dict[str, dict[str, torch.Tensor]]]) -> None:
    changed = _changed(states[2]["experts"], states[3]["experts"])
    for expert in range(6):
        own = {name for name in states[2]["experts"] if f".moe.experts.{expert}." in name}
        assert own and own <= changed


def test_all_trained_parameters_move_except_what_no_sample_used(
    states: list[dict[str, dict[str, torch.Tensor]]],
) -> None:
    """Action units are told to no synthetic sample: their layer must not even decay."""
    unused = {"emotion_latents.to_query.aus.weight", "emotion_latents.to_query.aus.bias"}
    for number, stage in enumerate(STAGES):
        for group in STAGES[stage]:
            before = states[number][group]
            still = set(before) - _changed(before, states[number + 1][group])
            assert still <= unused, f"{stage}: {sorted(still)[:3]}"


def test_the_stage_image_sees_single_frames_without_motion_frames(tmp_path: Path) -> None:
    config = small_model()
    seen: list[tuple[int, int]] = []

    class Watching(SyntheticSource):
        def batch(self, requests, frames, motion_frames):  # type: ignore[no-untyped-def]
            seen.append((frames, motion_frames))
            return super().batch(requests, frames, motion_frames)

    Trainer(build(config), config, short_training(1), Watching.of(config), tmp_path).run()
    assert seen == [(1, 0)] + [(config.frames, config.motion_frames)] * 3


def test_an_expert_without_a_sample_in_a_step_does_not_move_in_it(tmp_path: Path) -> None:
    """Momentum and weight decay move a parameter whose gradient is zero; an idle expert's is left out instead."""
    config = small_model()
    denoiser = build(config)
    source = SyntheticSource.of(config)
    stage = StageConfig("experts", 12, lr=1e-3, loss=LossConfig(dropout=Dropout(emotion=0.0, all=0.0)))
    trainer = Trainer(denoiser, config, short_training(0, 0, 0, 0, stages=(stage,), ema=None), source, tmp_path)
    trainer.run(until=6)
    for end in range(7, 13):
        before = _copy(denoiser)["experts"]
        source.asked.clear()
        trainer.run(until=end)
        used = {request.gates.index(1.0) for request in source.asked if request.gates}
        changed = _changed(before, _copy(denoiser)["experts"])
        assert {int(name.split(".moe.experts.")[1].split(".")[0]) for name in changed} == used
        assert used != set(range(6))


def test_a_later_stage_builds_on_the_averaged_weights_that_are_delivered(tmp_path: Path) -> None:
    config = small_model()
    denoiser = build(config)
    trainer = Trainer(denoiser, config, short_training(6, 6, 0, 0), SyntheticSource.of(config), tmp_path)
    trainer.run(until=5)
    assert not torch.equal(trainer.weights()["unet.conv_in.weight"], denoiser.unet.conv_in.weight)
    trainer.run(until=6)
    end_of_image = denoiser.unet.conv_in.weight.detach().clone()
    trainer.run()
    assert torch.equal(trainer.weights()["unet.conv_in.weight"], end_of_image)


def test_a_model_without_experts_has_no_expert_stages(tmp_path: Path) -> None:
    config = small_model()
    config = replace(config, moe=replace(config.moe, enabled=False))
    with pytest.raises(ModelError, match=r"without experts .* has no stage experts"):
        Trainer(build(config), config, short_training(1), SyntheticSource.of(config), tmp_path)
    assert Trainer(build(config), config, short_training(1, 1, 0, 0), SyntheticSource.of(config), tmp_path).run() == 2


@pytest.mark.parametrize("gate", ["local_gate", "global_gate"])
def test_a_gate_that_an_ablation_leaves_out_is_not_trained(tmp_path: Path, gate: str) -> None:
    config = small_model()
    config = replace(config, moe=replace(config.moe, **{gate: False}))
    denoiser = build(config)
    before = _copy(denoiser)["gates"]
    Trainer(denoiser, config, short_training(0, 0, 1, 2), SyntheticSource.of(config), tmp_path).run()
    changed = _changed(before, _copy(denoiser)["gates"])
    assert changed and not any(name.endswith(gate) for name in changed)

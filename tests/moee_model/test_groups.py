"""Which parameters each stage trains."""

from __future__ import annotations

import pytest
import torch

from moee_model.errors import ModelError
from moee_model.groups import GROUPS, STAGES, expert_groups, groups, idle, train_only
from moee_model.losses import LossConfig, training_loss
from moee_model.noise import make_scheduler
from tests.moee_model.material import batch, config, woken

TOY = config()


def test_every_parameter_is_in_one_group_and_no_group_is_empty() -> None:
    denoiser = woken(TOY)
    found = groups(denoiser)
    names = [name for parameters in found.values() for name in parameters]
    assert sorted(names) == sorted(name for name, _ in denoiser.named_parameters())
    assert tuple(found) == GROUPS and all(found.values())


def test_the_names_tell_the_group() -> None:
    found = groups(woken(TOY))
    block = "unet.mid_block.attentions.0.transformer_blocks.0"
    for group, name in (
        ("spatial", f"{block}.attn1.to_q.weight"),
        ("spatial", "unet.identity_embedding"),
        ("audio", f"{block}.audio_attention.to_k.weight"),
        ("audio", f"{block}.audio_norm.weight"),
        ("audio", "audio_projection.mlp.0.weight"),
        ("experts", f"{block}.moe.experts.5.to_q.weight"),
        ("gates", f"{block}.moe.local_gate"),
        ("gates", f"{block}.moe.global_gate"),
        ("motion", "unet.mid_block.motion_modules.0.proj_in.weight"),
        ("emotion-latents", "emotion_latents.learned"),
        ("reference", "reference_net.conv_in.weight"),
        ("reference", "reference_net.up_blocks.1.attentions.1.transformer_blocks.0.norm1.weight"),
        ("reference-unused", "reference_net.up_blocks.1.attentions.1.transformer_blocks.0.attn1.to_q.weight"),
        ("reference-unused", "reference_net.conv_out.weight"),
    ):
        assert name in found[group], name


def test_the_unused_part_of_the_reference_net_is_exactly_what_gets_no_gradient() -> None:
    """Left trainable, it would stop distributed training, which waits for every gradient."""
    denoiser = woken(TOY)
    training_loss(denoiser, batch(TOY, learned=True), make_scheduler(TOY.schedule), LossConfig()).total.backward()
    silent = {name for name, one in denoiser.named_parameters() if one.grad is None}
    assert silent == set(groups(denoiser)["reference-unused"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lets_gradients_reach_its_groups_alone(stage: str) -> None:
    denoiser = woken(TOY)
    train_only(denoiser, stage)
    given = batch(TOY, learned=stage == "gates")
    training_loss(denoiser, given, make_scheduler(TOY.schedule), LossConfig()).total.backward()
    reached = {
        group
        for group, parameters in groups(denoiser).items()
        if any(one.grad is not None for one in parameters.values())
    }
    assert reached == STAGES[stage]


def test_the_paper_s_second_stage_trains_only_the_mixture_and_emotion_to_latents() -> None:
    assert STAGES["experts"] | STAGES["gates"] == {"experts", "gates", "emotion-latents"}


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ModelError, match="image, motion-audio, experts, gates"):
        train_only(woken(TOY), "lips")


def test_experts_are_separate_and_one_without_samples_is_idle() -> None:
    denoiser = woken(TOY)
    experts = expert_groups(denoiser)
    assert len(experts) == 6 and len({len(one) for one in experts}) == 1
    training_loss(denoiser, batch(TOY, 3), make_scheduler(TOY.schedule), LossConfig()).total.backward()
    assert [idle(one) for one in experts] == [False] * 3 + [True] * 3
    torch.testing.assert_close(sum(p.numel() for one in experts for p in one), sum(
        p.numel() for p in groups(denoiser)["experts"].values()))  # fmt: skip

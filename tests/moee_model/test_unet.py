"""The denoiser beside the U-Net that it is built on, and what must not change what it says."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNetMotionModel
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D

from moee_model.block import MoEEBlock
from moee_model.denoiser import Denoiser, build
from moee_model.losses import LossConfig, training_loss
from moee_model.noise import make_scheduler
from moee_model.unet import MoEEUNet, MotionModule
from tests.moee_model.material import FRAMES, MOTION, batch, config, gradients, rows, steps, woken

TOY = config()


def base_of(unet: MoEEUNet) -> UNetMotionModel:
    """diffusers' own U-Net with the weights that ours shares with it."""
    sizes = unet.config
    base = UNetMotionModel(
        in_channels=sizes.in_channels, out_channels=sizes.in_channels, block_out_channels=sizes.channels,
        down_block_types=("CrossAttnDownBlockMotion",) * 2, up_block_types=("CrossAttnUpBlockMotion",) * 2,
        layers_per_block=sizes.layers, norm_num_groups=sizes.groups, cross_attention_dim=sizes.context,
        num_attention_heads=sizes.heads, motion_num_attention_heads=sizes.motion_heads,
        motion_max_seq_length=sizes.motion_length,
    ).eval()  # fmt: skip
    ours = unet.state_dict()
    base.load_state_dict({name: ours[name] for name in base.state_dict()}, strict=True)
    return base


def test_a_new_denoiser_without_reference_is_the_base_u_net_bit_for_bit() -> None:
    unet, told = build(TOY).unet, batch(TOY)
    with torch.inference_mode():
        ours = unet(
            told.latents,
            torch.tensor([7, 500, 999]),
            audio=torch.randn(3, MOTION + FRAMES, TOY.audio.tokens, TOY.unet.context),
            latents=torch.randn(3, TOY.emotion.tokens, TOY.emotion.channels),
            gates=told.gates,
            learned=told.learned,
        ).sample
        tokens = unet.identity(3).repeat_interleave(MOTION + FRAMES, 0)
        theirs = base_of(unet)(told.latents, torch.tensor([7, 500, 999]), encoder_hidden_states=tokens).sample
    assert torch.equal(ours, theirs)
    assert ours.std() > 0.1


def test_every_block_and_every_motion_module_is_ours() -> None:
    unet = build(TOY).unet
    spatial = [m for n, m in unet.named_modules() if n.split(".")[-2:-1] == ["transformer_blocks"] and ".att" in n]
    motion = [m for m in unet.modules() if isinstance(m, AnimateDiffTransformer3D)]
    assert len(spatial) == 7 and all(isinstance(one, MoEEBlock) for one in spatial)
    assert len(motion) == 7 and all(isinstance(one, MotionModule) for one in motion)
    assert len({one.name for one in spatial}) == 7


def test_samples_do_not_see_each_other() -> None:
    denoiser, told = woken(TOY), batch(TOY)
    with torch.inference_mode():
        whole = denoiser(told.latents, steps(), told)
        order = [2, 0, 1]
        turned = denoiser(told.latents[order], steps()[order], rows(told, order))
    torch.testing.assert_close(turned, whole[order], rtol=0, atol=2e-5)
    assert (whole[0] - whole[1]).abs().max() > 0.1


def test_a_motion_frame_has_its_own_time_and_changes_what_follows() -> None:
    unet, told = woken(TOY).unet, batch(TOY, 1)
    with torch.inference_mode():
        timed = unet(told.latents, steps(1)).sample
        flat = unet(told.latents, steps(1)[:, -1]).sample
        other = told.latents.clone()
        other[:, :, 0] += 1
        moved = unet(other, steps(1)).sample
    assert not torch.equal(timed, flat)
    assert (moved[:, :, MOTION:] - timed[:, :, MOTION:]).abs().max() > 1e-3


def test_before_the_motion_modules_are_trained_frames_do_not_see_each_other() -> None:
    """AnimateDiff zeroes their last layer; random ones would spoil what the image stage has learned."""
    unet, told = build(TOY).unet, batch(TOY)
    with torch.inference_mode():
        together = unet(told.latents, torch.tensor([7, 500, 999])).sample
        alone = [unet(told.latents[:, :, [k]], torch.tensor([7, 500, 999])).sample for k in range(MOTION + FRAMES)]
    torch.testing.assert_close(together, torch.cat(alone, 2), rtol=0, atol=1e-5)


def test_a_single_frame_passes_the_motion_modules_by() -> None:
    denoiser, told = woken(TOY), batch(TOY)
    with torch.inference_mode():
        before = denoiser.unet(told.latents[:, :, :1], steps()[:, -1:]).sample
        for module in denoiser.unet.modules():
            if isinstance(module, MotionModule):
                torch.nn.init.normal_(module.proj_out.weight)
        assert torch.equal(denoiser.unet(told.latents[:, :, :1], steps()[:, -1:]).sample, before)


def test_the_reference_is_seen_and_a_hidden_one_is_as_if_there_were_none() -> None:
    denoiser, told = woken(TOY), batch(TOY)
    features = denoiser.reference_net.features(told.reference, denoiser.unet.identity(3))
    with torch.inference_mode():
        without = denoiser.unet(told.latents, steps()).sample
        seen = denoiser.unet(told.latents, steps(), features).sample
        hidden = denoiser.unet(told.latents, steps(), features, torch.tensor([False, True, False])).sample
    assert (seen - without).abs().max() > 1e-2
    torch.testing.assert_close(hidden[[0, 2]], without[[0, 2]], rtol=0, atol=1e-4)
    torch.testing.assert_close(hidden[1], seen[1], rtol=0, atol=1e-4)


def loss_and_gradients(denoiser: Denoiser, checkpointed: bool, train: bool) -> tuple[torch.Tensor, dict]:
    denoiser.zero_grad()
    denoiser.train(train)
    denoiser.checkpoint_gradients(checkpointed)
    loss = training_loss(denoiser, batch(TOY), make_scheduler(TOY.schedule), LossConfig()).total
    loss.backward()
    return loss.detach(), gradients(denoiser)


@pytest.mark.parametrize(("checkpointed", "train"), [(False, True), (True, False), (True, True)])
def test_train_mode_and_checkpointing_change_neither_loss_nor_gradients(checkpointed: bool, train: bool) -> None:
    """hallo's motion frames worked only in train mode with checkpointing on."""
    plain = loss_and_gradients(woken(TOY), False, False)
    other = loss_and_gradients(woken(TOY), checkpointed, train)
    assert torch.equal(plain[0], other[0])
    assert plain[1].keys() == other[1].keys()
    for name, gradient in plain[1].items():
        assert torch.equal(gradient, other[1][name]), name


def test_checkpointing_covers_every_motion_module() -> None:
    """diffusers computes 1 of 21 again; the rest of the activations would stay in memory."""
    denoiser, told = woken(TOY), batch(TOY)
    runs: dict[int, int] = {}

    def counted(module: torch.nn.Module, inputs: object, said: object) -> None:
        runs[id(module)] = runs.get(id(module), 0) + 1

    for module in denoiser.unet.modules():
        if isinstance(module, MotionModule):
            module.proj_in.register_forward_hook(counted)
    denoiser.checkpoint_gradients()
    denoiser.unet(told.latents, steps()).sample.sum().backward()
    assert sorted(runs.values()) == [2] * 7


def test_compilation_gives_one_graph() -> None:
    denoiser, told = woken(TOY), batch(TOY)
    features = denoiser.reference_net.features(told.reference, denoiser.unet.identity(3))
    audio, shown = denoiser.audio_projection(told.audio), torch.tensor([True, False, True])
    latents = torch.randn(3, TOY.emotion.tokens, TOY.emotion.channels)
    given = (told.latents, steps(), features, shown, audio, latents, told.gates, told.learned)
    torch._dynamo.reset()
    found = torch._dynamo.explain(denoiser.unet)(*given)
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons
    compiled = torch.compile(denoiser.unet, backend="eager", fullgraph=True)
    with torch.inference_mode():
        torch.testing.assert_close(compiled(*given).sample, denoiser.unet(*given).sample)


def test_no_parameter_is_left_without_use() -> None:
    denoiser = woken(TOY)
    given = batch(TOY, learned=True)
    training_loss(denoiser, given, make_scheduler(TOY.schedule), LossConfig()).total.backward()
    silent = {name for name, one in denoiser.named_parameters() if one.grad is None or not one.grad.any()}
    told = ("emotion_latents.to_query.text", "emotion_latents.to_query.audio", "emotion_latents.to_query.aus")
    assert {name for name in silent if not name.startswith(("reference_net.", *told))} == set()

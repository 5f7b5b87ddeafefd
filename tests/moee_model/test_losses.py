"""The loss: right per sample, on the frames and places that count, on latents and on pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from moee_model.codec import PixelFold
from moee_model.config import ScheduleConfig
from moee_model.losses import LossConfig, latent_loss, noised, snr_weights, spatial_loss, training_loss
from moee_model.noise import Dropout, draw, make_scheduler
from moee_model.perceptual import Perceptual
from tests.moee_model.material import BATCH, FRAMES, MOTION, batch, config, rows, woken

TOY = config()
NEVER = Dropout(0, 0, 0, 0, 0, 0, 0)
EPSILON = replace(TOY.schedule, prediction="epsilon", zero_terminal_snr=False)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_min_snr_weighs_each_sample_before_the_mean(prediction: str) -> None:
    """hallo weighs the mean of the batch, so that a sample's weight falls on its neighbours."""
    scheduler = make_scheduler(ScheduleConfig(prediction=prediction))  # type: ignore[arg-type]
    denoiser, told = woken(TOY), batch(TOY)
    settings = LossConfig(dropout=NEVER)
    with torch.inference_mode():
        whole = training_loss(denoiser, told, scheduler, settings)
        alone = [training_loss(denoiser, rows(told, [row]), scheduler, settings) for row in range(BATCH)]
        plain = training_loss(denoiser, told, scheduler, replace(settings, min_snr=None))
    torch.testing.assert_close(whole.total, torch.stack([one.total for one in alone]).mean(), rtol=1e-4, atol=1e-6)
    weights = snr_weights(whole.timesteps, scheduler, 5.0)
    torch.testing.assert_close(whole.latent, plain.latent * weights)
    assert (whole.total - plain.total * weights.mean()).abs() > 1e-4  # the wrong order gives another number


def test_the_weights_are_those_of_the_paper() -> None:
    steps = torch.tensor([0, 300, 999])
    for prediction in ("epsilon", "v_prediction"):
        scheduler = make_scheduler(ScheduleConfig(prediction=prediction))  # type: ignore[arg-type]
        snr = [float(a / (1 - a)) for a in scheduler.alphas_cumprod.double()[steps]]
        below = [one if prediction == "epsilon" else one + 1 for one in snr]
        wanted = [min(one, 5.0) / under for one, under in zip(snr, below, strict=True)]
        torch.testing.assert_close(snr_weights(steps, scheduler, 5.0).double(), torch.tensor(wanted).double())


def test_with_zero_terminal_snr_the_last_step_counts_and_is_a_number() -> None:
    scheduler = make_scheduler(ScheduleConfig(prediction="v_prediction", zero_terminal_snr=True))
    weights = snr_weights(torch.arange(1000), scheduler, 5.0)
    assert torch.isfinite(weights).all()
    assert weights[-1] == 1


def test_motion_frames_stay_clean_and_carry_no_loss() -> None:
    told, scheduler = batch(TOY), make_scheduler(EPSILON)
    drawn = draw(told, 1000, NEVER, 0.0)
    noisy, steps = noised(told, drawn, scheduler)
    assert torch.equal(noisy[:, :, :MOTION], told.latents[:, :, :MOTION])
    assert not steps[:, :MOTION].any() and torch.equal(steps[:, MOTION:], drawn.timesteps[:, None].expand(-1, FRAMES))
    wrong = drawn.noise.clone()
    wrong[:, :, :MOTION] += 100
    assert not latent_loss(wrong, told, drawn, scheduler).any()


def test_without_motion_frames_a_sample_begins_as_a_video_does() -> None:
    told, scheduler = batch(TOY), make_scheduler(EPSILON)
    noisy, _ = noised(told, draw(told, 1000, replace(NEVER, motion=1.0), 0.0), scheduler)
    assert torch.equal(noisy[:, :, :MOTION], told.reference[:, :, None].expand(-1, -1, MOTION, -1, -1))


def test_a_masked_mouth_has_no_part_and_does_not_thin_the_rest() -> None:
    told, scheduler = batch(TOY), make_scheduler(EPSILON)
    drawn = draw(told, 1000, NEVER, 0.0)
    counted = told.counted.clone()
    counted[0, :, :, 4:] = 0
    masked = replace(told, counted=counted)
    said = drawn.noise.clone()
    said[:, :, MOTION:, 4:] += 3
    assert latent_loss(said, masked, drawn, scheduler)[0] == 0
    said[:, :, MOTION:, :4] += 2
    torch.testing.assert_close(latent_loss(said, masked, drawn, scheduler)[0], torch.tensor(4.0))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_loss_on_pixels_is_zero_for_the_truth_and_weighs_early_steps_more(prediction: str, frames: int) -> None:
    scheduler = make_scheduler(ScheduleConfig(prediction=prediction))  # type: ignore[arg-type]
    told = batch(TOY)
    drawn = draw(told, 1000, NEVER, 0.0)
    noisy, _ = noised(told, drawn, scheduler)
    right = drawn.noise
    if prediction == "v_prediction":
        right = scheduler.get_velocity(told.latents, drawn.noise, drawn.timesteps)
    codec = PixelFold(TOY.codec.factor)
    assert spatial_loss(right, noisy, told, drawn, scheduler, codec, frames) < 1e-3
    off = spatial_loss(right + 0.1, noisy, told, drawn, scheduler, codec, frames)
    kept = scheduler.alphas_cumprod[drawn.timesteps]
    scale = (1 - kept).sqrt() if prediction == "v_prediction" else ((1 - kept) / kept).sqrt()
    wanted = (0.1 * scale * torch.cos(math.pi / 2 * drawn.timesteps / 1000)).mean()
    torch.testing.assert_close(off, wanted, rtol=1e-3, atol=1e-4)


def test_vgg_features_take_part_in_the_loss_on_pixels_and_let_gradients_through() -> None:
    torch.manual_seed(0)
    told, scheduler = batch(TOY), make_scheduler(EPSILON)
    drawn = draw(told, 1000, NEVER, 0.0)
    noisy, _ = noised(told, drawn, scheduler)
    said = (drawn.noise + 0.1).requires_grad_()
    plain = spatial_loss(said, noisy, told, drawn, scheduler, PixelFold(TOY.codec.factor))
    both = spatial_loss(said, noisy, told, drawn, scheduler, PixelFold(TOY.codec.factor), perceptual=Perceptual())
    assert both > plain
    both.backward()
    assert said.grad is not None and said.grad.any()


def test_the_loss_on_pixels_trains_through_the_codec() -> None:
    denoiser, told = woken(TOY), batch(TOY)
    losses = training_loss(
        denoiser,
        told,
        make_scheduler(TOY.schedule),
        LossConfig(spatial=0.5, dropout=NEVER),
        PixelFold(TOY.codec.factor),
    )
    assert losses.spatial > 0
    torch.testing.assert_close(losses.total.detach(), losses.latent.mean() + 0.5 * losses.spatial)

"""What training minimises: L = L_latent + lambda L_spatial (MoEE, 3.5), with min-SNR weights per sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from diffusers import DDIMScheduler
from torch.nn import functional

from moee_model.batch import Batch
from moee_model.codec import Codec, to_pixels
from moee_model.noise import Draw, Dropout, draw

Perceptual = Callable[[torch.Tensor], list[torch.Tensor]]
"""[N, 3, H, W] pixels in -1..1 to feature maps (see `perceptual.py`)."""


@dataclass(frozen=True)
class LossConfig:
    """min_snr: gamma of min-SNR weighting, None: all steps count alike. spatial: lambda of the loss on pixels, 0: off.
    perceptual: whether that loss also compares VGG19 features. spatial_frames: 1 or 2 decoded frames per sample.
    noise_offset: see `noise.draw`. dropout: of conditions."""

    min_snr: float | None = 5.0
    spatial: float = 0.0
    perceptual: bool = False
    spatial_frames: int = 1
    noise_offset: float = 0.05
    dropout: Dropout = field(default_factory=Dropout)


@dataclass(frozen=True)
class Losses:
    """total: what is minimised, a scalar. latent: [B] weighted, per sample, detached. spatial: scalar, detached.
    timesteps: [B]."""

    total: torch.Tensor
    latent: torch.Tensor
    spatial: torch.Tensor
    timesteps: torch.Tensor


def snr_weights(timesteps: torch.Tensor, scheduler: DDIMScheduler, gamma: float | None) -> torch.Tensor:
    """[B] weight of each sample's squared error (Hang et al., ICCV 2023).

    min(snr, gamma) / snr for epsilon. For v: min(snr, gamma) / (snr + 1); with zero terminal SNR
    min(snr + 1, gamma) / (snr + 1), which is 1 and not 0 where nothing but noise is left.
    """
    if gamma is None:
        return torch.ones(len(timesteps), device=timesteps.device)
    kept = scheduler.alphas_cumprod.to(timesteps.device, torch.float64)[timesteps]
    snr = kept / (1 - kept)
    if scheduler.config.prediction_type == "epsilon":
        return (snr.clamp(max=gamma) / snr).float()
    counted = snr + 1 if scheduler.config.rescale_betas_zero_snr else snr
    return (counted.clamp(max=gamma) / (snr + 1)).float()


def noised(batch: Batch, drawn: Draw, scheduler: DDIMScheduler) -> tuple[torch.Tensor, torch.Tensor]:
    """What the denoiser gets: latents with noise, and the step of each frame.

    Motion frames stay clean and have step 0. A sample whose motion frames are dropped gets the reference instead,
    which is how a video begins.

    Returns:
        [B, C, F, h, w] and [B, F].
    """
    noisy = scheduler.add_noise(batch.latents, drawn.noise, drawn.timesteps)
    steps = drawn.timesteps[:, None].repeat(1, noisy.shape[2])
    clean = batch.motion_frames
    if clean:
        instead = drawn.dropped.motion[:, None, None, None, None]
        motion = torch.where(instead, batch.reference[:, :, None], batch.latents[:, :, :clean])
        noisy = torch.cat([motion, noisy[:, :, clean:]], 2)
        steps[:, :clean] = 0
    return noisy, steps


def training_loss(
    denoiser: Callable[..., torch.Tensor],
    batch: Batch,
    scheduler: DDIMScheduler,
    config: LossConfig,
    codec: Codec | None = None,
    perceptual: Perceptual | None = None,
) -> Losses:
    """The loss of one batch: the mean over its samples of each sample's weighted loss.

    Args:
        denoiser: a `Denoiser`, wrapped or not. batch: on its device. scheduler: of the model.
        config: of the loss. codec: decodes frames, where `config.spatial` is not 0. perceptual: VGG19 features.
    """
    drawn = draw(batch, scheduler.config.num_train_timesteps, config.dropout, config.noise_offset)
    noisy, steps = noised(batch, drawn, scheduler)
    said = denoiser(noisy, steps, batch, drawn.dropped).float()
    latent = latent_loss(said, batch, drawn, scheduler) * snr_weights(drawn.timesteps, scheduler, config.min_snr)
    spatial = torch.zeros((), device=latent.device)
    if config.spatial and codec is not None:
        spatial = spatial_loss(said, noisy, batch, drawn, scheduler, codec, config.spatial_frames, perceptual)
    return Losses(latent.mean() + config.spatial * spatial, latent.detach(), spatial.detach(), drawn.timesteps)


def latent_loss(said: torch.Tensor, batch: Batch, drawn: Draw, scheduler: DDIMScheduler) -> torch.Tensor:
    """[B] mean squared error of the prediction over the counted latents of the frames that carry noise."""
    target = drawn.noise
    if scheduler.config.prediction_type == "v_prediction":
        target = scheduler.get_velocity(batch.latents, drawn.noise, drawn.timesteps)
    first = batch.motion_frames
    counted = batch.counted[:, :, first:].expand_as(said[:, :, first:])
    error = functional.mse_loss(said[:, :, first:], target[:, :, first:], reduction="none") * counted
    return error.flatten(1).sum(1) / counted.flatten(1).sum(1).clamp(min=1)


def spatial_loss(
    said: torch.Tensor,
    noisy: torch.Tensor,
    batch: Batch,
    drawn: Draw,
    scheduler: DDIMScheduler,
    codec: Codec,
    frames: int = 1,
    perceptual: Perceptual | None = None,
) -> torch.Tensor:
    """w(t) (L1 + squared distance of VGG19 features) of decoded frames, w(t) = cos(pi t / 2T); the mean over samples.

    The target is what the codec makes of the clean latents, so that its own loss does not count. Samples with a masked
    mouth have no part in it.
    """
    rows = torch.arange(len(said), device=said.device).repeat_interleave(frames)
    span = said.shape[2] - batch.motion_frames
    steps = torch.arange(frames, device=said.device).repeat(len(said))
    columns = batch.motion_frames + (drawn.frame[rows] + steps) % span
    whole = (batch.counted.flatten(1).amin(1) > 0)[rows]
    guess = _clean(said[rows, :, columns], noisy[rows, :, columns], drawn.timesteps[rows], scheduler)
    with torch.no_grad():
        truth = to_pixels(codec, batch.latents[rows, :, columns])
    shown = to_pixels(codec, guess)
    distance = (shown - truth).abs().flatten(1).mean(1)
    if perceptual is not None:
        for ours, theirs in zip(perceptual(shown), perceptual(truth), strict=True):
            distance = distance + (ours - theirs.detach()).square().flatten(1).mean(1)
    weight = torch.cos(math.pi / 2 * drawn.timesteps[rows] / scheduler.config.num_train_timesteps)
    return (distance * weight * whole).mean()


def _clean(said: torch.Tensor, noisy: torch.Tensor, timesteps: torch.Tensor, scheduler: DDIMScheduler) -> torch.Tensor:
    """[N, C, h, w] the clean latents that a prediction means."""
    kept = scheduler.alphas_cumprod.to(said.device)[timesteps][:, None, None, None]
    if scheduler.config.prediction_type == "v_prediction":
        return kept.sqrt() * noisy - (1 - kept).sqrt() * said
    return (noisy - (1 - kept).sqrt() * said) / kept.sqrt()

"""The noise schedule, one for training and sampling, and everything random that one training sample gets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from diffusers import DDIMScheduler

from moee_model.batch import Batch
from moee_model.config import ScheduleConfig
from moee_model.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence


def make_scheduler(config: ScheduleConfig) -> DDIMScheduler:
    """The scheduler of a configuration; a model carries it, and training refuses another.

    Raises:
        ModelError: noise cannot be predicted where nothing but noise is left (zero terminal SNR with epsilon).
    """
    if config.zero_terminal_snr and config.prediction == "epsilon":
        raise ModelError("Zero terminal SNR needs prediction: v_prediction (at the last step epsilon says nothing).")
    return DDIMScheduler(
        num_train_timesteps=config.steps,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule=config.beta_schedule,
        prediction_type=config.prediction,
        rescale_betas_zero_snr=config.zero_terminal_snr,
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )


def check_scheduler(scheduler: DDIMScheduler, config: ScheduleConfig) -> None:
    """Raise ModelError if a scheduler is not the one that the configuration describes."""
    wanted = make_scheduler(config).config
    for name in ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type",
                 "rescale_betas_zero_snr", "timestep_spacing"):  # fmt: skip
        if scheduler.config[name] != wanted[name]:
            raise ModelError(
                f"The model's scheduler has {name} = {scheduler.config[name]}, its configuration {wanted[name]}: "
                "training and sampling must share one schedule."
            )


@dataclass(frozen=True)
class Dropout:
    """Share of samples whose condition is dropped, each drawn on its own; `all` drops them together."""

    image: float = 0.05
    audio: float = 0.05
    motion: float = 0.05
    emotion: float = 0.05
    all: float = 0.05
    modality: float = 0.1
    single: float = 0.5

    """`modality`: each of label, text, audio and aus is hidden; `single`: only one of those that are there is told."""


@dataclass(frozen=True)
class Dropped:
    """[B] bool each: which samples go without reference image, audio, motion frames, emotion; told: [B, 4] bool, which
    modalities of the emotion are not hidden."""

    image: torch.Tensor
    audio: torch.Tensor
    motion: torch.Tensor
    emotion: torch.Tensor
    told: torch.Tensor


@dataclass(frozen=True)
class Draw:
    """timesteps: [B] int64. noise: like the latents. dropped: conditions. frame: [B] int64, the frame that a loss on
    pixels looks at (counted from the first that is not a motion frame)."""

    timesteps: torch.Tensor
    noise: torch.Tensor
    dropped: Dropped
    frame: torch.Tensor


def draw(batch: Batch, steps: int, dropout: Dropout, noise_offset: float = 0.0) -> Draw:
    """Everything random of a step, each sample's from its own seed.

    So a sample's numbers do not depend on its neighbours, on the number of processes, on what ran before or on the
    device, and no global generator is touched.

    Args:
        batch: `seeds` and shapes are read. steps: of the noise schedule.
        dropout: shares of dropped conditions. noise_offset: standard deviation of one number per channel, added to the
            noise of all pixels of a sample.
    """
    drawn = [_of_one(int(seed), batch, row, steps, dropout, noise_offset) for row, seed in enumerate(batch.seeds)]
    device = batch.latents.device
    dropped = Dropped(
        *(_stacked([getattr(one.dropped, field.name) for one in drawn], device) for field in fields(Dropped))
    )
    return Draw(
        timesteps=_stacked([one.timesteps for one in drawn], device),
        noise=_stacked([one.noise for one in drawn], device),
        dropped=dropped,
        frame=_stacked([one.frame for one in drawn], device),
    )


def _of_one(seed: int, batch: Batch, row: int, steps: int, dropout: Dropout, noise_offset: float) -> Draw:
    source = torch.Generator().manual_seed(seed)
    shape = batch.latents.shape[1:]
    timestep = torch.randint(steps, (), generator=source)
    noise = torch.randn(shape, generator=source)
    noise = noise + noise_offset * torch.randn(shape[0], 1, 1, 1, generator=source)
    chance = torch.rand(11, generator=source, dtype=torch.float64)
    everything = chance[4] < dropout.all
    shares = (dropout.image, dropout.audio, dropout.motion, dropout.emotion)
    image, audio, motion, emotion = ((chance[k] < share) | everything for k, share in enumerate(shares))
    frame = torch.randint(shape[1] - batch.motion_frames, (), generator=source)
    told = _told(batch.present[row].cpu(), chance[5:], dropout)
    return Draw(timestep, noise, Dropped(image, audio, motion, emotion, told), frame)


def _told(present: torch.Tensor, chance: torch.Tensor, dropout: Dropout) -> torch.Tensor:
    """[4] bool: the modalities that a sample is told, at least one of those that are there."""
    there = present.nonzero().flatten()
    if not len(there):
        return present
    one = torch.zeros_like(present)
    one[there[int(chance[5] * len(there))]] = True
    if chance[4] < dropout.single:
        return one
    kept = present & (chance[:4] >= dropout.modality)
    return kept if kept.any() else one


def _stacked(values: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
    return torch.stack(list(values)).to(device)

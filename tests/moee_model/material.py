"""Small seeded models and batches for the tests of the model's parts."""

from __future__ import annotations

from dataclasses import replace

import torch

from moee_model.batch import Batch
from moee_model.config import ModelConfig, model_config
from moee_model.denoiser import Denoiser, build

BATCH, FRAMES, MOTION = 3, 4, 2


def config(**moe: object) -> ModelConfig:
    """The toy preset; `moe` changes settings of the mixture."""
    toy = model_config("toy")
    return replace(toy, moe=replace(toy.moe, **moe))  # type: ignore[arg-type]


def woken(settings: ModelConfig, seed: int = 0) -> Denoiser:
    """A denoiser whose additions speak: what begins as zero is random, as after training."""
    denoiser = build(settings, seed)
    source = torch.Generator().manual_seed(seed + 1)
    for name, parameter in denoiser.named_parameters():
        if not parameter.any():
            parameter.data = torch.randn(parameter.shape, generator=source) * (0.5 if "gate" in name else 0.1)
    return denoiser


def batch(settings: ModelConfig, count: int = BATCH, seed: int = 0, learned: bool = False) -> Batch:
    """Random samples, one emotion each."""
    source = torch.Generator().manual_seed(seed)
    shape = (count, settings.codec.channels, MOTION + FRAMES, settings.latent_size, settings.latent_size)
    heard = (count, MOTION + FRAMES + settings.audio.window - 1, settings.audio.layers, settings.audio.channels)
    emotions = torch.eye(6)[torch.arange(count) % 6]
    return Batch(
        ids=[f"clip-{number}" for number in range(count)],
        seeds=torch.arange(count) + 100 * seed,
        motion_frames=MOTION,
        latents=torch.randn(shape, generator=source),
        reference=torch.randn(shape[0], shape[1], *shape[3:], generator=source),
        audio=torch.randn(heard, generator=source),
        weights=emotions,
        gates=emotions.clone(),
        learned=torch.full((count,), learned),
        text=torch.zeros(count, settings.emotion.text),
        emotion_audio=torch.zeros(count, settings.emotion.audio),
        aus=torch.zeros(count, settings.emotion.aus),
        present=torch.tensor([[True, False, False, False]] * count),
        counted=torch.ones(count, 1, *shape[2:]),
    )


def rows(whole: Batch, chosen: list[int]) -> Batch:
    """Some samples of a batch, in the given order."""
    picked = {
        name: value[chosen]
        for name, value in vars(whole).items()
        if isinstance(value, torch.Tensor)
    }  # fmt: skip
    return replace(whole, ids=[whole.ids[row] for row in chosen], **picked)  # type: ignore[arg-type]


def steps(count: int = BATCH) -> torch.Tensor:
    """[B, F] steps, 0 on the motion frames."""
    found = (torch.arange(count)[:, None] * 200 + 150).repeat(1, MOTION + FRAMES)
    found[:, :MOTION] = 0
    return found


def gradients(denoiser: Denoiser) -> dict[str, torch.Tensor]:
    """The gradients that there are, by name."""
    return {name: one.grad.clone() for name, one in denoiser.named_parameters() if one.grad is not None}

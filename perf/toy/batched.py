"""Many short videos at once, as `MoEEPipeline` makes them one by one: alone, a small model is all overhead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from moee_model.codec import to_latents, to_pixels
from moee_model.emotion import Emotion
from moee_model.pipeline import MoEEPipeline
from moee_model.speech import Heard, frames_of


@dataclass(frozen=True)
class Wanted:
    """One video. image: [H, W, 3] uint8 of the model's size. waveform: [samples] float32, 16 kHz."""

    image: np.ndarray
    waveform: np.ndarray
    emotion: Emotion
    seed: int


@dataclass(frozen=True)
class _Conditions:
    """What the U-Net is told of all videos; the ones without conditions come first where there is guidance."""

    features: dict[str, torch.Tensor]
    latents: torch.Tensor
    gates: torch.Tensor
    learned: torch.Tensor


@torch.inference_mode()
def videos(
    made: MoEEPipeline, wanted: Sequence[Wanted], frames: int, steps: int, guidance: float = 1.0
) -> list[np.ndarray]:
    """The first frames of each video: what `made.stream` yields, up to the rounding of sums.

    Args:
        made: the pipeline. wanted: videos, all of one length of time. frames: of each.
        steps, guidance: see `MoEEPipeline.stream`.

    Returns:
        [frames, size, size, 3] uint8 each.
    """
    pixels = torch.from_numpy(np.stack([one.image for one in wanted])).float().permute(0, 3, 1, 2) / 127.5 - 1
    reference = to_latents(made.codec, pixels)
    parts = list(_windows(made, wanted, reference, frames, steps, guidance))
    latents = torch.cat(parts, 2)[:, :, :frames].transpose(1, 2)
    shown = to_pixels(made.codec, latents.flatten(0, 1)).unflatten(0, latents.shape[:2])
    return list(((shown.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 1, 3, 4, 2).numpy())


def _windows(
    made: MoEEPipeline, wanted: Sequence[Wanted], reference: torch.Tensor, frames: int, steps: int, guidance: float
) -> Iterator[torch.Tensor]:
    """[B, C, frames of a window, h, w] latents, window after window."""
    settings = made.settings
    clean, count, half = settings.motion_frames, settings.frames, settings.audio.window // 2
    sounds = [torch.from_numpy(one.waveform).float() for one in wanted]
    heard = [
        Heard(made.speech, sound, frames_of(sound, settings.fps), settings.fps, settings.audio.layers)
        for sound in sounds
    ]
    told = _conditions(made, wanted, sounds, reference, guidance != 1)
    motion = reference[:, :, None].expand(-1, -1, clean, -1, -1)
    for start in range(0, frames, count):
        hidden = torch.stack([one.span(start - clean - half, start + count + half) for one in heard])
        audio = made.audio_projection(hidden)
        noise = torch.cat([made._noise(one.seed, start, reference[:1]) for one in wanted])
        latents = _denoised(made, told, audio, motion, noise, steps, guidance)
        motion = torch.cat([motion, latents], 2)[:, :, -clean:]
        yield latents


def _conditions(
    made: MoEEPipeline, wanted: Sequence[Wanted], sounds: Sequence[torch.Tensor], reference: torch.Tensor, twice: bool
) -> _Conditions:
    features = made.reference_net.features(reference, made.unet.identity(len(wanted)))
    each = [made._told(one.emotion, sound) for one, sound in zip(wanted, sounds, strict=True)]
    latents, gates, learned = (torch.cat([getattr(one, name) for one in each]) for name in _TOLD)
    if twice:
        features = {name: torch.cat([value, value]) for name, value in features.items()}
        latents, gates = torch.cat([latents, latents]), torch.cat([torch.zeros_like(gates), gates])
        learned = torch.cat([torch.zeros_like(learned), learned])
    return _Conditions(features, latents, gates, learned)


_TOLD = ("latents", "gates", "learned")


def _denoised(
    made: MoEEPipeline,
    told: _Conditions,
    audio: torch.Tensor,
    motion: torch.Tensor,
    latents: torch.Tensor,
    steps: int,
    guidance: float,
) -> torch.Tensor:
    """[B, C, frames of a window, h, w] clean latents from noise."""
    count, clean, passes = len(latents), motion.shape[2], 1 + (guidance != 1)
    if passes == 2:
        audio = torch.cat([torch.zeros_like(audio), audio])
    made.scheduler.set_timesteps(steps)
    for step in made.scheduler.timesteps:
        noisy = torch.cat([motion, latents], 2).repeat(passes, 1, 1, 1, 1)
        times = torch.cat([step.new_zeros(clean), step.expand(latents.shape[2])])[None].expand(len(noisy), -1)
        said = made.unet(
            noisy, times, told.features, None, audio, told.latents, told.gates, told.learned, return_dict=False
        )[0][:, :, clean:]  # fmt: skip
        if passes == 2:
            said = said[:count] + guidance * (said[count:] - said[:count])
        latents = made.scheduler.step(said, step, latents, return_dict=False)[0]
    return latents

"""Hidden states of a wav2vec2 network at the video's frame rate, however long the sound is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2Model

from moee_model.config import AudioConfig
from moee_model.seeds import seeded

RATE: Final = 16000
"""Samples per second that wav2vec2 hears."""
CHUNK: Final = 125  # frames in one pass: attention over a whole film would grow with its square
CONTEXT: Final = 25  # frames that a pass hears on either side and does not tell


def make_speech(config: AudioConfig, seed: int = 0) -> Wav2Vec2Model:
    """The speech network of a configuration, frozen.

    Args:
        config: `model` names a folder or hub id of a Wav2Vec2Model; empty: seeded weights of the configured sizes.
        seed: of seeded weights.

    Raises:
        ModelError: the folder holds no such model.
    """
    if config.model:
        from moee_model.initial import load_speech

        network = load_speech(config.model, config)
    else:
        with seeded(seed, "speech"):
            network = Wav2Vec2Model(
                Wav2Vec2Config(
                    hidden_size=config.channels,
                    num_hidden_layers=config.layers,
                    num_attention_heads=config.heads,
                    intermediate_size=config.feed_forward,
                    conv_dim=(config.convolution,) * 7,
                    apply_spec_augment=False,
                )
            )
    return network.eval().requires_grad_(False)


class Heard:
    """Hidden states of one sound, computed chunk by chunk when they are asked for; one chunk is held.

    Args:
        network: a Wav2Vec2Model. waveform: [samples] float32, 16 kHz, on any device.
        frames: of the video that it belongs to. fps: of the video. layers: hidden states used, the last ones.
    """

    def __init__(self, network: Wav2Vec2Model, waveform: torch.Tensor, frames: int, fps: int, layers: int) -> None:
        self.frames, self._network, self._fps, self._layers = frames, network, fps, layers
        sound = waveform.float()
        self._sound = (sound - sound.mean()) / torch.sqrt(sound.var(correction=0) + 1e-7)
        self._held: tuple[int, torch.Tensor] | None = None

    def span(self, start: int, end: int) -> torch.Tensor:
        """[end - start, layers, D] float32 of these frames; frames before the first and after the last repeat it."""
        wanted = torch.arange(start, end).clamp(0, self.frames - 1)
        parts = []
        for chunk in sorted({int(frame) // CHUNK for frame in wanted}):
            inside = wanted[(wanted // CHUNK) == chunk] - chunk * CHUNK
            parts.append(self._chunk(chunk)[inside])
        return torch.cat(parts)

    def _chunk(self, chunk: int) -> torch.Tensor:
        if self._held is None or self._held[0] != chunk:
            self._held = (chunk, self._computed(chunk * CHUNK, min((chunk + 1) * CHUNK, self.frames)))
        return self._held[1]

    @torch.inference_mode()
    def _computed(self, start: int, end: int) -> torch.Tensor:
        before, after = max(0, start - CONTEXT), min(self.frames, end + CONTEXT)
        first, last = (round(frame * RATE / self._fps) for frame in (before, after))
        sound = self._sound[first:last]
        sound = functional.pad(sound, (0, max(last - first - len(sound), 0)))
        with _at_frames(self._network, after - before):
            told: Any = self._network(sound[None].to(self._network.device), output_hidden_states=True)
        states = torch.stack(told.hidden_states[-self._layers :], 2)[0]
        return states[start - before : end - before].float().clone()


@contextmanager
def _at_frames(network: Wav2Vec2Model, frames: int) -> Iterator[None]:
    """What the convolutions say (about 50 per second) is interpolated to one per video frame before the transformer."""

    def resampled(module: Any, inputs: Any, said: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(said, size=frames, mode="linear", align_corners=True)

    handle = network.feature_extractor.register_forward_hook(resampled)
    try:
        yield
    finally:
        handle.remove()


def frames_of(waveform: torch.Tensor, fps: int) -> int:
    """Video frames that a sound of 16 kHz fills, at least one."""
    return max(1, math.floor(len(waveform) * fps / RATE))


def hidden_states(
    network: Wav2Vec2Model, waveform: torch.Tensor, frames: int, fps: int = 25, layers: int = 12
) -> torch.Tensor:
    """[frames, layers, D] float32 of a whole sound; see `Heard`."""
    return Heard(network, waveform, frames, fps, layers).span(0, frames)


def windows(hidden: torch.Tensor, start: int, frames: int, window: int) -> torch.Tensor:
    """[frames + window - 1, layers, D]: hidden states for frames from `start`, half a window more on either side.

    Args:
        hidden: [T, layers, D] of a whole clip; its edges are repeated. window: odd.
    """
    half = window // 2
    wanted = torch.arange(start - half, start + frames + half, device=hidden.device)
    return hidden[wanted.clamp(0, len(hidden) - 1)]

"""Clips of numbers alone, drawn from their index: enough to train on, and the same in every process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from moee_model.batch import EXPERTS, Batch, Request
from moee_model.config import ModelConfig, from_dict, read
from moee_model.seeds import generator
from moee_model.train_config import StageConfig, TrainConfig

LABELS = np.array(
    [
        *np.eye(6).tolist(),
        *np.eye(6).tolist(),
        [0.5, 0, 0, 0, 0, 0.5],
        [0, 0.5, 0, 0, 0, 0.5],
        [0] * 6,
        [float("nan")] * 6,
    ],
    np.float32,
)
"""Two clips of each emotion, two compounds, one neutral, one without a label."""


def small_model() -> ModelConfig:
    """The toy model, smaller still: one level of attention is left, 8 x 8 latents."""
    config = from_dict(ModelConfig, read("toy")["model"], "model")
    unet = replace(config.unet, channels=(16, 32), heads=2, context=16, groups=4, motion_heads=2, identity_tokens=2)
    emotion = replace(config.emotion, channels=16, embeddings=4, embedding_channels=16, heads=2, text=8, audio=8)
    audio = replace(config.audio, channels=16, heads=2, feed_forward=32, convolution=16, tokens=2, hidden=16)
    return replace(
        config,
        size=8,
        frames=2,
        motion_frames=1,
        unet=unet,
        emotion=emotion,
        audio=audio,
        moe=replace(config.moe, heads=2),
    )


def short_training(*steps: int, batch: int = 4, **settings: object) -> TrainConfig:
    """A training of the four stages with so many steps each (one number: of every stage); 0 leaves a stage out."""
    names = ("image", "motion-audio", "experts", "gates")
    counts = steps * 4 if len(steps) == 1 else steps
    stages = tuple(
        StageConfig(name, count, lr=1e-3, batch=batch)  # type: ignore[arg-type]
        for name, count in zip(names, counts, strict=True)
        if count
    )
    plain = {"stages": stages, "ema": 0.9, "checkpoint_every": 1000, "prefetch": 1}
    return TrainConfig(**{**plain, **settings})  # type: ignore[arg-type]


@dataclass
class SyntheticSource:
    """Implements `moee_model.batch.Source`: latents with a little structure, everything else noise of the clip's own.

    asked: the requests in the order in which they came.
    """

    config: ModelConfig
    labels: np.ndarray
    asked: list[Request]

    @classmethod
    def of(cls, config: ModelConfig, labels: np.ndarray = LABELS) -> SyntheticSource:
        """Clips for a model; one per row of labels."""
        return cls(config, labels, [])

    @property
    def ids(self) -> Sequence[str]:
        """A name per clip."""
        return [f"clip-{index:03d}" for index in range(len(self.labels))]

    def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
        """The samples asked for, in order."""
        self.asked += requests
        samples = [self._sample(request, frames + motion_frames) for request in requests]
        weights = torch.tensor([request.label for request in requests])
        gates = torch.tensor([request.gates or (0.0,) * len(EXPERTS) for request in requests])
        return Batch(
            ids=[self.ids[request.index] for request in requests],
            seeds=torch.tensor([request.seed for request in requests]),
            motion_frames=motion_frames,
            weights=weights,
            gates=gates,
            learned=torch.tensor([request.gates is None for request in requests]),
            present=torch.tensor([[True, not request.masked, not request.masked, False] for request in requests]),
            **{name: torch.stack([sample[name] for sample in samples]) for name in samples[0]},
        )

    def _sample(self, request: Request, frames: int) -> dict[str, torch.Tensor]:
        size, channels = self.config.latent_size, self.config.codec.channels
        audio, emotion = self.config.audio, self.config.emotion
        source = generator("clip", request.index, request.seed)

        def noise(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=source)

        look = noise(channels, 1, 1)
        counted = torch.ones(1, frames, size, size)
        if request.masked:
            counted[:, :, size // 2 :] = 0
        return {
            "latents": look[:, None] + 0.2 * noise(channels, frames, size, size),
            "reference": look + 0.2 * noise(channels, size, size),
            "audio": noise(frames + audio.window - 1, audio.layers, audio.channels),
            "text": noise(emotion.text),
            "emotion_audio": noise(emotion.audio),
            "aus": torch.zeros(emotion.aus),
            "counted": counted,
        }

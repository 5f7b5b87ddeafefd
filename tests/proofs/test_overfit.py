"""One real clip, learned by heart by the real trainer, comes back from pure noise, and its windows join unseen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from media.audio import waveform
from media.decode import Decoder
from moee_model.batch import NONE, Batch, Request
from moee_model.codec import make_codec, to_latents
from moee_model.config import ModelConfig, model_config
from moee_model.denoiser import build
from moee_model.emotion import Emotion
from moee_model.inputs import middle, squared
from moee_model.losses import LossConfig
from moee_model.noise import Dropout
from moee_model.pipeline import MoEEPipeline
from moee_model.speech import hidden_states, make_speech, windows
from moee_model.train import Trainer
from moee_model.train_config import StageConfig, TrainConfig

pytestmark = [pytest.mark.proof, pytest.mark.full]
CLIP = "talk_512_aoc_hdtf_speech_8s.mp4"
FRAMES, WINDOWS = 6, 2
TOTAL = FRAMES * WINDOWS
STEPS = 2  # of sampling: a network that was trained so shortly leaves grain behind with each step more


def training() -> TrainConfig:
    nothing = Dropout(image=0, audio=0, motion=0, emotion=0, all=0, modality=0, single=0)
    loss = LossConfig(noise_offset=0.0, dropout=nothing)
    image = StageConfig("image", 420, lr=3e-3, batch=4, warmup=10, decay="cosine", loss=loss)
    motion = StageConfig("motion-audio", 200, lr=3e-3, batch=2, warmup=10, decay="cosine", loss=loss)
    return TrainConfig((image, motion), ema=None, weight_decay=0.0, checkpoint_every=10**6, prefetch=1)


@dataclass
class OneClip:
    """Implements `moee_model.batch.Source` with the windows of one clip; its first frame is the reference and stands
    in place of motion frames before the first window, as when a video begins.

    latents: [1 + TOTAL, C, h, w]. hidden: [TOTAL, L, D] of the sound after the reference.
    """

    config: ModelConfig
    latents: torch.Tensor
    hidden: torch.Tensor
    labels: np.ndarray
    ids: Sequence[str] = ("clip",)

    def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
        """The window, or the single frame, that the seed decides."""
        rows, emotion = len(requests), self.config.emotion
        starts = [frames * (request.seed % (TOTAL // frames)) for request in requests]
        shown = [
            (torch.arange(start - motion_frames, start + frames) + 1).clamp(min=0) for start in starts
        ]  # fmt: skip
        total = frames + motion_frames
        return Batch(
            ids=["clip"] * rows,
            seeds=torch.tensor([request.seed for request in requests]),
            motion_frames=motion_frames,
            latents=torch.stack([self.latents[at].transpose(0, 1) for at in shown]),
            reference=self.latents[:1].expand(rows, -1, -1, -1),
            audio=torch.stack(
                [windows(self.hidden, start - motion_frames, total, self.config.audio.window) for start in starts]
            ),
            weights=torch.tensor([NONE] * rows),
            gates=torch.tensor([NONE] * rows),
            learned=torch.zeros(rows, dtype=torch.bool),
            text=torch.zeros(rows, emotion.text),
            emotion_audio=torch.zeros(rows, emotion.audio),
            aus=torch.zeros(rows, emotion.aus),
            present=torch.tensor([[True, False, False, False]] * rows),
            counted=torch.ones(rows, 1, total, self.config.latent_size, self.config.latent_size),
        )


def psnr(shown: np.ndarray, truth: np.ndarray) -> float:
    """Decibels over all frames."""
    return float(10 * np.log10(255**2 / np.square(shown.astype(float) - truth).mean()))


def steps_between(frames: np.ndarray) -> tuple[float, float]:
    """Mean difference of neighbouring frames: the largest at a seam between windows, the largest elsewhere."""
    steps = np.abs(np.diff(frames.astype(float), axis=0)).mean((1, 2, 3))
    seams = np.arange(1, len(frames)) % FRAMES == 0
    return float(steps[seams].max()), float(steps[~seams].max())


def first_frames(path: Path, count: int, size: int) -> np.ndarray:
    with Decoder(path) as decoder:
        pictures = [
            squared(frame.rgb(), middle(frame.rgb()), size) for frame, _ in zip(decoder, range(count), strict=False)
        ]
    return np.stack(pictures)


def test_a_real_clip_is_reproduced_from_pure_noise(
    test_data: Path, tmp_path: Path, table: Callable[[str], None]
) -> None:
    torch.set_num_threads(1)
    config, path = replace(model_config("tiny"), frames=FRAMES), test_data / "videos" / CLIP
    pictures = first_frames(path, 1 + TOTAL, config.size)
    sound = waveform(path, Fraction(1, 25), Fraction(1 + TOTAL, 25))
    codec, speech = make_codec(config.codec), make_speech(config.audio)
    latents = to_latents(codec, torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1)
    hidden = hidden_states(speech, torch.from_numpy(sound), TOTAL, config.fps, config.audio.layers)
    source = OneClip(config, latents, hidden, np.zeros((1, 6), np.float32))

    denoiser = build(config)
    Trainer(denoiser, config, training(), source, tmp_path / "run", tensorboard=False).run()
    pipeline = MoEEPipeline.from_denoiser(denoiser.eval(), config, codec, speech)
    truth = pictures[1:]
    made = [pipeline(pictures[0], sound, Emotion(), STEPS, 1.0, seed, TOTAL).frames for seed in (0, 1)]

    still, mean = psnr(np.repeat(pictures[:1], TOTAL, 0), truth), psnr(truth.mean(0)[None], truth)
    reached = [psnr(one, truth) for one in made]
    finer = psnr(pipeline(pictures[0], sound, Emotion(), 20, 1.0, 0, TOTAL).frames, truth)
    sheet = tmp_path / "overfit.png"
    rows = [np.concatenate(list(one), 1) for one in (truth, *made)]
    cv2.imwrite(str(sheet), cv2.resize(np.concatenate(rows)[..., ::-1], None, fx=4, fy=4, interpolation=0))
    first, second = reached
    table(
        f"PSNR of {TOTAL} frames from pure noise: {first:.1f} and {second:.1f} dB in {STEPS} steps, {finer:.1f} in 20"
    )
    table(f"the reference held still {still:.1f} dB, the best still picture (the mean of the truth) {mean:.1f} dB")
    table(f"truth above, both videos below: {sheet}")
    assert min(reached) >= 25
    for one in made:
        nearest = [int(np.argmin(np.square(truth - frame.astype(float)).mean((1, 2, 3)))) for frame in one]
        assert np.abs(np.array(nearest) - np.arange(TOTAL)).max() <= 1, "each frame is its own one of the clip"
        seam, elsewhere = steps_between(one)
        table(f"mean step between frames: {seam:.2f} at the seam, up to {elsewhere:.2f} elsewhere (of 255)")
        assert seam <= elsewhere

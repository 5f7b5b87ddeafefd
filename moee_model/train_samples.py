"""What a training shows and leaves: sample videos on the way, the finished model at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from manifests.errors import ManifestError
from manifests.files import make_folder, plain_errors, sync_folder
from moee_model.denoiser import Denoiser
from moee_model.emotion import NEUTRAL, Emotion
from moee_model.errors import ModelError
from moee_model.pipeline import MoEEPipeline
from moee_model.speech import RATE
from moee_model.video_file import write_video

if TYPE_CHECKING:
    from moee_model.train import Trainer

_SIDE = 128  # smaller pictures are scaled up to this


@dataclass(frozen=True)
class Sample:
    """What one sample video is made of: a portrait (uint8 [H, W, 3]), a sound (float32 [n], 16 kHz) and an emotion."""

    name: str
    image: np.ndarray
    waveform: np.ndarray
    emotion: Emotion = NEUTRAL


def pipeline_of(model: Denoiser, trainer: Trainer) -> MoEEPipeline:
    """A pipeline around a model of the training's, with the training's codec and speech network."""
    made = MoEEPipeline.from_denoiser(model, trainer.config, trainer.codec, trainer.speech, trainer.text)
    return made.to(trainer.world.device)


def write(model: Denoiser, trainer: Trainer, folder: Path) -> None:
    """Write `<name>.mp4` for every sample of a training, with the samples' sound."""
    pipeline = pipeline_of(model, trainer)
    steps, guidance, fps = trainer.train.sample_steps, trainer.train.sample_guidance, trainer.config.fps
    with _folder(folder):
        make_folder(folder)
    for sample in trainer.samples:
        count = max(1, len(sample.waveform) * fps // RATE)
        stream = pipeline.stream(
            sample.image, sample.waveform, sample.emotion, steps, guidance, trainer.train.seed, count
        )  # fmt: skip
        frames = (frame for window in stream for frame in window)
        with tempfile.TemporaryDirectory(prefix="moee-sample-") as aside:
            sound = _sound_file(Path(aside) / "sound.wav", sample.waveform)
            side = max(_SIDE, trainer.config.size) // 2 * 2
            write_video(folder / f"{sample.name}.mp4", frames, count, fps, side, sound)


def export(model: Denoiser, trainer: Trainer, folder: Path, beside: Mapping[str, bytes]) -> None:
    """Write a training's model as a pipeline's folder, with the files beside, whole or not at all; an older one is
    replaced."""
    aside = folder.with_name(f".tmp-{folder.name}")
    with _folder(folder.parent):
        shutil.rmtree(aside, ignore_errors=True)
        make_folder(aside)
        pipeline_of(model, trainer).save_pretrained(aside)
        for name, content in beside.items():
            (aside / name).write_bytes(content)
        for path in sorted(aside.rglob("*")):
            if path.is_file():
                _sync(path)
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
        sync_folder(folder.parent)


def _sound_file(path: Path, waveform: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(waveform, -1, 1) * 32767).round().astype("<i2").tobytes())
    return path


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """What the operating system says about writing in a folder, as one sentence."""
    try:
        with plain_errors(folder):
            yield
    except ManifestError as error:
        raise ModelError(str(error)) from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

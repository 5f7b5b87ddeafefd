"""Trains models of the toy world: the parts that every variant shares once, then the mixture of each variant."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from moee_model.config import ModelConfig, model_config
from moee_model.denoiser import Denoiser, build
from moee_model.pipeline import MoEEPipeline
from moee_model.speech import make_speech
from moee_model.toy_source import ToySource
from moee_model.train import Trainer
from moee_model.train_config import TrainConfig, train_config

BASE = ("image", "motion-audio")


@dataclass(frozen=True)
class World:
    """One seed of the toy world. config, train: the preset. speech: hears. source: clips to train on. base: weights
    after the stages that know nothing of emotion."""

    seed: int
    config: ModelConfig
    train: TrainConfig
    speech: Any
    source: ToySource
    base: dict[str, torch.Tensor]


def world(seed: int, note: Callable[[str], None], scale: float = 1.0) -> World:
    """Train what all variants of a seed share: pictures, movement, speech.

    Args:
        seed: of persons, words, weights and training. note: takes a line per stage.
        scale: of the preset's numbers of steps, for a quick look.
    """
    config = model_config("toy")
    train = replace(_scaled(train_config("toy"), scale), seed=seed)
    speech = make_speech(config.audio)
    source = ToySource(config, speech, seed=seed)
    denoiser = build(config, seed)
    _run(denoiser, config, _stages(train, *BASE), source, note)
    return World(seed, config, train, speech, source, denoiser.state_dict())


def variant(
    shared: World,
    *stages: str,
    note: Callable[[str], None],
    config: ModelConfig | None = None,
    noisy: float | None = None,
    shuffled: bool = False,
    weights: dict[str, torch.Tensor] | None = None,
) -> Denoiser:
    """Train the mixture of one variant on the shared parts.

    Args:
        shared: of its seed. stages: `experts`, `gates`. note: takes a line per stage.
        config: of the model, where it differs. noisy: share of masked noisy samples, where it differs.
        shuffled: labels of other clips. weights: to begin with, instead of the shared ones.
    """
    chosen = config or shared.config
    denoiser = build(chosen, shared.seed)
    denoiser.load_state_dict(weights or shared.base)
    train = _stages(shared.train, *stages)
    if noisy is not None:
        train = replace(train, noisy=noisy)
    source = shared.source
    if shuffled:
        source = ToySource(chosen, shared.speech, seed=shared.seed, shuffled=True)
    _run(denoiser, chosen, train, source, note)
    return denoiser


def pipeline(shared: World, denoiser: Denoiser, config: ModelConfig | None = None) -> MoEEPipeline:
    """A pipeline around a model of the toy world."""
    made = MoEEPipeline.from_denoiser(denoiser.eval(), config or shared.config, speech=shared.speech)
    made.set_progress_bar_config(disable=True)
    return made


def _scaled(train: TrainConfig, scale: float) -> TrainConfig:
    return replace(
        train, stages=tuple(replace(stage, steps=max(1, round(stage.steps * scale))) for stage in train.stages)
    )


def _stages(train: TrainConfig, *names: str) -> TrainConfig:
    return replace(train, stages=tuple(stage for stage in train.stages if stage.name in names))


def _run(
    denoiser: Denoiser, config: ModelConfig, train: TrainConfig, source: ToySource, note: Callable[[str], None]
) -> None:
    watcher = _Losses(note)
    with tempfile.TemporaryDirectory(prefix="moee-toy-") as folder:
        Trainer(denoiser, config, train, source, Path(folder), watcher=watcher, tensorboard=False).run()
    watcher.say()
    denoiser.requires_grad_(False)


class _Losses:
    """Says each stage's mean loss over its last fifty steps (a `moee_model.train_log.Watcher`)."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note, self._name, self._losses = note, "", [0.0]

    def begin(self, step: int, steps: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Passed on."""
        self._note(text)

    def stage(self, name: str, parameters: int) -> None:
        """A new stage begins."""
        self.say()
        self._name, self._losses = name, []

    def step(self, step: int, loss: float) -> None:
        """A step was done."""
        self._losses.append(loss)

    def say(self) -> None:
        """The line of the stage that ends."""
        if self._name:
            last = self._losses[-50:]
            self._note(f"{self._name}: {len(self._losses)} steps, loss {sum(last) / len(last):.4f} at the end")
        self._name = ""

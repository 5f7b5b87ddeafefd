"""One seed of the proof: what is trained, what is measured on it, as plain numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from moee_model.batch import EXPERTS
from moee_model.config import ModelConfig, model_config
from moee_model.denoiser import Denoiser, build
from moee_model.emotion import parse
from moee_model.pipeline import MoEEPipeline
from moee_model.speech import make_speech
from moee_model.toy_source import ToySource
from moee_model.train_config import train_config
from perf.toy import figure, measure
from perf.toy.world import World, _scaled, pipeline, variant

Found = dict[str, Any]
"""Plain values by name, as JSON holds them; `pictures`: arrays for the figure."""
Note = Callable[[str], None]

_PERSONS: Final = 2  # each of whom shows every pair of forced expert and told label


def _quiet(line: str) -> None:
    """Says nothing."""


def shared(seed: int, base: Path, scale: float = 1.0) -> World:
    """The world of a seed whose shared parts were trained before, from their file."""
    config, train = model_config("toy"), replace(_scaled(train_config("toy"), scale), seed=seed)
    speech = make_speech(config.audio)
    weights = torch.load(base, weights_only=True)
    return World(seed, config, train, speech, ToySource(config, speech, seed=seed), weights)


def measured(name: str, seed: int, base: Path, scale: float = 1.0, note: Note = _quiet) -> Found:
    """Train one variant of a seed and measure it.

    Args:
        name: see `_VARIANTS`. seed: of all that is drawn. base: file of the shared weights.
        scale: of the numbers of steps.
        note: takes a line of progress.
    """
    torch.set_num_threads(1)
    started = time.process_time()
    world = shared(seed, base, scale)
    found = _VARIANTS[name](world, note)
    return {**found, "processor_seconds": round(time.process_time() - started)}


def _full(world: World, note: Note) -> Found:
    denoiser = variant(world, "experts", note=note)
    made = pipeline(world, denoiser)
    found = {
        "forced": measure.forced(made, _PERSONS).tolist(),
        "forced_videos": 36 * _PERSONS,
        "ablated": measure.ablated(made, _PERSONS).tolist(),
        "whole": _whole(made),
        "none": True,
        "mixtures": [asdict(one) | {"ordered": one.ordered} for one in measure.mixtures(made)],
    }
    strips = figure.mixtures(made)
    denoiser = variant(world, "gates", note=note, weights=denoiser.state_dict())
    made = pipeline(world, denoiser)
    return {
        **found,
        **_finished(world, denoiser),
        "null": asdict(measure.controlled(made, 4, label=False)),
        "silent": asdict(measure.controlled(made, 4, silent=True)),
        "pictures": figure.shown(made) | strips,
    }


def _whole(made: MoEEPipeline) -> list[float]:
    """[6] accuracy of each emotion in the videos of `measure.ablated` with all experts speaking."""
    told = [emotion for emotion in range(6) for _ in range(_PERSONS)]
    asks = [
        measure.Ask(number % _PERSONS, 50 + number % _PERSONS, parse(EXPERTS[emotion]))
        for number, emotion in enumerate(told)
    ]
    right = [seen == want for seen, want in zip(measure.seen_or_none(made, asks), told, strict=True)]
    return np.array(right, float).reshape(6, _PERSONS).mean(1).tolist()


def _finished(world: World, denoiser: Denoiser, config: ModelConfig | None = None) -> Found:
    """What is measured on every variant that has been through all stages."""
    made = pipeline(world, denoiser, config)
    return {"control": asdict(measure.controlled(made)), "compounds": measure.compounds(made)}


def _shuffled(world: World, note: Note) -> Found:
    denoiser = variant(world, "experts", note=note, shuffled=True)
    return {"control": asdict(measure.controlled(pipeline(world, denoiser)))}


def _output_gate(world: World, note: Note) -> Found:
    config = replace(world.config, moe=replace(world.config.moe, gate_position="output"))
    denoiser = variant(world, "experts", note=note, config=config)
    made = pipeline(world, denoiser, config)
    return {"control": asdict(measure.controlled(made)), "forced": measure.forced(made).tolist()}


def _no_experts(world: World, note: Note) -> Found:
    """The same model without experts: nothing else of it hears of the emotion."""
    config = replace(world.config, moe=replace(world.config.moe, enabled=False))
    denoiser = build(config, world.seed)
    denoiser.load_state_dict({name: value for name, value in world.base.items() if ".moe." not in name})
    denoiser.requires_grad_(False)
    return _finished(world, denoiser, config)


def _no_global_gate(world: World, note: Note) -> Found:
    config = replace(world.config, moe=replace(world.config.moe, global_gate=False))
    denoiser = variant(world, "experts", "gates", note=note, config=config)
    forced = measure.forced(pipeline(world, denoiser, config))
    return {**_finished(world, denoiser, config), "forced": forced.tolist()}


def _no_masked_sampling(world: World, note: Note) -> Found:
    return _finished(world, variant(world, "experts", "gates", note=note, noisy=0.0))


_VARIANTS: Final[dict[str, Callable[[World, Note], Found]]] = {
    "full": _full,
    "shuffled": _shuffled,
    "output-gate": _output_gate,
    "no-experts": _no_experts,
    "no-global-gate": _no_global_gate,
    "no-masked-sampling": _no_masked_sampling,
}


def plain(value: Any) -> Any:
    """A value as JSON holds it: arrays become lists, numbers with a fraction keep four digits."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value

"""Clips of the toy world to train on, as `moee_model.batch.Source`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from manifests.emotions import COMPOUNDS
from moee_model.batch import EXPERTS, NONE, Batch, Request, Six
from moee_model.codec import make_codec, to_latents
from moee_model.config import ModelConfig
from moee_model.seeds import generator
from moee_model.speech import hidden_states, windows
from moee_model.toy_face import mouth_mask, openings, parameters, person, render, sound

LENGTH: Final = 50
"""Frames of a clip."""


def six(emotions: Sequence[str]) -> Six:
    """Weights of one emotion, or of several in equal parts; none: neutral."""
    share = 1 / max(1, len(emotions))
    first, second, third, fourth, fifth, sixth = (share * (name in emotions) for name in EXPERTS)
    return (first, second, third, fourth, fifth, sixth)


def emotions() -> list[Six]:
    """The labels of the toy world: six single emotions, the four compounds, neutral."""
    return [*(six([name]) for name in EXPERTS), *(six(pair) for pair in COMPOUNDS.values()), NONE]


def portrait(seed: int) -> torch.Tensor:
    """[3, 16, 16] in -1..1: a person at rest with a closed mouth, which is what a model is given."""
    return render(parameters(*person(seed), NONE, torch.zeros(1)))[0].float() * 2 - 1


class ToySource:
    """Every person shows every emotion of the toy world once, each time with words of its own.

    Args:
        config: of the model, which folds pixels into latents.
        speech: the speech network of that model.
        persons: how many. seed: of persons and words. shuffled: labels of other clips, for a control.
    """

    def __init__(
        self, config: ModelConfig, speech: Any, persons: int = 24, seed: int = 0, shuffled: bool = False
    ) -> None:
        self._window, self._codec = config.audio.window, make_codec(config.codec)
        self._widths = (config.emotion.text, config.emotion.audio, config.emotion.aus)
        self._people = [1000 * seed + number for number in range(persons)]
        told = emotions()
        self._clips = [(who, label) for who in self._people for label in told]
        shown = np.array([label for _, label in self._clips], np.float32)
        order = np.arange(len(shown))
        if shuffled:
            order = torch.randperm(len(shown), generator=generator(seed, "shuffled")).numpy()
        self._labels = shown[order]
        self._portraits = {who: self._folded(portrait(who)[None])[0] for who in self._people}
        self._pictures, self._hidden = self._made(config, speech, seed)
        self._counted = self._folded((~mouth_mask())[None, None].float().expand(1, 3, -1, -1)).amin(1)[0]

    def _made(self, config: ModelConfig, speech: Any, seed: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        pictures, hidden = [], []
        for number, (who, label) in enumerate(self._clips):
            words = 100_000 * seed + number
            opened = openings(LENGTH, words)
            pictures.append(self._folded(render(parameters(*person(who), label, opened)).float() * 2 - 1))
            heard = sound(opened, words, config.fps)
            hidden.append(hidden_states(speech, heard, LENGTH, config.fps, config.audio.layers))
        return pictures, hidden

    def _folded(self, pixels: torch.Tensor) -> torch.Tensor:
        return to_latents(self._codec, pixels)

    @property
    def labels(self) -> np.ndarray:
        """[clips, 6] float32."""
        return self._labels

    @property
    def ids(self) -> Sequence[str]:
        """A name per clip."""
        return [f"toy-{who}-{number}" for number, (who, _) in enumerate(self._clips)]

    def batch(self, requests: Sequence[Request], frames: int, motion_frames: int) -> Batch:
        """Samples; the reference is the person at rest, so that nothing but the condition tells the emotion."""
        whole = frames + motion_frames
        starts = [
            int(torch.randint(LENGTH - whole + 1, (), generator=generator(request.seed, "window")))
            for request in requests
        ]
        count = len(requests)
        text, audio, aus = self._widths
        return Batch(
            ids=[self.ids[request.index] for request in requests],
            seeds=torch.tensor([request.seed for request in requests]),
            motion_frames=motion_frames,
            latents=torch.stack([
                self._pictures[request.index][start : start + whole].transpose(0, 1)
                for request, start in zip(requests, starts, strict=True)
            ]),
            reference=torch.stack([self._portraits[self._clips[request.index][0]] for request in requests]),
            audio=torch.stack([
                windows(self._hidden[request.index], start, whole, self._window)
                for request, start in zip(requests, starts, strict=True)
            ]),
            weights=torch.tensor([request.label for request in requests]),
            gates=torch.tensor([request.gates or NONE for request in requests]),
            learned=torch.tensor([request.gates is None for request in requests]),
            text=torch.zeros(count, text),
            emotion_audio=torch.zeros(count, audio),
            aus=torch.zeros(count, aus),
            present=torch.tensor([[True, False, False, False]] * count),
            counted=torch.stack([
                self._counted.expand(1, whole, -1, -1) if request.masked else torch.ones(1, whole, *self._counted.shape)
                for request in requests
            ]),
        )  # fmt: skip

"""What a model of the toy world does, read back from its videos by analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import fmean

import numpy as np
import torch

from manifests.emotions import COMPOUNDS
from moee_model.batch import EXPERTS, NONE, Six
from moee_model.emotion import NEUTRAL, Emotion, parse
from moee_model.pipeline import MoEEPipeline
from moee_model.toy_face import EMOTION, OPENING, PROTOTYPES, RADIUS, SHADE, decode, emotion_of, openings, person, sound
from moee_model.toy_source import LENGTH, portrait, six
from perf.toy.batched import Wanted, videos

STEPS = 4
"""Of DDIM."""
GUIDANCE = 1.5
HELD_OUT = 900_000
"""Seeds from here on are persons and words that no model was trained on."""
SHARES = (0.25, 0.5, 0.75)
_TOGETHER = 24


@dataclass(frozen=True)
class Ask:
    """One video to make: of whom, saying what, with which emotion, how long."""

    who: int
    words: int
    emotion: Emotion
    frames: int = 4
    guidance: float = GUIDANCE
    silent: bool = False


def shown(made: MoEEPipeline, asks: Sequence[Ask]) -> list[torch.Tensor]:
    """[frames, 6] parameters of each video; all asks have one length and one guidance."""
    frames, guidance = asks[0].frames, asks[0].guidance
    found: list[np.ndarray] = []
    for first in range(0, len(asks), _TOGETHER):
        wanted = [_wanted(ask) for ask in asks[first : first + _TOGETHER]]
        found += videos(made, wanted, frames, STEPS, guidance)
    return list(decode(torch.from_numpy(np.concatenate(found))).split(frames))


def _wanted(ask: Ask) -> Wanted:
    image = ((portrait(HELD_OUT + ask.who) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    # loudness is heard within a sound: a few frames of it would mean something else than in training
    waveform = sound(openings(LENGTH, HELD_OUT + ask.words), HELD_OUT + ask.words)
    if ask.silent:
        waveform = torch.zeros_like(waveform)
    return Wanted(image, waveform.numpy(), ask.emotion, ask.words)


def one_hot(number: int) -> Six:
    """The weights of one expert."""
    return six([EXPERTS[number]])


@dataclass(frozen=True)
class Control:
    """emotion: per video, whether the told emotion is seen. mouth: correlation of mouth and sound per video. radius,
    shade: mean distance from the person's own. who: per video, whether the nearest of the held-out persons is right."""

    emotion: list[bool]
    mouth: list[float]
    radius: float
    shade: float
    who: list[bool]


def controlled(
    made: MoEEPipeline, persons: int = 8, frames: int = 16, label: bool = True, silent: bool = False
) -> Control:
    """Videos of held-out persons and words, every emotion equally often.

    Args:
        persons: 6 videos of each. frames: of each video. label: False tells neutral instead. silent: no sound is heard.
    """
    asks = [
        Ask(who, 10 * who + emotion, parse(EXPERTS[emotion]) if label else NEUTRAL, frames, silent=silent)
        for who in range(persons)
        for emotion in range(6)
    ]
    told = [emotion for _ in range(persons) for emotion in range(6)]
    values = shown(made, asks)
    people = torch.tensor([person(HELD_OUT + who) for who in range(persons)], dtype=torch.float64)
    looks = torch.stack([value[:, [RADIUS, SHADE]].median(0).values for value in values])
    own = people[[ask.who for ask in asks]]
    scale = torch.tensor([0.2, 0.9], dtype=torch.float64)  # the ranges that persons are drawn from
    nearest = torch.cdist(looks / scale, people / scale).argmin(1)
    return Control(
        emotion=[int(_seen(value)) == want for value, want in zip(values, told, strict=True)],
        mouth=[_follows(value, ask) for value, ask in zip(values, asks, strict=True)],
        radius=float((looks - own)[:, 0].abs().mean()),
        shade=float((looks - own)[:, 1].abs().mean()),
        who=[int(found) == ask.who for found, ask in zip(nearest, asks, strict=True)],
    )


def _seen(values: torch.Tensor) -> torch.Tensor:
    """The emotion of a whole video: that of its median frame."""
    return emotion_of(values.median(0).values[None])[0]


def _follows(values: torch.Tensor, ask: Ask) -> float:
    heard = openings(LENGTH, HELD_OUT + ask.words)[: ask.frames].double()
    pair = torch.stack([values[:, OPENING], heard])
    return float(torch.corrcoef(pair)[0, 1].nan_to_num())


def forced(made: MoEEPipeline, persons: int = 2) -> np.ndarray:
    """[6, 6] share of videos seen as emotion j when expert i is forced, the told label going through all six."""
    asks = [
        Ask(who, 6 * told + who, Emotion(one_hot(told), one_hot(expert)))
        for expert in range(6)
        for told in range(6)
        for who in range(persons)
    ]
    seen = [int(_seen(value)) for value in shown(made, asks)]
    found = np.zeros((6, 6))
    for number, emotion in enumerate(seen):
        found[number // (6 * persons), emotion] += 1 / (6 * persons)
    return found


def seen_or_none(made: MoEEPipeline, asks: Sequence[Ask]) -> list[int]:
    """The number of the emotion that each video shows, 6 where it shows none: a face without an expert is near neutral,
    and which of the six is nearest to that says nothing."""
    places = torch.cat([PROTOTYPES, torch.zeros(1, 3, dtype=torch.float64)])
    values = torch.stack([video[:, EMOTION].median(0).values for video in shown(made, asks)])
    return [int(number) for number in torch.cdist(values, places).argmin(1)]


def ablated(made: MoEEPipeline, persons: int = 2) -> np.ndarray:
    """[6, 6] accuracy of emotion j when what expert k says is set to zero."""
    found = np.zeros((6, 6))
    asks = [Ask(who, 50 + who, parse(EXPERTS[told])) for told in range(6) for who in range(persons)]
    for expert in range(6):
        kept = {}
        for name, value in made.unet.named_parameters():
            if f".moe.experts.{expert}.to_out" in name:
                kept[name] = value.clone()
                value.zero_()
        for number, seen in enumerate(seen_or_none(made, asks)):
            found[expert, number // persons] += (seen == number // persons) / persons
        for name, value in made.unet.named_parameters():
            if name in kept:
                value.copy_(kept[name])
    return found


@dataclass(frozen=True)
class Mixture:
    """first, second: emotions. places: of the shares 0.25, 0.5, 0.75 of the second on the line from the first's own
    video to the second's, in the renderer's parameters. ordered: whether they rise strictly between 0 and 1."""

    first: str
    second: str
    places: tuple[float, ...]

    @property
    def ordered(self) -> bool:
        """Whether all lie between the two ends, in order."""
        line = (0.0, *self.places, 1.0)
        return all(one < other for one, other in pairwise(line))


def mixtures(made: MoEEPipeline, persons: int = 2) -> list[Mixture]:
    """All 15 pairs of emotions, mixed by the gate."""
    pairs = list(combinations(range(6), 2))
    ends = {number: _mean(made, Emotion(one_hot(number), one_hot(number)), persons) for number in range(6)}
    found = []
    for first, second in pairs:
        line = ends[second] - ends[first]
        places = []
        for share in SHARES:
            weights = _mixed(first, second, share)
            apart = _mean(made, Emotion(weights, weights), persons) - ends[first]
            places.append(float(apart @ line / (line @ line)))
        found.append(Mixture(EXPERTS[first], EXPERTS[second], tuple(places)))
    return found


def _mixed(first: int, second: int, share: float) -> Six:
    values = [0.0] * 6
    values[first], values[second] = 1 - share, share
    return (values[0], values[1], values[2], values[3], values[4], values[5])


def _mean(made: MoEEPipeline, emotion: Emotion, persons: int) -> torch.Tensor:
    """[3] mean emotion parameters; without guidance, which would push past the ends."""
    asks = [Ask(who, 70 + who, emotion, guidance=1.0) for who in range(persons)]
    return torch.stack([value[:, EMOTION].median(0).values for value in shown(made, asks)]).mean(0)


def compounds(made: MoEEPipeline, persons: int = 4) -> list[bool]:
    """Per video of a compound under the model's own gate: whether the compound's middle is the nearest of ten places
    (six emotions, four compounds)."""
    middles = torch.stack([torch.tensor(six(pair), dtype=torch.float64) @ PROTOTYPES for pair in COMPOUNDS.values()])
    places = torch.cat([PROTOTYPES, middles])
    asks = [Ask(who, 90 + who, parse(name)) for name in COMPOUNDS for who in range(persons)]
    values = torch.stack([value[:, EMOTION].median(0).values for value in shown(made, asks)])
    nearest = torch.cdist(values, places).argmin(1)
    return [int(found) == 6 + number // persons for number, found in enumerate(nearest)]


def mean(values: Sequence[float] | Sequence[bool]) -> float:
    """The plain mean."""
    return fmean(float(value) for value in values)


__all__ = ["NONE", "Control", "Mixture", "ablated", "compounds", "controlled", "forced", "mean", "mixtures"]

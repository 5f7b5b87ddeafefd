"""Which clips a step trains on: pure functions of the run's seed and the step, whatever ran before and on how many
processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from moee_model.batch import EXPERTS, NONE, Request, Six
from moee_model.errors import ModelError
from moee_model.seeds import seed_of

STAGES: Final = ("image", "motion-audio", "experts", "gates")
_WHOLE: Final = 2.0**63  # `seed_of` is below this


class Plan:
    """The order of the clips in one stage of training.

    `image` and `motion-audio` go through all clips, a new order every epoch; no expert speaks. `experts` gives every
    emotion its turn equally often, whatever the number of its clips, with its own expert alone; now and then the clip
    shows another emotion or none and the mouth does not count (masked noisy emotion sampling, MoEE 3.4). `gates` mixes
    compounds, every kind equally often, for which the model's own gate decides, with single emotions as before.

    Args:
        labels: [clips, 6] float, as `moee_model.batch.Source.labels`.
        stage: one of `STAGES`.
        batch: samples of a step, on all processes together.
        seed: of the run.
        noisy: probability of a clip of another emotion, 0..1.
        single_share: share of single emotions in the stage `gates`, 0..1.
        allow_missing: go on where an emotion has no clips, or where there is no compound (single emotions then train
            the gate).

    Raises:
        ModelError: no clips, an unknown stage, a setting out of range, or clips that the stage needs are missing.
    """

    def __init__(
        self,
        labels: np.ndarray,
        stage: str,
        batch: int,
        seed: int,
        noisy: float = 0.1,
        single_share: float = 0.5,
        allow_missing: bool = False,
    ) -> None:
        labels = np.asarray(labels, np.float32).reshape(-1, len(EXPERTS))
        _check(labels, stage, batch, noisy, single_share)
        self.labels, self.stage, self.batch, self.seed, self.noisy = labels, stage, batch, seed, noisy
        self._singles = _singles(labels)
        self._neutral = np.flatnonzero((labels == 0).all(1))
        self._compounds = _compounds(labels)
        self._single_share = single_share
        self._held: dict[tuple[str, int], tuple[int, np.ndarray]] = {}
        if stage in ("experts", "gates"):
            self._check_emotions(allow_missing)

    def requests(self, step: int) -> list[Request]:
        """All samples of a step, the first step being 0; a process takes its slice `[rank::processes]`."""
        if self.stage == "experts":
            return [self._expert(step * self.batch + place, step, place) for place in range(self.batch)]
        if self.stage == "gates":
            found = [self._gate(step * self.batch + place, step, place) for place in range(self.batch)]
            return [found[place] for place in _order(len(found), self.seed, self.stage, "within", step)]
        return [self._plain(step * self.batch + place, step, place) for place in range(self.batch)]

    def _plain(self, position: int, step: int, place: int) -> Request:
        epoch, turn = divmod(position, len(self.labels))
        index = int(self._epoch("all", 0, len(self.labels), epoch)[turn])
        return Request(index, self._seed(step, place), self._told(index))

    def _expert(self, position: int, step: int, place: int) -> Request:
        expert, index = self._turn(position, "single", self._singles)
        seed = self._seed(step, place)
        alone = _one_hot(expert)
        if seed_of(seed, "noisy") / _WHOLE >= self.noisy:
            return Request(index, seed, alone, alone)
        others = [clips for emotion, clips in self._singles.items() if emotion != expert]
        if len(self._neutral):
            others.append(self._neutral)
        clips = others[seed_of(seed, "other emotion") % len(others)]
        return Request(int(clips[seed_of(seed, "other clip") % len(clips)]), seed, alone, alone, masked=True)

    def _gate(self, position: int, step: int, place: int) -> Request:
        singles = int(position * self._single_share)  # so many single emotions came before
        seed = self._seed(step, place)
        if int((position + 1) * self._single_share) > singles:
            expert, index = self._turn(singles, "single", self._singles)
            return Request(index, seed, _one_hot(expert), _one_hot(expert))
        if not self._compounds:
            _, index = self._turn(position - singles, "own gate", self._singles)
        else:
            _, index = self._turn(position - singles, "compound", self._compounds)
        return Request(index, seed, self._told(index), gates=None)

    def _turn(self, position: int, name: str, kinds: dict[int, np.ndarray]) -> tuple[int, int]:
        """(kind, clip) of the so-manieth draw: all kinds in seeded order, again and again; in each kind all its clips
        in seeded order, again and again."""
        cycle, turn = divmod(position, len(kinds))
        kind = sorted(kinds)[_order(len(kinds), self.seed, self.stage, name, "kinds", cycle)[turn]]
        epoch, turn = divmod(cycle, len(kinds[kind]))
        return kind, int(kinds[kind][self._epoch(name, kind, len(kinds[kind]), epoch)[turn]])

    def _epoch(self, name: str, kind: int, count: int, epoch: int) -> np.ndarray:
        """The order of one epoch; the last one of each kind is held, as a million clips take a tenth of a second."""
        held = self._held.get((name, kind))
        if held is None or held[0] != epoch:
            held = self._held[name, kind] = epoch, _order(count, self.seed, self.stage, name, kind, epoch)
        return held[1]

    def _seed(self, step: int, place: int) -> int:
        return seed_of(self.seed, self.stage, step, place)

    def _told(self, index: int) -> Six:
        weights = self.labels[index]
        return NONE if np.isnan(weights).any() else _six(weights)

    def _check_emotions(self, allow_missing: bool) -> None:
        missing = [name for expert, name in enumerate(EXPERTS) if expert not in self._singles]
        if len(missing) == len(EXPERTS):
            raise ModelError(
                f"No clip has a single emotion as its label, which the stage {self.stage} needs: label the clips, or "
                "leave out the stages experts and gates."
            )
        if self.stage == "experts":
            if missing and not allow_missing:
                raise ModelError(
                    f"The experts {', '.join(missing)} have no clip to learn from: add clips, or set allow_missing to "
                    "leave these experts untrained."
                )
            if self.noisy > 0 and len(self._singles) == 1 and not len(self._neutral):
                raise ModelError("Only one emotion has clips, so none can stand in for another: set noisy to 0.")
        elif not self._compounds and self._single_share < 1 and not allow_missing:
            raise ModelError(
                "No clip shows a compound emotion, from which the gates learn: add clips, or set allow_missing to let "
                "them learn from single emotions."
            )


def _check(labels: np.ndarray, stage: str, batch: int, noisy: float, single_share: float) -> None:
    if stage not in STAGES:
        raise ModelError(f"There is no stage {stage!r}: stages are {', '.join(STAGES)}.")
    if not len(labels):
        raise ModelError("There is no clip to train on.")
    if batch < 1:
        raise ModelError(f"A batch of {batch} samples cannot be trained on: give 1 or more.")
    for name, value in (("noisy", noisy), ("single_share", single_share)):
        if not 0 <= value <= 1:
            raise ModelError(f"{name} is {value}: it is a share from 0 to 1.")


def _singles(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Expert -> the clips of its emotion alone; experts without clips are left out."""
    alone = (labels > 0).sum(1) == 1
    found = {expert: np.flatnonzero(alone & (labels[:, expert] > 0)) for expert in range(len(EXPERTS))}
    return {expert: clips for expert, clips in found.items() if len(clips)}


def _compounds(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Kind of compound (a bit for each of its emotions) -> its clips."""
    parts = labels > 0
    kinds = parts @ (1 << np.arange(len(EXPERTS)))
    kinds[parts.sum(1) < 2] = 0
    return {int(kind): np.flatnonzero(kinds == kind) for kind in np.unique(kinds) if kind}


def _one_hot(expert: int) -> Six:
    return _six([float(place == expert) for place in range(len(EXPERTS))])


def _six(weights: Sequence[float] | np.ndarray) -> Six:
    a, b, c, d, e, f = (float(weight) for weight in weights)
    return a, b, c, d, e, f


def _order(count: int, *parts: int | str) -> np.ndarray:
    """A seeded order of 0..count - 1. The raw numbers of a bit generator are the same in every version of numpy, those
    of `Generator.permutation` need not be."""
    return np.argsort(np.random.PCG64(seed_of(count, *parts)).random_raw(count), kind="stable")

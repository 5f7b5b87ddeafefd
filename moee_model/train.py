"""Trains a model through its stages image -> motion-audio -> experts -> gates; stops and goes on to the bit.

A step depends on the weights and on (seed, stage, step) alone: the sampler is a pure function, every sample draws from
its own seed, no global generator is used. So neither resuming nor sample videos nor the number of processes (up to the
order of sums) changes what is learned.
"""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from manifests.files import exclusive
from manifests.text import printable
from moee_model import checkpoint
from moee_model.batch import Batch, Request, Source
from moee_model.codec import Codec
from moee_model.config import ModelConfig
from moee_model.denoiser import Denoiser, build
from moee_model.distributed import World, load_state, repeatable, state_of
from moee_model.errors import ModelError
from moee_model.losses import Perceptual
from moee_model.rng_state import restore, untouched
from moee_model.sampler import Plan
from moee_model.train_config import StageConfig, TrainConfig
from moee_model.train_feed import Feed
from moee_model.train_log import Scalars, Silent, Watcher
from moee_model.train_stage import Running, Step

if TYPE_CHECKING:
    from moee_model.train_samples import Sample


class StoppedError(ModelError):
    """A signal ended the training; a checkpoint was written. `signal`: its number."""

    def __init__(self, number: int, step: int) -> None:
        super().__init__(
            f"The training was stopped after step {step}: the same command with --resume goes on from there."
        )
        self.signal = number


class Trainer:
    """One training run in a folder.

    Args:
        denoiser: trained in place, parameters in float32. config: of the model. train: stages and settings.
        source: of the clips. out: folder for checkpoints, scalars and sample videos.
        codec: decodes frames for a loss on pixels and for samples. speech, text: hear and read in the finished model
            (text: encoder and tokenizer); None: made from the configuration.
        samples: what sample videos are made of. perceptual: features for a loss on pixels.
        world: the processes; None: found by accelerate. watcher: is told how it goes.
        parts: where the first weights came from, by name; a run that goes on with any goes on with the same.
        tensorboard: whether TensorBoard's files are written.
        asked: gives the signal that somebody elsewhere wants the training to end with, 0 for none; the first process
            asks before every step.

    Raises:
        ModelError: weights that cannot be trained, or settings that do not fit the model.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        config: ModelConfig,
        train: TrainConfig,
        source: Source,
        out: Path,
        codec: Codec | None = None,
        speech: Any = None,
        text: tuple[Any, Any] | None = None,
        *,
        samples: Sequence[Sample] = (),
        perceptual: Perceptual | None = None,
        world: World | None = None,
        watcher: Watcher | None = None,
        parts: Mapping[str, str] | None = None,
        tensorboard: bool = True,
        asked: Callable[[], int] = lambda: 0,
    ) -> None:
        self.denoiser, self.config, self.train, self.source, self.out = denoiser, config, train, source, Path(out)
        self.codec, self.speech, self.text = codec, speech, text
        self.samples, self.perceptual = samples, perceptual
        self.world = world or World(train.parallel)
        self.watcher, self.tensorboard = watcher or Silent(), tensorboard
        self.asked = asked if self.world.main else lambda: 0
        self.step = 0
        _check(denoiser, config, train, codec, self.world)
        self.run_of = checkpoint.Run(asdict(config), train.learned(), _hash(source), dict(parts or {}))
        self.world.place(denoiser)
        if codec is not None:
            codec.to(self.world.device).requires_grad_(False)
        self._running: Running | None = None
        self._loaded: checkpoint.Checkpoint | None = None
        self._signal = 0

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.out / "checkpoints"

    def resume(self) -> int:
        """Go on from the newest whole checkpoint, if there is one; returns the steps done.

        Raises:
            ModelError: it belongs to another configuration, or all are damaged.
        """
        loaded = checkpoint.load(self.checkpoints, self.run_of, self.world, self.watcher.note)
        if loaded is not None:
            load_state(self.denoiser, loaded.parameters)
            self.step, self._loaded = loaded.place.step, loaded
            self.run_of = replace(self.run_of, parts=loaded.parts)
        return self.step

    def run(self, until: int | None = None) -> int:
        """Train up to step `until` (None: to the end of the last stage); returns the steps done.

        Raises:
            ModelError: a loss that is no number (with the ids of its batch), clips that a stage needs are missing, or
                the folder holds another run.
            StoppedError: SIGTERM or SIGINT came; a checkpoint was written.
        """
        end = self.train.steps if until is None else min(until, self.train.steps)
        if self.step == 0 and checkpoint.found(self.checkpoints):
            raise ModelError(f"{printable(str(self.out))} holds a run already: add --resume, or give another --out.")
        with ExitStack() as held:
            if self.world.main:
                held.enter_context(exclusive(self.out))
            scalars = Scalars(self.out, self.step, self.tensorboard) if self.world.main else None
            if scalars is not None:
                held.callback(scalars.close)
            held.enter_context(self._signals())
            held.enter_context(repeatable(self.train.deterministic))
            self.watcher.begin(self.step, self.train.steps)
            self.denoiser.checkpoint_gradients(self.train.gradient_checkpointing)
            while self.step < end:
                self._part(end, scalars)
        return self.step

    def _part(self, end: int, scalars: Scalars | None) -> None:
        """Go on in the stage of the next step, to its end or to `end`."""
        stage, position = self.train.at(self.step)
        plan = Plan(
            self.source.labels,
            stage.name,
            stage.batch,
            self.train.seed,
            self.train.noisy,
            self.train.single_share,
            self.train.allow_missing,
        )
        running = self._enter(stage)
        last = min(stage.steps, position + end - self.step)
        with Feed(self._reader(stage, plan), (position, last), self.train.prefetch) as feed:
            for at in range(position, last):
                step = running.step(feed.take(), at, stage.batch, self._signal or self.asked())
                if not step.finite:
                    raise self._not_finite(stage, plan.requests(at), step)
                self.step += 1
                self._after(stage, at, step, scalars, self.step == end)

    def _enter(self, stage: StageConfig) -> Running:
        if self._running is None or self._running.stage is not stage:
            self._running = Running(
                self.denoiser, self.config, stage, self.train, self.world, self.codec, self.perceptual
            )  # fmt: skip
            if self._loaded is not None:
                if self._loaded.optimizer:
                    self._running.load(self._loaded.optimizer, self._loaded.ema)
                if self._loaded.rng is not None:
                    restore(self._loaded.rng)
                self._loaded = None
            self.watcher.stage(stage.name, sum(value.numel() for value in self._running.parameters.values()))
        return self._running

    def _reader(self, stage: StageConfig, plan: Plan) -> Callable[[int], list[Batch]]:
        """Position -> this process's samples of the step, in `gradient_accumulation` passes."""
        frames, motion = stage.frames(self.config)
        passes = self.train.gradient_accumulation

        def read(position: int) -> list[Batch]:
            own = plan.requests(position)[self.world.rank :: self.world.size]
            bounds = [len(own) * k // passes for k in range(passes + 1)]
            return [self.source.batch(own[first:last], frames, motion) for first, last in pairwise(bounds)]

        return read

    def _after(self, stage: StageConfig, at: int, step: Step, scalars: Scalars | None, final: bool) -> None:
        """What follows a step: scalars, the stage's end, samples, checkpoints, and the signal to stop."""
        done = self.step
        if scalars is not None and (done % self.train.log_every == 0 or at + 1 == stage.steps):
            scalars.add(done, stage.name, step.scalars)
        self.watcher.step(done, step.loss)
        if at + 1 == stage.steps and self._running is not None:
            self._running.settle()
            self._running = None
        if self.train.sample_every and done % self.train.sample_every == 0:
            self.write_samples()
        if final or step.signal or done % self.train.checkpoint_every == 0 or at + 1 == stage.steps:
            self.save()
        if step.signal:
            raise StoppedError(self._signal or signal.SIGTERM, done)

    def save(self) -> Path:
        """Write a checkpoint; all processes call it together."""
        stage, position = ("", 0)
        if self.step < self.train.steps:
            found, position = self.train.at(self.step)
            stage = found.name
        tensors: dict[str, checkpoint.Tensors] = {"optimizer": {}, "ema": {}}
        if self._running is not None:
            tensors |= self._running.state()
        tensors["parameters"] = state_of(self.denoiser)
        place = checkpoint.Place(self.step, stage, position)
        return checkpoint.save(self.checkpoints, place, self.run_of, tensors, self.world, self.train.keep)

    def weights(self) -> dict[str, torch.Tensor]:
        """The model's weights as they would be delivered now (averages where there are some), whole, on the processor;
        all processes must ask together."""
        found = state_of(self.denoiser)
        if self._running is not None and self._running.ema is not None:
            found |= self._running.ema.state()
        elif self._loaded is not None:
            found |= self._loaded.ema
        return found

    def model(self) -> Denoiser:
        """A model of its own with `weights`, on this process's device; what is done with it does not touch training."""
        weights = self.weights()
        with untouched():
            model = build(self.config)
        model.load_state_dict(weights)
        return model.requires_grad_(False).to(self.world.device)

    def write_samples(self) -> None:
        """Make the sample videos of this step in `out/samples`; training goes on as if none had been made."""
        from moee_model.train_samples import write

        if self.samples or self.world.size > 1:  # samples are the first process's, its model is everybody's work
            self._apart(lambda model: write(model, self, self.out / "samples" / f"step-{self.step:08d}"))

    def export(self, folder: Path, beside: Mapping[str, bytes] | None = None) -> None:
        """Write the finished model as a `MoEEPipeline`, with these files beside; all processes call it together."""
        from moee_model.train_samples import export

        self._apart(lambda model: export(model, self, folder, beside or {}))

    def _apart(self, work: Callable[[Denoiser], None]) -> None:
        """The first process does something with a model of its own; the others wait. Nothing of training is touched."""
        if self.world.main or self.world.sharded:
            model = self.model()
            if self.world.main:
                with untouched():
                    work(model)
        self.world.wait()

    def _not_finite(self, stage: StageConfig, requests: Sequence[Request], step: Step) -> ModelError:
        ids = ", ".join(printable(self.source.ids[request.index]) for request in requests[:16])
        return ModelError(
            f"At step {self.step + 1} ({stage.name}) loss or gradient is no number (loss {step.loss:g}, gradient "
            f"{step.scalars['gradient']:g}) with the clips {ids}: look at these clips or lower lr; nothing was changed "
            "by this step, and earlier checkpoints are whole."
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM (a cluster that ends a job) and Ctrl-C let the step end and a checkpoint be written."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: object) -> None:
            if self._signal and number == signal.SIGINT:  # asked twice: a step that hangs must not hold the user
                raise KeyboardInterrupt
            self._signal = number

        self._signal = 0
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check(denoiser: Denoiser, config: ModelConfig, train: TrainConfig, codec: Codec | None, world: World) -> None:
    low = sorted({str(value.dtype) for value in denoiser.parameters()} - {"torch.float32"})
    if low:
        raise ModelError(
            f"Parameters in {low[0]} cannot be trained: load the weights as float32 (precision bf16 computes faster)."
        )
    for stage in train.stages:
        world.check_batch(stage.batch, train.gradient_accumulation)
        if stage.loss.spatial and codec is None:
            raise ModelError(f"The stage {stage.name} has a loss on pixels: it needs the codec that decodes them.")
        if not config.moe.enabled and stage.name in ("experts", "gates"):
            raise ModelError(f"A model without experts (moe.enabled: false) has no stage {stage.name}: leave it out.")


def _hash(source: Source) -> str:
    """SHA-256 of the clips' names and labels."""
    digest = hashlib.sha256("\x1f".join(source.ids).encode())
    digest.update(np.ascontiguousarray(source.labels, np.float32).tobytes())
    return digest.hexdigest()

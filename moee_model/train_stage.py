"""One stage while it runs: what it trains, its optimizer and averages, and one step of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from moee_model import optimizer as optimizers
from moee_model.batch import EXPERTS, Batch
from moee_model.codec import Codec
from moee_model.config import ModelConfig
from moee_model.denoiser import Denoiser
from moee_model.distributed import World
from moee_model.ema import Ema
from moee_model.groups import expert_groups, groups, train_only
from moee_model.losses import Losses, Perceptual, training_loss
from moee_model.noise import make_scheduler
from moee_model.train_config import StageConfig, TrainConfig


@dataclass(frozen=True)
class Step:
    """What one step did. loss: mean over all samples of all processes; scalars: by name; signal: the sum of what the
    processes were signalled (0: go on); finite: whether loss and gradients are numbers (else nothing was changed)."""

    loss: float
    scalars: dict[str, float]
    signal: int
    finite: bool


class Running:
    """A stage: exactly its groups of parameters are trained, everything else stands still.

    Args:
        denoiser: on its device, in shares under FSDP2. model, stage, train: settings.
        world: the processes. codec, perceptual: for the loss on pixels.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        model: ModelConfig,
        stage: StageConfig,
        train: TrainConfig,
        world: World,
        codec: Codec | None = None,
        perceptual: Perceptual | None = None,
    ) -> None:
        self.stage, self.train, self.world = stage, train, world
        self.codec, self.perceptual = codec, perceptual if stage.loss.perceptual else None
        self.scheduler = make_scheduler(model.schedule)
        train_only(denoiser, stage.name)
        _leave_out_unused(denoiser, model)
        self.parameters = {
            name: value
            for group in groups(denoiser).values()
            for name, value in group.items()
            if value.requires_grad
        }  # fmt: skip
        experts = [[value for value in one if value.requires_grad] for one in expert_groups(denoiser)]
        self.experts = experts if any(experts) else []
        apart = {id(value) for one in self.experts for value in one}
        self.rest = [
            self.parameters[name] for name in sorted(self.parameters) if id(self.parameters[name]) not in apart
        ]
        self.optimizer = optimizers.adamw(self.parameters, stage, train)
        self.ema = None if train.ema is None else Ema(self.parameters, train.ema)
        self.wrapped = world.together(denoiser)
        self.called: Callable[..., Any] = torch.compile(self.wrapped) if train.compile else self.wrapped

    def step(self, passes: Sequence[Batch], position: int, samples: int, signal: int = 0) -> Step:
        """Take one optimizer step.

        Args:
            passes: this process's samples, in one or more passes. position: of the step in the stage, from 0.
            samples: of all processes in this step: the gradient is the mean over them, whatever the processes hold.
            signal: that this process was sent, 0: none.
        """
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(3, dtype=torch.float64)
        for number, batch in enumerate(passes):
            losses = self._backward(batch.to(self.world.device), samples, number == len(passes) - 1)
            means = torch.stack([losses.total.detach(), losses.latent.mean(), losses.spatial])
            sums += means.double().cpu() * len(batch.ids)
        *totals, signals = self.world.sums([*sums.tolist(), signal])
        loss, latent, spatial = (value / samples for value in totals)
        norms = optimizers.clip(self.experts, self.rest, self.train.clip, self.world)
        finite = math.isfinite(loss) and all(map(math.isfinite, norms))
        rate = optimizers.rate(self.stage, position)
        if finite:
            self._move(rate, position)
        scalars = {"loss": loss, "latent": latent, "spatial": spatial, "lr": rate, "gradient": norms[-1]}
        names = EXPERTS if len(norms) == len(EXPERTS) + 1 else [str(k) for k in range(len(norms) - 1)]
        scalars |= {f"gradient/{name}": norm for name, norm in zip(names, norms[:-1], strict=True)}
        return Step(loss, scalars, int(signals), finite)

    def _backward(self, batch: Batch, samples: int, last: bool) -> Losses:
        with self.world.gathering(self.wrapped, last):
            losses = training_loss(
                self._predict, batch, self.scheduler, self.stage.loss, self.codec, self.perceptual
            )  # fmt: skip
            # Processes take the mean of their gradients: each counts by its samples, also when shares are unequal.
            (losses.total * (len(batch.ids) * self.world.size / samples)).backward()
        return losses

    def _predict(self, *inputs: Any) -> torch.Tensor:
        bf16 = self.train.precision == "bf16"
        with torch.autocast(self.world.device.type, torch.bfloat16) if bf16 else nullcontext():
            return self.called(*inputs)

    def _move(self, rate: float, position: int) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update(position)

    def settle(self) -> None:
        """End the stage: its averages become the weights, on which later stages build."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.settle()

    def state(self) -> dict[str, dict[str, torch.Tensor]]:
        """`optimizer` and `ema` for a checkpoint; all processes must ask together."""
        return {
            "optimizer": optimizers.state_of(self.optimizer, self.parameters),
            "ema": {} if self.ema is None else self.ema.state(),
        }

    def load(self, optimizer: Mapping[str, torch.Tensor], ema: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave."""
        optimizers.load_state(self.optimizer, self.parameters, optimizer)
        if self.ema is not None:
            self.ema.load(ema)


def _leave_out_unused(denoiser: Denoiser, model: ModelConfig) -> None:
    """Gates that an ablation switched off are parameters without use: processes would wait for their gradients."""
    for name, value in groups(denoiser)["gates"].items():
        used = model.moe.local_gate if name.endswith(".local_gate") else model.moe.global_gate
        value.requires_grad_(value.requires_grad and used)

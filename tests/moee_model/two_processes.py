"""What a process of `test_two_processes` runs: trains two steps of each stage and keeps the gradients of every step.

Usage: python -m tests.moee_model.two_processes OUT PARALLEL UNTIL [BATCH [ACCUMULATION]]
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from moee_model.denoiser import build
from moee_model.distributed import World, whole
from moee_model.seeds import generator
from moee_model.train import Trainer
from moee_model.train_stage import Running
from tests.moee_model.synthetic import SyntheticSource, short_training, small_model


def main(out: str, parallel: str, until: str, batch: str = "4", accumulation: str = "1") -> None:
    """Train up to step `until`, going on from what is in OUT; gradients go to `OUT/gradients-STEP.safetensors`."""
    torch.set_num_threads(1)
    config = small_model()
    train = short_training(2, batch=int(batch), parallel=parallel, gradient_accumulation=int(accumulation), keep=20)
    # hardly any learning: AdamW's first steps turn the rounding of a gradient near zero into a whole step
    train = replace(train, clip=1e9, stages=tuple(replace(stage, lr=1e-7) for stage in train.stages))
    world = World(parallel, device="cpu")
    model = build(config)
    with torch.no_grad():  # additions begin as zeros: what lies before them would have no gradient
        for name, value in sorted(model.named_parameters()):
            value.copy_(value if value.any() else 0.1 * torch.randn(value.shape, generator=generator(name)))
    trainer = Trainer(model, config, train, SyntheticSource.of(config), Path(out), world=world, tensorboard=False)
    trainer.resume()
    _keep_gradients(trainer)
    trainer.run(until=int(until))
    world.end()


def _keep_gradients(trainer: Trainer) -> None:
    move = Running._move

    def kept(running: Running, rate: float, position: int) -> None:
        found: dict[str, Any] = {
            name: whole(value.grad) for name, value in running.parameters.items() if value.grad is not None
        }
        if trainer.world.main:
            save_file(found, trainer.out / f"gradients-{trainer.step + 1}.safetensors")
        move(running, rate, position)

    Running._move = kept  # type: ignore[method-assign]


if __name__ == "__main__":
    main(*sys.argv[1:])

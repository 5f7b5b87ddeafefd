"""AdamW for one stage: its learning rate, clipping by expert, and its state by the parameters' names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from moee_model.distributed import World, local, shared_as, whole

if TYPE_CHECKING:
    from moee_model.train_config import StageConfig, TrainConfig

Parameters = Mapping[str, torch.nn.Parameter]


def adamw(parameters: Parameters, stage: StageConfig, train: TrainConfig) -> torch.optim.AdamW:
    """The stage's optimizer over its trained parameters, in the order of their names.

    Args:
        parameters: name -> parameter.
        stage: gives the learning rate.
        train: gives the weight decay.
    """
    ordered = [parameters[name] for name in sorted(parameters)]
    in_shares = any(hasattr(value, "device_mesh") for value in ordered)
    return torch.optim.AdamW(ordered, lr=stage.lr, weight_decay=train.weight_decay, fused=not in_shares)


def rate(stage: StageConfig, position: int) -> float:
    """The learning rate of step `position` (from 0): linear warm-up, then constant, or a cosine down to a tenth.

    A plain function of the step: it cannot run ahead, whatever the number of processes.
    """
    if position < stage.warmup:
        return stage.lr * (position + 1) / stage.warmup
    if stage.decay == "constant":
        return stage.lr
    share = (position - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.lr * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share)))


def clip(
    experts: Sequence[Sequence[torch.nn.Parameter]], rest: Sequence[torch.nn.Parameter], limit: float, world: World
) -> list[float]:
    """Scale gradients down to norm `limit`, each expert by its own norm and all else by one.

    A parameter whose gradient is all zeros had no part in the step, as an expert without a sample: its gradient becomes
    None, so that AdamW neither decays it nor moves it by old momentum.

    Returns:
        The norms before scaling: one per expert, then the rest's.
    """
    buckets = [[value for value in bucket if value.grad is not None] for bucket in (*experts, rest)]
    found = iter(_squares([value for bucket in buckets for value in bucket], world))
    norms = []
    for bucket in buckets:
        squares = [next(found) for _ in bucket]
        norm = math.sqrt(math.fsum(squares))
        for value, square in zip(bucket, squares, strict=True):
            if square == 0.0:
                value.grad = None
        kept = [local(value.grad) for value in bucket if value.grad is not None]
        if kept and norm > limit:
            torch._foreach_mul_(kept, limit / norm)
        norms.append(norm)
    return norms


def _squares(parameters: Sequence[torch.nn.Parameter], world: World) -> list[float]:
    """The squared norm of each parameter's whole gradient."""
    grads = [local(value.grad) for value in parameters if value.grad is not None]
    if not grads:
        return []
    squares = torch.stack(torch._foreach_norm(grads)).double().square()
    if world.sharded:
        torch.distributed.all_reduce(squares)
    return squares.tolist()


def state_of(optimizer: torch.optim.Optimizer, parameters: Parameters) -> dict[str, torch.Tensor]:
    """`<name>/<entry>` -> copy on the processor, whole; all processes must ask together."""
    return {
        f"{name}/{entry}": whole(value)
        for name in sorted(parameters)
        for entry, value in sorted(optimizer.state.get(parameters[name], {}).items())
    }


def load_state(optimizer: torch.optim.Optimizer, parameters: Parameters, state: Mapping[str, torch.Tensor]) -> None:
    """Go on from what `state_of` gave."""
    names = sorted(parameters)
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in state.items():
        name, entry = key.rsplit("/", 1)
        like = parameters[name]
        entries.setdefault(names.index(name), {})[entry] = value if value.ndim == 0 else shared_as(value, like)
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})

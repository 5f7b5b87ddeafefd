"""The exponential moving average of what a stage trains: the weights that samples and the finished model use."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from moee_model.distributed import local, shared_as, whole


class Ema:
    """Averages of named parameters, in float32, on their device.

    A stage's first averages forget fast (`(1 + n) / (10 + n)` up to the decay), so that short stages are not ruled by
    the weights that they began with.

    Args:
        parameters: name -> parameter, the stage's trained ones.
        decay: share of the old average that a step keeps, 0 to 1.
    """

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter], decay: float) -> None:
        self.parameters = dict(parameters)
        self.decay = decay
        self.averages = {name: value.detach().clone() for name, value in self.parameters.items()}

    @torch.no_grad()
    def update(self, position: int) -> None:
        """Take in the parameters after step `position` (from 0) of the stage."""
        new = 1.0 - min(self.decay, (1 + position) / (10 + position))
        averages = [local(value) for value in self.averages.values()]
        torch._foreach_lerp_(averages, [local(value.detach()) for value in self.parameters.values()], new)

    @torch.no_grad()
    def settle(self) -> None:
        """Set the parameters to their averages: what later stages build on is what the finished model holds."""
        for name, value in self.parameters.items():
            local(value).copy_(local(self.averages[name]))

    def state(self) -> dict[str, torch.Tensor]:
        """Copies on the processor, whole; all processes must ask together."""
        return {name: whole(value) for name, value in self.averages.items()}

    @torch.no_grad()
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave."""
        for name, value in self.averages.items():
            local(value).copy_(local(shared_as(state[name], value)))

"""The processes of one training: who this one is, how a model is shared among them, sums over all of them.

accelerate finds devices and opens the process group (one process, or those that `torchrun` started). Wrapping is
torch's own: accelerate 1.15 offers FSDP2 on GPUs only, and a scheduler that it prepares steps once per process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any, Final, cast

import torch
from torch import nn

from moee_model.errors import ModelError

STEP: Final = timedelta(minutes=30)
"""How long processes wait for each other within a step: a node that is gone without a word is noticed after it."""
WAIT: Final = timedelta(hours=6)
"""How long processes wait for the first one, which prepares features and writes samples and checkpoints."""

_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


class World:
    """One process among those that train together.

    Args:
        parallel: `ddp` (every process holds the whole model) or `fsdp2` (every process holds a share of it).
        device: for example `cpu`; `cuda`: this process's GPU and nothing else; None: its GPU when there is one.

    Raises:
        ModelError: `cuda` is asked for and there is no GPU.
    """

    def __init__(self, parallel: str = "ddp", device: str | None = None) -> None:
        from accelerate import PartialState

        if device == "cuda" and not torch.cuda.is_available():
            raise ModelError("--device cuda, but there is no GPU: look at `moee doctor`, or give --device cpu.")
        on_cpu = device == "cpu" or not torch.accelerator.is_available()  # else accelerate looks for no other process
        self.state = PartialState(cpu=on_cpu, timeout=STEP)
        self.parallel = parallel
        self.rank: int = self.state.process_index
        self.size: int = self.state.num_processes
        self.device = torch.device(device) if device not in (None, "cuda") else self.state.device
        several = self.size > 1
        self._patient: Any = torch.distributed.new_group(timeout=WAIT, backend="gloo") if several else None

    @property
    def launched(self) -> bool:
        """Whether torchrun or Ray started this process, and may start it again when another one died."""
        return torch.distributed.is_initialized()

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @property
    def sharded(self) -> bool:
        """Whether parameters are shares of a whole that lies on all processes."""
        return self.size > 1 and self.parallel == "fsdp2"

    def place(self, model: nn.Module) -> None:
        """Put the model on this process's device, in shares under FSDP2; its parameters are then other objects."""
        model.to(self.device)
        if self.sharded:
            _shard(model)

    def together(self, model: nn.Module) -> nn.Module:
        """The model whose backward pass leaves the gradient's mean over all processes; anew after `requires_grad`
        changed."""
        if self.size == 1 or self.sharded:
            return model
        from torch.nn.parallel import DistributedDataParallel

        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, forward_sync_buffers=False)

    @contextmanager
    def gathering(self, model: nn.Module, last: bool) -> Iterator[None]:
        """Gradients are exchanged in the last of several backward passes only."""
        if self.sharded:
            cast(Any, model).set_requires_gradient_sync(last)
        with nullcontext() if last or not hasattr(model, "no_sync") else cast(Any, model).no_sync():
            yield

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value summed over all processes."""
        if self.size == 1:
            return [float(value) for value in values]
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(tensor)
        return [float(value) for value in tensor.tolist()]

    def check_batch(self, batch: int, accumulation: int) -> None:
        """Raise ModelError when a step's samples do not give every process one for each of its passes."""
        if batch // self.size < accumulation:
            raise ModelError(
                f"A batch of {batch} cannot be shared by {self.size} processes in {accumulation} passes each: raise "
                "`batch`, or lower `gradient_accumulation` or the number of processes."
            )

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self._patient is not None:
            torch.distributed.barrier(group=self._patient)

    def told(self, said: str) -> list[str]:
        """What every process says, in their order."""
        heard: list[Any] = [said] * self.size
        if self._patient is not None:
            torch.distributed.all_gather_object(heard, said, group=self._patient)
        return heard

    def end(self) -> None:
        """Leave the other processes."""
        if self.size > 1:
            self.state.destroy_process_group()


def end_with_parent() -> None:
    """Let this process be sent SIGTERM when the torchrun that started it dies; nobody else would end it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)


@contextmanager
def repeatable(on: bool) -> Iterator[None]:
    """Inside, GPUs take kernels whose bits repeat, which are slower; what has none warns. Processors always do."""
    if not on:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    strict, mild = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    settings: Any = torch.utils.deterministic
    fill = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings.fill_uninitialized_memory = False  # for finding defects; costs a pass over every tensor
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=mild)
        settings.fill_uninitialized_memory = fill


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's share of a tensor; the tensor itself when it is whole."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def whole(tensor: Any) -> torch.Tensor:
    """A copy of the whole tensor on the processor; every process must ask together when it lies in shares."""
    full = tensor.detach().full_tensor() if hasattr(tensor, "full_tensor") else tensor.detach()
    return full.to("cpu", copy=True).contiguous()


def shared_as(full: torch.Tensor, like: Any) -> torch.Tensor:
    """A whole tensor on the device of another, in shares when that one is."""
    if not hasattr(like, "device_mesh"):
        return full.to(like.device)
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(full.to(like.device), like.device_mesh, like.placements)


def _shard(model: nn.Module) -> None:
    """FSDP2 with one unit per block of the U-Net and one for all else.

    The ReferenceNet has no units of its own: its features leave its blocks by the side, where FSDP2 does not see that
    the backward pass enters them. Its weights are whole during a step; averages and optimizer state are not.
    """
    from torch.distributed.fsdp import fully_shard

    for name, block in list(model.named_modules()):
        parts = name.split(".")
        if parts[0] == "unet" and (parts[1:] == ["mid_block"] or parts[1:-1] in (["down_blocks"], ["up_blocks"])):
            fully_shard(block)
    fully_shard(model)


def state_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies on the processor of everything that the model saves, whole; all processes must ask together."""
    return {name: whole(value) for name, value in model.state_dict().items()}


def load_state(model: nn.Module, state: dict[str, Any]) -> None:
    """Load what `state_of` gave, strictly, into a model that may lie in shares.

    Raises:
        ModelError: names or shapes differ.
    """
    own = model.state_dict()
    wrong = sorted(set(own) ^ set(state)) + sorted(
        name for name in set(own) & set(state) if own[name].shape != state[name].shape
    )
    if wrong:
        raise ModelError(f"These are the weights of another model: {wrong[0]} and {len(wrong) - 1} more do not fit.")
    with torch.no_grad():
        for name, value in own.items():
            local(value).copy_(local(shared_as(state[name], value)))

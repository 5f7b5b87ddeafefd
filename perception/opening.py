"""Opens a network: its published file, strictly, or seeded weights; on the accelerator where there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import nn

log = logging.getLogger(__name__)

N = TypeVar("N", bound="nn.Module")
Rename = Callable[[dict[str, "torch.Tensor"]], dict[str, "torch.Tensor"]]


def opened(network: nn.Module, model: str, *, seeded: bool = False, rename: Rename | None = None) -> nn.Module:
    """Fill a network and make it ready to be asked.

    Args:
        network: with the published names and shapes.
        model: name in `perception.weights`.
        seeded: take `seeded_state` instead of the published file.
        rename: from the published file's names to the network's, where these differ; it may leave tensors out.

    Returns:
        The same network, not training, without gradients.

    Raises:
        PerceptionError: the file is absent, damaged, another one, or could run code: one sentence.
    """
    from perception import weights
    from perception.networks import fill, read_state
    from perception.seeded import seeded_state

    if seeded:
        network.load_state_dict(seeded_state(network), strict=True)
        return network.eval().requires_grad_(False)
    path = weights.find(model)
    state = read_state(path, model)
    return fill(network, state if rename is None else rename(state), path, model)


def accelerator() -> torch.device:
    """CUDA where there is a device, else one thread of the processor; set to give the same numbers again.

    Sums are split by the number of threads, so there is one; runs use a process for each core. TF32 is off (it rounds
    to ten bits), cuDNN chooses algorithms by rule and not by trial, so no number depends on what ran before.
    """
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)
        return torch.device("cpu")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda")


def parameters(network: nn.Module) -> int:
    """How many numbers are learnt: those of all parameters, without the running means and variances of norms."""
    return sum(parameter.numel() for parameter in network.parameters())


class Placed(Generic[N]):
    """A network where it is asked: on one device, in one type of number, on one thread of a processor.

    device: where it runs; dtype: in which it computes.
    """

    def __init__(self, network: N, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        torch.set_num_threads(1)
        self.device, self.dtype = device, dtype
        self._network = network.to(device, dtype)

"""What old files of weights lack beside those of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch
    from torch import nn

COUNTER: Final = ".num_batches_tracked"


def with_counters(state: dict[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    """A state with the counters of batch norms that files from before PyTorch 0.4.1 do not have, zero.

    They count steps of training, and no network reads them when it is asked. PyTorch adds them to such files too.

    Args:
        state: name -> tensor, as a file has them.
        network: that is to be filled.
    """
    import torch

    missing = [name for name in network.state_dict() if name.endswith(COUNTER) and name not in state]
    return state | {name: torch.tensor(0) for name in missing}

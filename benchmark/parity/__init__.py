"""`moee bench parity`: the public programs beside ours, on the same inputs and the same seeded weights."""

from benchmark.parity.command import Parity, parity

__all__ = ["Parity", "parity"]

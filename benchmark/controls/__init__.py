"""The benchmark's own systems: the ground truth encoded again, and copies of it that are worse in one known way."""

from benchmark.controls.kinds import CONTROLS
from benchmark.controls.make import make_control

__all__ = ["CONTROLS", "make_control"]

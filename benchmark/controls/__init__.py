"""The benchmark's own systems: the ground truth encoded again, and copies of it that are worse in one known way."""

from benchmark.controls.axes import AXES, Axis
from benchmark.controls.kinds import CONTROLS, Control
from benchmark.controls.make import make_control, make_step

__all__ = ["AXES", "CONTROLS", "Axis", "Control", "make_control", "make_step"]

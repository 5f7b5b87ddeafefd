"""What 150 hours of source would take on a cluster: a calculation from measured rates, never a measurement."""

from dataclasses import dataclass
from typing import Final

HOURS: Final = 150.0
CORES: Final = 256
GPUS: Final = 8
SCALING: Final = 0.85  # of what twice the workers should do: 1.7x from one to two
OVERHEAD: Final = 1.3


@dataclass(frozen=True)
class Inputs:
    """What the calculation rests on.

    Attributes:
        core_seconds: per hour of video, all stages.
        table_bytes, clip_bytes: per hour of video.
        scaling: share of the ideal that more workers reach; measured from one to two.
        overhead: the engine's, as a factor on the work.
        measured: whether scaling and overhead were measured in this run, else the wanted limits are taken.
    """

    core_seconds: float
    table_bytes: float
    clip_bytes: float
    scaling: float = SCALING
    overhead: float = OVERHEAD
    measured: bool = False


def wall_hours(inputs: Inputs, hours: float = HOURS, cores: int = CORES) -> float:
    """Hours of the clock for the work over so many cores, a source being one core's."""
    return hours * inputs.core_seconds * inputs.overhead / (cores * inputs.scaling) / 3600


def lines(inputs: Inputs) -> list[str]:
    """The calculation with its inputs."""
    how = "measured in this run" if inputs.measured else "not measured in this run: the limits that are wanted"
    cores = HOURS * inputs.core_seconds / 3600
    return [
        f"A calculation, not a measurement: {HOURS:g} h of source on {GPUS} GPUs and {CORES} cores.",
        "",
        "| input | value | from |",
        "|---|---|---|",
        f"| core-seconds per hour of video | {inputs.core_seconds:,.0f} | the table of stages above |",
        f"| engine over local | {inputs.overhead:.2f}x | {how} |",
        f"| share of the ideal with more workers | {inputs.scaling:.2f} | {how}, from one to two |",
        "| GPU-seconds per hour of video | 0 | every stage of this recipe runs on processors; the GPUs stay idle |",
        f"| that the share holds to {CORES} cores | assumed | sources are independent; the disk must deliver |",
        "",
        f"{HOURS:g} h x {inputs.core_seconds:,.0f} s = {cores:,.0f} core-hours; "
        f"x {inputs.overhead:.2f} / ({CORES} x {inputs.scaling:.2f}) = {wall_hours(inputs):.1f} h of the clock. "
        f"Tables {HOURS * inputs.table_bytes / 1e9:,.0f} GB, clips at most {HOURS * inputs.clip_bytes / 1e9:,.0f} GB. "
        "Downloads and the steps over the whole manifest (minutes) are not in it.",
    ]

"""What a ladder says, as ladder.json holds it: axes, metrics, and how each metric answers each axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import BenchmarkError
from benchmark.ladder.expected import Says
from manifests.text import printable

VERSION: Final = 1
FILE: Final = "ladder.json"
Answer = Literal["worse", "better", "no difference shown"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class AxisFacts(_Part):
    """One axis.

    does: a clause. steps: strengths from the slightest to the grossest; says: the same as people read them.
    """

    name: str
    does: str
    steps: list[float]
    says: list[str]
    version: int


class MetricFacts(_Part):
    """One metric that is held against the axes; name, unit and direction as in bundles, n clips behind it."""

    key: str
    name: str
    title: str
    direction: Literal["lower", "higher"]
    unit: str
    n: int


class Cell(_Part):
    """How a metric answers an axis.

    says, because: what is expected, and why.
    values: at step 0 (the ground truth, encoded again) and at every step; None where infinitely bad or without number.
    spearman: rank correlation of getting worse with the step, -1..1, ties at their mean rank; 0 where nothing changes.
    effect: how much worse the grossest step is than the ground truth, in standard errors of that paired difference;
        None where there is no error to divide by.
    verdict: of that difference, where its 95 % interval lies on one side of 0; None where the two are not compared.
    seen_at: the slightest step that is worse beyond noise, as are all after it; None where there is none.
    wrong: how the answer departs from what is expected; None where it does not. explanation: what is known of it.
    """

    metric: str
    axis: str
    says: Says
    because: str
    values: list[float | None]
    spearman: float | None
    effect: float | None
    verdict: Answer | None
    seen_at: float | None
    wrong: str | None = None
    explanation: str | None = None


class Ladder(_Part):
    """The whole: cells in the order metrics x axes.

    left_out: metric -> why it is not held against the axes.
    machine, code: where and with what it was made.
    """

    version: int
    protocol: str
    protocol_version: int
    list_sha256: str
    clips: int
    persons: int
    marks: list[str]
    axes: list[AxisFacts]
    metrics: list[MetricFacts]
    cells: list[Cell]
    left_out: dict[str, str]
    machine: dict[str, Any]
    code: dict[str, Any]

    def cell(self, metric: str, axis: str) -> Cell:
        """One of them; KeyError where there is none."""
        found = next((cell for cell in self.cells if (cell.metric, cell.axis) == (metric, axis)), None)
        if found is None:
            raise KeyError(f"{metric} on {axis}")
        return found

    @property
    def wrong(self) -> list[Cell]:
        """The false responses."""
        return [cell for cell in self.cells if cell.wrong is not None]


def load_ladder(folder: Path) -> Ladder:
    """Read the ladder.json of a folder.

    Raises:
        BenchmarkError: there is none, it is damaged, or another version of this program wrote it.
    """
    place = printable(str(folder / FILE))
    try:
        found = Ladder.model_validate_json((folder / FILE).read_bytes())
    except OSError as error:
        raise BenchmarkError(f"{place} cannot be read: make it with moee bench ladder.") from error
    except ValidationError as error:
        raise BenchmarkError(f"{place} is damaged: make it again with moee bench ladder.") from error
    if found.version != VERSION:
        raise BenchmarkError(f"{place} has version {found.version}, this program reads {VERSION}: make it again.")
    return found

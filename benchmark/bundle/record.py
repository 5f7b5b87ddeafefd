"""What a bundle says of its run, typed: system, protocol, list, numbers, weights, code, machine, inputs."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from benchmark.results import Direction, is_comparable

BUNDLE_VERSION: Final = 1
"""Of the files of a bundle; another one is not read."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Role = Literal["real", "generated", "sound", "protocol", "test list", "training list"]
Count = Annotated[int, Field(ge=0)]
_OVERLAP: Final = {"declared": bool, "entries": int, "identities": list, "clips": list}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelFacts(_Part):
    """The MoEE model that made a system's videos: see `benchmark.systems.MadeBy`."""

    name: str
    sha256: Sha256
    code: Sha256
    steps: Count
    guidance: float
    seed: Count
    device: str
    precision: str
    marks: list[str] = []


class SystemFacts(_Part):
    """The system that was scored.

    control: one of the benchmark's own degraded copies; no table ranks it.
    model: where `moee bench run --model` made its videos, by what and how; None where videos were handed in.
    overlap: what `benchmark.systems.overlap` found: whether a training list was declared, how many entries it has, and
        the identities and clips of the test list that it meets.
    """

    name: str
    control: bool = False
    model: ModelFacts | None = None
    overlap: dict[str, Any]

    @field_validator("overlap")
    @classmethod
    def _whole(cls, overlap: dict[str, Any]) -> dict[str, Any]:
        wrong = [key for key, kind in _OVERLAP.items() if type(overlap.get(key)) is not kind]
        if wrong or len(overlap) != len(_OVERLAP):
            raise ValueError(f"must have exactly declared, entries, identities and clips{' : ' * bool(wrong)}{wrong}")
        return overlap


class ProtocolFacts(_Part):
    """The protocol, and the whole of it as JSON, so that a bundle explains itself.

    sha256: `benchmark.protocol.Protocol.sha256`.
    resolved: `benchmark.protocol.Protocol.resolved()`.
    """

    name: str
    version: int
    sha256: Sha256
    resolved: dict[str, Any]


class TestListFacts(_Part):
    """The list of clips.

    sha256: two bundles of one hash are about the same clips and the same ground truth.
    complete: whether it is the list that the protocol describes.
    shortfalls: what the manifest could not give, a sentence each.
    """

    __test__ = False  # not a test, whatever its name

    sha256: Sha256
    clips: Count
    complete: bool
    shortfalls: list[str] = []

    @model_validator(mode="after")
    def _agreed(self) -> TestListFacts:
        if self.complete == bool(self.shortfalls):
            raise ValueError("is complete where there are no shortfalls, and only there")
        return self


class CodeFacts(_Part):
    """The program. source: sha256 over the .py files of the packages benchmark, perception and media."""

    version: str
    source: Sha256


class DeviceFacts(_Part):
    """The machine. cores: that this process may use. accelerator: its name, or None."""

    cpu: str
    cores: Count
    accelerator: str | None = None


class InputFacts(_Part):
    """One file that went in.

    clip: the clip that it belongs to; None for lists and protocols.
    name: the file's name, without folders.
    """

    role: Role
    clip: str | None = None
    name: str
    sha256: Sha256
    bytes: Count


class _Run(_Part):
    """What both the record of a run and results.json hold."""

    system: SystemFacts
    protocol: ProtocolFacts
    test_list: TestListFacts
    not_applicable: dict[str, str] = {}
    left_out: dict[str, str] = {}
    failures: dict[str, str] = {}
    weights: dict[str, Sha256] = {}
    code: CodeFacts
    packages: dict[str, str] = {}
    device: DeviceFacts
    seconds: dict[str, Annotated[float, Field(ge=0)]] = {}
    frames_decoded: Count = 0
    made_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")]


class RunRecord(_Run):
    """Everything that a bundle says of a run beside its numbers.

    not_applicable: metric key -> why no clip of the list is about it: the second result of `recompute`.
    left_out: metric key -> why this machine could not make it (`--partial`).
    failures: clip -> why it has no valid video, one sentence.
    weights: model -> sha256 of its weights.
    packages: name -> version, of those that numbers may depend on (`benchmark.bundle.packages()`).
    seconds: stage -> s; `wall` is the whole run.
    frames_decoded: pictures decoded in this run.
    made_at: UTC, ISO 8601, such as `2025-11-28T09:46:00+00:00`.
    inputs: every file that went in.
    """

    inputs: list[InputFacts] = []


class MetricLine(_Part):
    """One number of results.json; see `benchmark.results.MetricResult`.

    value: None where the system is infinitely bad, and `infinite` is true.
    interval: low and high, 95 %; an end is None where it is infinite or not known.
    comparable: false where a network ran on seeded weights: the number measures nothing.
    """

    key: str
    name: str
    value: float | None
    infinite: bool
    interval: tuple[float | None, float | None]
    n: Count
    direction: Direction
    unit: str
    method: str
    comparable: bool = True
    details: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one(self) -> MetricLine:
        if self.comparable != is_comparable(self.name):
            raise ValueError("is comparable where its network ran on published weights, and only there")
        if self.infinite != (self.value is None):
            raise ValueError("has no value where it is infinite, and only there")
        return self


class Results(_Run):
    """The content of results.json: the run and its numbers, in the protocol's order."""

    bundle_version: int
    metrics: list[MetricLine]

    @model_validator(mode="after")
    def _once(self) -> Results:
        keys = [line.key for line in self.metrics] + [*self.not_applicable, *self.left_out]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ValueError(f"says two things of {twice}")
        return self

    def line(self, key: str) -> MetricLine | None:
        """The number of a metric, or None."""
        return next((line for line in self.metrics if line.key == key), None)


class Inputs(_Part):
    """The content of inputs.json."""

    bundle_version: int
    inputs: list[InputFacts]

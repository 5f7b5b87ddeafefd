"""Protocols: which clips are chosen, what systems are given, what their videos must be, and which metrics count."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, field_validator

from benchmark.errors import BenchmarkError
from manifests.text import nearest, printable

PROTOCOLS: Final = Path(__file__).parent / "protocols"


def _rate(value: Any) -> Fraction:
    try:
        rate = Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("must be a number or a fraction such as 30000/1001") from error
    if not 0 < rate <= 240:
        raise ValueError("must be above 0 and up to 240")
    return rate


Rate = Annotated[Fraction, BeforeValidator(_rate), PlainSerializer(str)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ClipForm(_Part):
    """What every video of the protocol is.

    seconds: a test clip is the first so many seconds of a curated clip, and all of a shorter one.
    least_seconds: shorter curated clips are not chosen.
    fps: frames per second, constant.
    size: width and height, px, both even.
    audio_rate: Hz, mono: what systems are given and what sound is measured at.
    """

    seconds: float = Field(gt=0, le=600)
    least_seconds: float = Field(gt=0, le=600)
    fps: Rate
    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    audio_rate: int = Field(default=16_000, ge=8_000, le=48_000)

    @field_validator("size")
    @classmethod
    def _even(cls, size: list[int]) -> list[int]:
        if any(side % 2 or not 16 <= side <= 8192 for side in size):
            raise ValueError("must be two even numbers of pixels from 16 to 8192: [width, height]")
        return size


class Choice(_Part):
    """How test clips are chosen from a curated manifest.

    subjects: so many persons, ...
    clips: ... and so many clips of each.
    seed: another one chooses others.
    emotions: of each person's clips, so many emotions are drawn and its clips are taken from these; None takes any.
    labels: `given` takes the labels of the data set; `measured` falls back on this program's own panel where there are
        none, which then judges itself: fit to show how things work, not to compare systems.
    needs: what every clip must have: `sound`, `label`.
    fewer: whether a manifest that holds fewer gives a smaller list without asking; such lists are not comparable.
    """

    subjects: int = Field(ge=1, le=10_000)
    clips: int = Field(ge=1, le=10_000)
    seed: int = 0
    emotions: int | None = Field(default=None, ge=1, le=12)
    labels: Literal["given", "measured"] = "given"
    needs: list[Literal["sound", "label"]] = []
    fewer: bool = False


class Protocol(_Part):
    """A protocol of the benchmark; `version` changes whenever its numbers would.

    reference: the picture that systems are given, `first` frame of the test clip.
    condition: what they are told beside picture and sound: the emotion's `label`, or `none`.
    metrics: keys of `benchmark.metrics`.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    version: int = Field(ge=1)
    title: str
    description: str
    follows: str
    clip: ClipForm
    choose: Choice
    reference: Literal["first"] = "first"
    condition: Literal["label", "none"]
    metrics: Annotated[list[str], Field(min_length=1)]

    @field_validator("metrics")
    @classmethod
    def _once(cls, keys: list[str]) -> list[str]:
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ValueError(f"names {twice} twice")
        return keys

    def resolved(self) -> dict[str, Any]:
        """The whole protocol as plain JSON values."""
        return self.model_dump(mode="json")

    @property
    def sha256(self) -> str:
        """Over everything but its prose, hex: two protocols of one hash give comparable numbers."""
        decisive = {key: value for key, value in self.resolved().items() if key not in _PROSE}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def frames(self, seconds: Fraction) -> int:
        """Frames of a test clip that is made of a curated clip of so many seconds; 0 for one that is too short."""
        if seconds < Fraction(str(self.clip.least_seconds)):
            return 0
        return int(min(seconds, Fraction(str(self.clip.seconds))) * self.clip.fps)


_PROSE: Final = ("title", "description", "follows")


def protocol_names() -> list[str]:
    """The protocols that come with the program."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.yaml"))


def load_protocol(name_or_path: str | Path) -> Protocol:
    """A protocol by name (`hdtf`) or from a YAML file.

    Args:
        name_or_path: one of `protocol_names()`, or a path (it holds a slash or ends in .yaml or .yml).

    Raises:
        BenchmarkError: there is none, it is not YAML, or a key or value is wrong: one sentence.
    """
    text = str(name_or_path)
    is_path = "/" in text or text.endswith((".yaml", ".yml"))
    if not is_path and text not in protocol_names():
        raise BenchmarkError(f"There is no protocol {printable(text)}: {nearest(text, protocol_names())}")
    path = Path(text).expanduser() if is_path else PROTOCOLS / f"{text}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(f"The protocol {printable(text)} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BenchmarkError(f"{printable(path.name)} is not YAML: {' '.join(str(error).split())[:200]}.") from error
    if not isinstance(content, dict):
        raise BenchmarkError(f"{printable(path.name)} must hold a mapping: see the protocols that come with moee.")
    return _checked(path, content)


def _checked(path: Path, content: dict[str, Any]) -> Protocol:
    from benchmark.metrics import metric  # numpy, only when a protocol is read

    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = nearest(str(first["loc"][-1]), Protocol.model_fields) if first["type"] == "extra_forbidden" else ""
        said = "is not a known key: " + known if known else first["msg"]
        raise BenchmarkError(printable(f"{path.name}: {where}: {said}")) from error
    for key in protocol.metrics:
        metric(key)  # its own sentence names the nearest key
    return protocol

"""A test set on disk: its list, its ground truth, and what systems are given."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from benchmark.errors import BenchmarkError
from benchmark.protocol import Protocol
from manifests.text import printable

FILE: Final = "testset.json"
CONDITIONS: Final = "conditions.csv"
VERSION: Final = 1


class TestClip(BaseModel):
    """One clip of the list; paths are relative to the test set's folder.

    id: what a system calls its video: `<id>.mp4`. identity: the person. frames: of every video of it.
    sound: whether the ground truth has any, so that a system's video must have it too.
    names: what a training list may call the person, the clip or its source by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    __test__ = False  # not a test, whatever its name

    id: str
    identity: str
    emotion: str | None
    compound: str | None
    intensity: int | None
    label_from: str | None
    split: str | None
    frames: int
    sound: bool
    real: str
    sha256: str
    bytes: int
    reference: str
    audio: str | None
    names: list[str]

    @field_validator("real", "reference", "audio")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        if path is not None and (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts):
            raise ValueError("must lie inside the test set")
        return path

    @property
    def label(self) -> str | None:
        """The emotion or compound that a system is asked for."""
        return self.compound or self.emotion


class TestSet(BaseModel):
    """The list of a protocol's clips, as `testset.json` holds it.

    made_from: hash over protocol and chosen clips: the same manifest gives the same.
    shortfalls: what the manifest could not give; a list with any is not comparable with others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    __test__ = False

    version: int
    protocol: str
    protocol_version: int
    protocol_sha256: str
    made_from: str
    shortfalls: list[str]
    clips: list[TestClip]

    @property
    def complete(self) -> bool:
        """Whether the list is the one that the protocol describes."""
        return not self.shortfalls

    @property
    def sha256(self) -> str:
        """Over the list: two runs with one hash were about the same clips and the same ground truth."""
        return hashlib.sha256(as_json(self).encode()).hexdigest()


def as_json(testset: TestSet) -> str:
    """A list as text, the same for the same content."""
    return json.dumps(testset.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def read(folder: Path) -> TestSet:
    """Read the list of a test set, whatever its protocol.

    Raises:
        BenchmarkError: there is none, it is damaged, or of another version.
    """
    place = printable(str(folder))
    try:
        found = TestSet.model_validate_json((folder / FILE).read_bytes())
    except OSError as error:
        raise BenchmarkError(f"There is no test set in {place}: make one with moee bench protocols.") from error
    except ValidationError as error:
        raise BenchmarkError(f"The test set in {place} is damaged: make it again with moee bench protocols.") from error
    if found.version != VERSION:
        raise BenchmarkError(f"The test set in {place} has version {found.version}, this program reads {VERSION}.")
    return found


def load(folder: Path, protocol: Protocol) -> TestSet:
    """Read the list of a test set that was made for a protocol.

    Raises:
        BenchmarkError: as `read`, or it was made for another protocol or version.
    """
    found, place = read(folder), printable(str(folder))
    if (found.protocol, found.protocol_version) != (protocol.name, protocol.version):
        raise BenchmarkError(
            f"The test set in {place} was made for {printable(found.protocol)} version {found.protocol_version}, not "
            f"for {protocol.name} version {protocol.version}: make it again."
        )
    if found.protocol_sha256 != protocol.sha256:
        raise BenchmarkError(
            f"The test set in {place} was made with other settings of {protocol.name}: give it another name or "
            "version, or make the test set again."
        )
    return found

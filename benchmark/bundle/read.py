"""Reads what a bundle says, checked for form; whether it is true is for `verify`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from benchmark.bundle import Bundle
from benchmark.bundle.files import INPUTS, RESULTS, SEAL, DamagedError, other_version, parse, read_file, read_seal
from benchmark.bundle.record import BUNDLE_VERSION, Inputs, Results
from benchmark.errors import BenchmarkError
from manifests.text import printable

Model = TypeVar("Model", bound=BaseModel)


def load(folder: Path) -> Bundle:
    """See `benchmark.bundle.load`."""
    require_bundle(folder)
    with naming(folder):
        read_seal(folder)
        return Bundle(folder, read_model(folder, RESULTS, Results), tuple(read_model(folder, INPUTS, Inputs).inputs))


@contextlib.contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Say of which bundle a file is damaged."""
    try:
        yield
    except DamagedError as error:
        raise BenchmarkError(f"The bundle {printable(str(folder))} cannot be read: {error}") from error


def require_bundle(folder: Path) -> None:
    """Check that a folder looks like a bundle at all.

    Raises:
        BenchmarkError: it does not.
    """
    if not folder.is_dir() or not any(
        (folder / name).is_symlink() or (folder / name).exists() for name in (SEAL, RESULTS)
    ):
        raise BenchmarkError(
            f"There is no bundle in {printable(str(folder))}: name a folder that moee bench run wrote."
        )


def read_model(
    folder: Path, name: str, kind: type[Model], version_key: str = "bundle_version", version: int = BUNDLE_VERSION
) -> Model:
    """A JSON file of a bundle as its model.

    Args:
        version_key, version: under which name the file says its version, and the one that is read.

    Raises:
        DamagedError: it is missing, not JSON, of another version, or a key or value is wrong.
    """
    raw = read_file(folder, name)
    said = parse(raw, name).get(version_key)
    if isinstance(said, int) and said != version:
        raise other_version(name, said, version)
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedError(name, printable(f"{name} is damaged: {where}: {first['msg']}")[:300] + ".") from error


def check_protocol(bundle: Bundle, name: str, version: int, sha256: str) -> None:
    """See `benchmark.bundle.check_protocol`."""
    said, place = bundle.results.protocol, printable(str(bundle.folder))
    if said.name != name:
        raise BenchmarkError(f"The bundle {place} was made with {printable(said.name)}, not with {printable(name)}.")
    if said.version != version:
        raise BenchmarkError(
            f"The bundle {place} was made with {name} version {said.version}, this program has version {version}: run "
            "the benchmark again, numbers of two versions are not comparable."
        )
    if said.sha256 != sha256:
        raise BenchmarkError(
            f"The bundle {place} was made with other settings of {name} version {version}: its numbers are not "
            "comparable, run the benchmark again."
        )

"""The files of a bundle: their names, their hashes in bundle.json, and the seal that bundle.json has over itself."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmark.bundle.record import BUNDLE_VERSION
from benchmark.errors import BenchmarkError
from manifests.files import Written
from manifests.text import printable

SEAL: Final = "bundle.json"
RESULTS: Final = "results.json"
CLIPS: Final = "clips.parquet"
INDEX: Final = "features.parquet"
INPUTS: Final = "inputs.json"
ARRAYS: Final = "features"  # a folder
MOST_JSON: Final = 256 << 20  # bytes


class DamagedError(BenchmarkError):
    """A file of a bundle is missing or not what it should be; `file` is its path inside the bundle."""

    def __init__(self, file: str, sentence: str) -> None:
        super().__init__(sentence)
        self.file = file


def array_file(side: str, feature: str) -> str:
    """Path of a feature's array in a bundle: `features/real.points68.npy`; what file systems refuse is escaped."""
    return f"{ARRAYS}/{side}.{quote(feature, safe='')}.npy"


def sealed(files: Mapping[str, Written]) -> bytes:
    """The bytes of bundle.json for these files (path -> hash and size)."""
    listed = {name: {"sha256": files[name].sha256, "bytes": files[name].bytes} for name in sorted(files)}
    content = {"bundle_version": BUNDLE_VERSION, "files": listed}
    return _canonical(content | {"seal": hashlib.sha256(_canonical(content)).hexdigest()})


def _canonical(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


def read_seal(folder: Path) -> dict[str, Written]:
    """Path -> hash and size of every file, as bundle.json lists them.

    Raises:
        DamagedError: there is no bundle.json, it was changed, or it is of another version.
    """
    raw = read_file(folder, SEAL)
    content = parse(raw, SEAL)
    version = content.get("bundle_version")
    if version != BUNDLE_VERSION and isinstance(version, int):
        raise other_version(SEAL, version)
    try:
        files = {name: Written(str(entry["sha256"]), int(entry["bytes"])) for name, entry in content["files"].items()}
        untouched = sealed(files) == raw
    except (KeyError, TypeError, ValueError, AttributeError):
        untouched = False
    if not untouched:
        raise DamagedError(SEAL, f"{SEAL} was changed: its seal does not fit what it says.")
    return files


def other_version(name: str, version: object, known: int = BUNDLE_VERSION) -> DamagedError:
    """The error of a file that another version of this program wrote."""
    said = f"{name} is of bundle version {version}, this program reads {known}"
    return DamagedError(name, f"{said}: take the program that made it, or run the benchmark again.")


def parse(raw: bytes, name: str) -> dict[str, Any]:
    """The mapping in JSON bytes, in which every key stands once and every number is finite.

    Raises:
        DamagedError: they are something else; the sentence begins with `name`.
    """
    try:
        content = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_finite)
    except RecursionError as error:
        raise DamagedError(name, f"{name} is damaged: it is nested too deeply.") from error
    except ValueError as error:
        raise DamagedError(name, f"{name} is damaged: {printable(' '.join(str(error).split()))[:200]}.") from error
    if not isinstance(content, dict):
        raise DamagedError(name, f"{name} is damaged: it holds no mapping.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key stands in it twice")
    return content


def _finite(word: str) -> None:
    raise ValueError(f"it holds {word}, which is no number of JSON")


def read_file(folder: Path, name: str, most: int = MOST_JSON) -> bytes:
    """The bytes of a small file of a bundle.

    Raises:
        DamagedError: it is missing, no plain file, larger than `most` bytes, or cannot be read.
    """
    path = plain_file(folder, name)
    try:
        if path.stat().st_size > most:
            raise DamagedError(name, f"{name} is larger than {most >> 20} MB: no bundle holds such a file.")
        return path.read_bytes()
    except OSError as error:
        raise DamagedError(name, f"{name} cannot be read: {error.strerror or error}.") from error


def plain_file(folder: Path, name: str) -> Path:
    """The path of a bundle's file, which is there and neither a link nor a device, and lies in no linked folder.

    Raises:
        DamagedError: it is missing or something else.
    """
    path = folder
    try:
        for part in name.split("/"):
            path = path / part
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise DamagedError(name, f"{name} is reached by a link: a bundle holds plain files only.")
    except OSError as error:
        said = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror or error}"
        raise DamagedError(name, f"{name} {said}.") from error
    if not stat.S_ISREG(mode):
        raise DamagedError(name, f"{name} is no plain file.")
    return path


def listing(folder: Path) -> tuple[list[str], dict[str, str]]:
    """All plain files below a folder but bundle.json, sorted; and whatever is neither file nor folder, with a sentence.

    No link is followed.

    Raises:
        BenchmarkError: the folder cannot be read.
    """
    files: list[str] = []
    odd: dict[str, str] = {}
    try:
        _walk(folder, "", files, odd)
    except OSError as error:
        place = printable(str(folder))
        raise BenchmarkError(f"The bundle {place} cannot be read: {error.strerror or error}.") from error
    return sorted(name for name in files if name != SEAL), odd


def _walk(folder: Path, prefix: str, files: list[str], odd: dict[str, str]) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda found: found.name):
            name = prefix + entry.name
            if entry.is_symlink():
                odd[name] = f"{printable(name)} is a link: a bundle holds plain files only."
            elif entry.is_dir(follow_symlinks=False):
                if name == ARRAYS:
                    _walk(Path(entry.path), name + "/", files, odd)
                else:
                    odd[name] = f"{printable(name)}/ is a folder that belongs to no bundle."
            elif entry.is_file(follow_symlinks=False):
                files.append(name)
            else:
                odd[name] = f"{printable(name)} is no plain file."

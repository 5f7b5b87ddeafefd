"""Keeps what extractors gave, a file per video and extractor: whole or not there, checked when read, without code.

A file's name is the hash of everything that its numbers depend on, so nothing in it can be out of date. Its format is
safetensors, with a checksum over the numbers.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.errors import BenchmarkError

_SUFFIX: Final = ".safetensors"
_LONGEST_HEADER: Final = 1 << 20
_ABOUT: Final = "about"
_KINDS: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "<u1", "BOOL": "?"}


def key_of(**depends: Any) -> str:
    """The hash over what numbers depend on, plain JSON values, hex."""
    return hashlib.sha256(json.dumps(depends, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class FeatureCache:
    """A folder of results by key; any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def path(self, key: str) -> Path:
        """Where a result lies or would lie."""
        return Path(self._place(key))

    def _place(self, key: str) -> str:
        return f"{self.folder}/{key[:2]}/{key}{_SUFFIX}"

    def read(self, key: str, note: Callable[[str], None]) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """A result: its arrays by name, and the plain values beside them.

        Args:
            key: of the result.
            note: is told of a damaged file, which then counts as absent.

        Returns:
            None where it was not kept.

        Raises:
            BenchmarkError: the file cannot be read.
        """
        path = self._place(key)
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - thousands of them: Path takes half the time
                data = file.readall()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BenchmarkError(f"The cache file {path} cannot be read: {error.strerror or error}.") from error
        found = _unpacked(data, key)
        if found is None:
            note(f"The cache file {self.path(key).name} is damaged and is made again.")
        return found

    def write(self, key: str, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Keep a result.

        Args:
            key: of the result.
            arrays: name -> array.
            values: plain JSON values beside them.

        Raises:
            BenchmarkError: the folder cannot be written.
        """
        from manifests.errors import ManifestError
        from manifests.files import make_folder, plain_errors, replace, write_aside

        path = self.path(key)
        try:
            with plain_errors(self.folder):
                make_folder(path.parent)
                aside, _ = write_aside(path.parent, path.name, lambda file: file.write(_packed(key, arrays, values)))
                replace(aside, path)
        except ManifestError as error:
            raise BenchmarkError(str(error)) from error


def _packed(key: str, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> bytes:
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    bare: bytes = save(whole)
    start = _start(bare)
    crc32 = _crc32(json.loads(bare[8:start]), key, dict(values), memoryview(bare)[start:])
    about = {"key": key, "values": dict(values), "crc32": crc32}
    return bytes(save(whole, {_ABOUT: json.dumps(about, sort_keys=True)}))  # one text: the order of several is random


def _unpacked(data: bytes, key: str) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """What `_packed` took; None where the bytes are something else."""
    try:
        start = _start(data)
        header = json.loads(data[8:start])
        about = json.loads(header.pop("__metadata__")[_ABOUT])
        found = _crc32(header, about["key"], about["values"], memoryview(data)[start:])
        if about["key"] != key or about["crc32"] != found:
            return None
        return {name: _array(data, start, entry) for name, entry in header.items()}, about["values"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _crc32(header: Mapping[str, Any], key: str, values: Mapping[str, Any], numbers: memoryview) -> int:
    """Of all that a file says: names, shapes and places of its tensors, its key and values, and the numbers."""
    return zlib.crc32(numbers, zlib.crc32(json.dumps([header, key, values], sort_keys=True).encode()))


def _array(data: bytes, start: int, entry: Mapping[str, Any]) -> np.ndarray:
    """A tensor of the file, read-only; read here, as the library takes three times as long and runs read thousands."""
    kind = np.dtype(_KINDS[entry["dtype"]])
    low, high = entry["data_offsets"]
    return np.frombuffer(data, kind, (high - low) // kind.itemsize, start + low).reshape(entry["shape"])


def _start(data: bytes) -> int:
    """Where the numbers begin; raises ValueError where the header is not whole."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= min(len(data) - 8, _LONGEST_HEADER):
        raise ValueError("the header is cut off")
    return 8 + length

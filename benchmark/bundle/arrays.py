"""Arrays on disk: plain .npy files, written row by row and mapped without trusting their headers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from benchmark.bundle.files import DamagedError, plain_file

KINDS: Final = "biuf"  # truth values, integers, floats
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_MOST_HEADER: Final = 1024  # bytes
_HEADER: Final = re.compile(
    rb"\{'descr': '([<|][biuf]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \((\d{1,15}, ?|\d{1,15}(?:, \d{1,15})+)\), \} *\n"
)


def write_array(file: BinaryIO, parts: Sequence[np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Write arrays one behind the other as one .npy file; never more than one of them is copied.

    Args:
        file: open for writing.
        parts: of `dtype` in the machine's or another byte order.
        shape: of the whole.
        dtype: little-endian.
    """
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for part in parts:
        file.write(np.ascontiguousarray(part, dtype).tobytes())


def map_array(folder: Path, name: str) -> np.ndarray:
    """Map an array of a bundle for reading.

    The header is read with one strict pattern and the file must be exactly as long as it says, so a damaged or hostile
    one costs no memory.

    Returns:
        A read-only array, of at least one dimension.

    Raises:
        DamagedError: the file is missing, no such array, or longer or shorter than its header says.
    """
    path = plain_file(folder, name)
    try:
        with path.open("rb") as file:
            dtype, shape, offset = _header(file.read(len(_MAGIC) + 2 + _MOST_HEADER), name)
            size = offset + math.prod(shape) * dtype.itemsize
            if path.stat().st_size != size:
                raise DamagedError(name, f"{name} is damaged: it has {path.stat().st_size} bytes and needs {size}.")
            if not math.prod(shape):
                return np.zeros(shape, dtype)
            mapped = np.memmap(file, dtype, "r", offset, shape)
    except (OSError, ValueError) as error:
        raise DamagedError(name, f"{name} cannot be read: {error}.") from error
    return mapped.view(np.ndarray)  # slices of a plain array cost a tenth of those of a memmap


def _header(start: bytes, name: str) -> tuple[np.dtype, tuple[int, ...], int]:
    length = int.from_bytes(start[len(_MAGIC) : len(_MAGIC) + 2], "little")
    offset = len(_MAGIC) + 2 + length
    found = _HEADER.fullmatch(start[len(_MAGIC) + 2 : offset])
    if not start.startswith(_MAGIC) or length > _MOST_HEADER or found is None:
        raise DamagedError(name, f"{name} is damaged: it does not begin as an array of numbers does.")
    try:
        dtype = np.dtype(found[1].decode())
    except TypeError as error:
        raise DamagedError(name, f"{name} is damaged: {found[1].decode()} is no type of numbers.") from error
    return dtype, tuple(int(part) for part in found[2].split(b",") if part.strip()), offset

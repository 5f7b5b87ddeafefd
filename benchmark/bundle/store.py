"""Features on disk: one array per side and feature, and an index that gives each clip its rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from benchmark.bundle.arrays import KINDS, map_array, write_array
from benchmark.bundle.clips import bare_clips, read_clips
from benchmark.bundle.files import INDEX, DamagedError, array_file
from benchmark.bundle.tables import read_table
from benchmark.errors import BenchmarkError
from benchmark.features import SIDES, Clip, Features
from manifests.text import printable

_MADE_BY: Final = b"made_by"
_WORDS: Final = pa.dictionary(pa.int32(), pa.string())
_INDEX: Final = pa.schema(
    [
        pa.field("clip", pa.string(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("feature", pa.string(), nullable=False),
        pa.field("first", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("shape", pa.list_(pa.int64()), nullable=False),
        pa.field("dtype", pa.string(), nullable=False),
    ]
)


@dataclass
class Stack:
    """What one file of features/ holds: the arrays of all clips that have this feature, one behind the other.

    Arrays whose rows have one shape are stacked by rows; others lie there as single numbers, and the index gives each
    its shape back.
    """

    dtype: np.dtype
    parts: list[np.ndarray] = field(default_factory=list)

    def shape(self) -> tuple[int, ...]:
        """Of the whole file's array."""
        if any(part.ndim == 0 for part in self.parts) or len({part.shape[1:] for part in self.parts}) > 1:
            return (sum(part.size for part in self.parts),)
        return (sum(len(part) for part in self.parts), *self.parts[0].shape[1:])

    def write(self, file: BinaryIO) -> None:
        """Write the array."""
        write_array(file, self.parts, self.shape(), self.dtype)


def stacks(features: Features) -> dict[tuple[str, str], Stack]:
    """What the files of features/ are to hold: (side, feature) -> arrays, in the order of clips.

    Raises:
        BenchmarkError: an array holds something else than numbers, or clips hold a feature in different types.
    """
    found: dict[tuple[str, str], Stack] = {}
    for clip, side, feature, array in _arrays(features):
        if clip.failure is not None and side != "real":
            raise BenchmarkError(f"{printable(clip.id)} failed, and has the feature {feature} all the same.")
        dtype = array.dtype.newbyteorder("<")
        stack = found.setdefault((side, feature), Stack(dtype))
        if dtype.kind not in KINDS or dtype.itemsize > 8:
            raise BenchmarkError(f"{printable(clip.id)}: the feature {feature} holds {dtype}, which no bundle keeps.")
        if dtype != stack.dtype:
            raise BenchmarkError(f"{printable(clip.id)}: the feature {feature} is {dtype}, elsewhere {stack.dtype}.")
        stack.parts.append(array)
    return found


def _arrays(features: Features) -> Iterator[tuple[Clip, str, str, np.ndarray]]:
    for clip in features.clips:
        for side in SIDES:
            for feature, array in getattr(clip, side).items():
                yield clip, side, feature, array


def index_table(features: Features, arrays: dict[tuple[str, str], Stack]) -> pa.Table:
    """The index: a row per clip, side and feature, with `made_by` as metadata."""
    flat = {place: len(stack.shape()) == 1 for place, stack in arrays.items()}
    used = dict.fromkeys(arrays, 0)
    columns: dict[str, list[Any]] = {name: [] for name in _INDEX.names}
    for clip, side, feature, array in _arrays(features):
        place = (side, feature)
        rows = array.size if flat[place] else len(array)
        row = (clip.id, side, feature, used[place], rows, list(array.shape), arrays[place].dtype.str)
        for name, value in zip(_INDEX.names, row, strict=True):
            columns[name].append(value)
        used[place] += rows
    made_by = json.dumps(dict(features.made_by), ensure_ascii=True)
    return pa.table(columns, _INDEX).replace_schema_metadata({_MADE_BY: made_by.encode()})


def load_features(folder: Path) -> Features:
    """See `benchmark.bundle.load_features`."""
    clips = bare_clips(read_clips(folder))
    table = read_table(folder, INDEX)
    if not table.schema.equals(_INDEX):
        raise DamagedError(INDEX, f"{INDEX} has other columns than a bundle's.")
    held: dict[str, dict[str, dict[str, np.ndarray]]] = {
        clip.id: {side: {} for side in SIDES if side == "real" or clip.failure is None} for clip in clips
    }
    opened: dict[tuple[str, str], np.ndarray] = {}
    used: dict[tuple[str, str], int] = {}
    for clip, side, feature, first, rows, shape, dtype in zip(*(c.to_pylist() for c in table.columns), strict=True):
        place = (side, feature)
        if place not in opened:
            if side not in SIDES:
                raise DamagedError(INDEX, f"{INDEX} names a side that there is not: {printable(side)}.")
            opened[place], used[place] = map_array(folder, array_file(side, feature)), 0
        whole, target = opened[place], held.get(clip, {}).get(side)
        if target is None or feature in target:
            raise DamagedError(
                INDEX, f"{INDEX} has {printable(feature)} twice, or for a clip without it: {printable(clip)}."
            )
        if dtype != whole.dtype.str or first != used[place] or not _fits(first, rows, shape, whole):
            raise DamagedError(INDEX, f"{INDEX} does not fit {printable(feature)} of {printable(clip)}.")
        part = whole[first : first + rows]
        target[feature] = part if list(part.shape) == shape else part.reshape(shape)
        used[place] += rows
    short = next((place for place, whole in opened.items() if used[place] != len(whole)), None)
    if short is not None:
        raise DamagedError(INDEX, f"{INDEX} leaves out rows of {array_file(*short)}.")
    return Features(tuple(_filled(clip, held[clip.id]) for clip in clips), _made_by(table))


def _filled(clip: Clip, sides: dict[str, dict[str, np.ndarray]]) -> Clip:
    return replace(clip, real=sides["real"], generated=sides.get("generated", {}), pair=sides.get("pair", {}))


def _fits(first: int, rows: int, shape: list[int], whole: np.ndarray) -> bool:
    """Whether an array has these rows, and they are as many numbers as the shape of a clip's array says."""
    if not 0 <= first <= first + rows <= len(whole):
        return False
    return min(shape, default=0) >= 0 and rows * math.prod(whole.shape[1:]) == math.prod(shape)


def _made_by(table: pa.Table) -> dict[str, str]:
    try:
        made_by = json.loads((table.schema.metadata or {})[_MADE_BY])
    except (KeyError, ValueError, RecursionError):
        made_by = None
    if not isinstance(made_by, dict) or not all(isinstance(name, str) for name in made_by.values()):
        raise DamagedError(INDEX, f"{INDEX} does not say which extractors made the features.")
    return made_by


def unfit(features: Features) -> tuple[str, str] | None:
    """The first number that no extractor may give, as file and sentence, or None.

    Fit are finite numbers, and rows that are NaN as a whole: there was no face.
    """
    for clip, side, feature, array in _arrays(features):
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
        good = np.isnan(rows).all(axis=1) | np.isfinite(rows).all(axis=1)
        if not good.all():
            file, row = array_file(side, feature), int(np.flatnonzero(~good)[0])
            return file, f"{file} has a number that is not finite: {printable(clip.id)}, row {row}."
    return None

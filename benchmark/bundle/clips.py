"""clips.parquet: a row per clip with labels, failure, and a column `metric/<key>` for metrics with values of clips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from benchmark.bundle.files import CLIPS, DamagedError
from benchmark.bundle.tables import read_table
from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.results import MetricResult
from manifests.text import printable

_PREFIX: Final = "metric/"  # there is a metric `identity`, and a clip has one too
_LABELS: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("identity", pa.string(), nullable=False),
        pa.field("emotion", pa.string()),
        pa.field("compound", pa.string()),
        pa.field("intensity", pa.int64()),
        pa.field("failure", pa.string()),
    ]
)


def clip_table(features: Features, results: Mapping[str, MetricResult]) -> pa.Table:
    """The table of a run; a metric's column is null for clips that it is not about.

    Raises:
        BenchmarkError: a metric has a value for no clip of the list, or none that is a number.
    """
    columns = {name: [getattr(clip, name) for clip in features.clips] for name in _LABELS.names}
    table = pa.table(columns, _LABELS)
    for key, result in results.items():
        if result.per_clip:
            table = table.append_column(pa.field(_PREFIX + key, pa.float64()), [_values(key, result, features)])
    return table


def _values(key: str, result: MetricResult, features: Features) -> pa.Array:
    known = {clip.id for clip in features.clips}
    for clip, value in result.per_clip.items():
        if clip not in known or math.isnan(value):
            what = "no number" if clip in known else "a number that belongs to no clip of the list"
            raise BenchmarkError(f"The metric {key} gives {what}: {printable(clip)}.")
    values = [result.per_clip.get(clip.id) for clip in features.clips]
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def read_clips(folder: Path) -> pa.Table:
    """The table of a bundle.

    Raises:
        DamagedError: it is missing or damaged, or names a clip twice.
    """
    table = read_table(folder, CLIPS)
    labels, values = table.schema.names[: len(_LABELS)], table.schema.names[len(_LABELS) :]
    known = all(name.startswith(_PREFIX) for name in values)
    if labels != _LABELS.names or not known or len(set(table.schema.names)) != len(table.schema.names):
        raise DamagedError(CLIPS, f"{CLIPS} has other columns than a bundle's.")
    wrong = [name for name in labels if table.schema.field(name).type != _LABELS.field(name).type]
    wrong += [name for name in values if table.schema.field(name).type != pa.float64()]
    if wrong:
        raise DamagedError(CLIPS, f"{CLIPS} has a column of another type: {printable(wrong[0])}.")
    if table["id"].null_count or table["identity"].null_count or len(set(table["id"].to_pylist())) != len(table):
        raise DamagedError(CLIPS, f"{CLIPS} has a clip twice, or one without id or identity.")
    return table


def bare_clips(table: pa.Table) -> list[Clip]:
    """The clips of the table, without features."""
    return [Clip(**row) for row in table.select(_LABELS.names).to_pylist()]


def metric_columns(table: pa.Table) -> list[str]:
    """Keys of the metrics that have a column."""
    return [str(name).removeprefix(_PREFIX) for name in table.schema.names[len(_LABELS) :]]


def column(table: pa.Table, key: str) -> dict[str, float]:
    """Clip -> value of a metric; empty where it has no column."""
    if key not in metric_columns(table):
        return {}
    pairs = zip(table["id"].to_pylist(), table[_PREFIX + key].to_pylist(), strict=True)
    return {clip: value for clip, value in pairs if value is not None}

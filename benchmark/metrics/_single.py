"""Features that have a single row per clip, one row for every clip that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.features import Clip
from benchmark.metrics._rows import Rows, rows
from manifests.text import printable


def single(clips: Sequence[Clip], side: str, feature: str, width: int, silent: bool = False) -> Rows:
    """A feature [1, width] of each clip.

    Args:
        clips: that did not fail.
        side, feature: as in `rows`.
        width: numbers of its row.
        silent: whether a clip may lack it: its row is NaN then, and not seen.

    Returns:
        One row per clip, float64, in the clips' order.

    Raises:
        BenchmarkError: as `rows`, or a clip has another number of rows.
    """
    found = rows(clips, side, feature, (width,), silent=silent)
    wrong = np.flatnonzero(found.counts > 1 if silent else found.counts != 1)
    if len(wrong):
        many = found.counts[wrong[0]]
        raise BenchmarkError(f"{printable(clips[wrong[0]].id)}: {feature} has one row, here {many}.")
    values = np.full((len(clips), width), np.nan)
    values[found.owners] = found.values
    seen = np.zeros(len(clips), bool)
    seen[found.owners] = found.seen
    return Rows(values, np.arange(len(clips)), seen, np.ones(len(clips), np.int64))

"""Labels against answers, and the macro-F1 of such a table with an interval from groups of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.features import Clip


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each label was answered with what.

    labels: classes that occur among the labels, in the order of the taxonomy.
    answers: classes that can be answered, every label among them; a further column is `no face`.
    per_clip: [clips, labels, answers + 1] weights; each clip's sum to 1: an answer counts by the share of frames that
        show a face, the rest and failed clips count as `no face`.
    """

    labels: tuple[str, ...]
    answers: tuple[str, ...]
    per_clip: np.ndarray

    def detail(self) -> dict[str, Any]:
        """As plain JSON values."""
        counts = self.per_clip.sum(axis=0)
        return {"labels": list(self.labels), "answers": [*self.answers, "no face"], "counts": counts.tolist()}


def confusion(
    clips: Sequence[Clip], labels: Sequence[str], known: Sequence[str], chosen: np.ndarray, share: np.ndarray
) -> Confusion:
    """Count answers.

    Args:
        clips: that count, failed ones among them.
        labels: [clips].
        known: classes that can be answered.
        chosen: [alive] int, places in `known`.
        share: [alive] of frames with a face.
    """
    present = tuple(name for name in known if name in set(labels))
    per_clip = np.zeros((len(clips), len(present), len(known) + 1))
    row = np.array([present.index(label) for label in labels])
    alive = np.flatnonzero([clip.failure is None for clip in clips])
    per_clip[np.arange(len(clips)), row, len(known)] = 1.0
    per_clip[alive, row[alive], len(known)] = 1.0 - share
    per_clip[alive, row[alive], chosen] += share
    return Confusion(present, tuple(known), per_clip)


def macro_f1(counts: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Mean over classes of 2 TP / (2 TP + FP + FN); a class without any label does not count.

    Args:
        counts: [..., labels, answers] of which one row at least is not empty.
        columns: [labels] int, each label's own column.

    Returns:
        [...], 0..1.
    """
    right = np.take_along_axis(counts, columns.reshape((1,) * (counts.ndim - 2) + (-1, 1)), axis=-1)[..., 0]
    labelled = counts.sum(axis=-1)
    answered = counts.sum(axis=-2)[..., columns]
    both = labelled + answered
    scores = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(np.where(labelled > 0, scores, 0.0).sum(axis=-1) / (labelled > 0).sum(axis=-1))


def f1_with_interval(clips: Sequence[Clip], table: Confusion) -> tuple[float, tuple[float, float], str]:
    """Macro-F1 of all clips, its 95 % interval within 0..1 by the delete-group jackknife, and how that was made."""
    from benchmark.statistics.jackknife import jackknife
    from benchmark.statistics.sets import make_groups

    columns = np.array([table.answers.index(label) for label in table.labels])
    value = float(macro_f1(table.per_clip.sum(axis=0), columns))
    groups, text = make_groups([clip.identity for clip in clips], ids=[clip.id for clip in clips])
    count = int(groups.max()) + 1
    if count < 2:
        return value, (-np.inf, np.inf), "none: clips of one group tell nothing about others"
    held = np.zeros((count, *table.per_clip.shape[1:]))
    np.add.at(held, groups, table.per_clip)

    def evaluate(kept: np.ndarray) -> np.ndarray:
        return macro_f1(np.tensordot(kept.astype(np.float64), held, axes=1), columns)

    found = jackknife(evaluate, np.bincount(groups).astype(np.float64))
    low, high = found.interval(value)
    return value, (max(low, 0.0), min(high, 1.0)), f"{found.method} over {text}"

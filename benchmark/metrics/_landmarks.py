"""Landmarks of both videos beside each other: which frames are compared, and what a missing face counts as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmark.features import Clip, Features
from benchmark.metrics._over_clips import ClipValues
from benchmark.metrics._rows import Rows, living, means, rows, same_counts, usable

FEATURE = "points68"
STRIPE = 1024  # rows
WORST = 256.0
"""px: what a frame without a face counts as, the frame's own side."""


@dataclass(frozen=True, eq=False)
class Points:
    """The 68 landmarks of all clips that did not fail.

    clips: that count, failed ones among them.
    alive: that did not fail.
    real, generated: rows [n, 68, 2] float32, px of a 256 px frame.
    """

    clips: tuple[Clip, ...]
    alive: tuple[Clip, ...]
    real: Rows
    generated: Rows


@lru_cache(maxsize=1)  # the largest arrays that metrics share
def points_of(features: Features) -> Points:
    """Landmarks of the clips whose ground truth shows a face in at least one frame.

    Raises:
        NotApplicable, BenchmarkError: as `usable` and `rows`.
    """
    clips = usable(features, FEATURE)
    alive = living(clips)
    return Points(
        clips, alive, rows(alive, "real", FEATURE, (68, 2)), rows(alive, "generated", FEATURE, (68, 2))
    )  # fmt: skip


def mean_distance(points: Points, distance: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> ClipValues:
    """Mean over the frames in which the ground truth shows a face.

    Args:
        points: with the same frames in both videos.
        distance: from [k, 68, 2] of the ground truth and of the system, float64, to [k] px; at most 256 is counted.
            Rows of NaN may give anything.

    Raises:
        BenchmarkError: a clip whose videos have different numbers of frames.
    """
    real, generated = points.real, points.generated
    same_counts(points.alive, FEATURE, real, generated)
    found = np.minimum(by_stripes(distance, real.values, generated.values), WORST)
    found[~(real.seen & generated.seen)] = WORST
    values = means(found[real.seen], real.owners[real.seen], len(points.alive))
    return ClipValues(points.clips, values, counted(real.seen, generated.seen))


def by_stripes(
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray], one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """[n] distances of rows [n, 68, 2] in float64, of few rows at a time, so that they stay near the processor."""
    found = np.empty(len(one))
    for start in range(0, len(one), STRIPE):
        part = slice(start, start + STRIPE)
        found[part] = distance(one[part].astype(np.float64), other[part].astype(np.float64))
    return found


def lengths(apart: np.ndarray) -> np.ndarray:
    """Mean Euclidean length [k] of the vectors [k, points, 2]."""
    x, y = apart[..., 0], apart[..., 1]
    return np.asarray(np.sqrt(x * x + y * y).mean(axis=1))


def counted(real: np.ndarray, generated: np.ndarray) -> dict[str, int]:
    """How many frames [n] bool were compared, counted as lost and left out."""
    return {
        "frames_compared": int((real & generated).sum()),
        "frames_without_face": int((real & ~generated).sum()),
        "frames_without_face_in_ground_truth": int((~real).sum()),
    }

"""What the panel of emotion classifiers says of both videos of the clips that a metric is about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics._errors import NotApplicable
from benchmark.metrics._rows import Rows, check_range, living, means, rows, same_counts, usable
from benchmark.metrics._single import single
from manifests.emotions import COMPOUNDS, EMOTIONS
from manifests.text import printable

FEATURE = "emotion"
NEEDS = (FEATURE, "face")
MEMBER = "emotion/"
Labelled = Literal["emotion", "compound", "any"]


@dataclass(frozen=True, eq=False)
class Panel:
    """Probabilities in the order of `manifests.emotions.EMOTIONS`.

    clips: that count, failed ones among them: with a label, and with a face in the ground truth.
    alive: that did not fail.
    real, generated: [alive, 8]; a system's row of NaN shows no face, and its share is 0.
    share: [alive] of the frames in which the ground truth shows a face, those in which the system's video does too.
    """

    clips: tuple[Clip, ...]
    alive: tuple[Clip, ...]
    real: np.ndarray
    generated: np.ndarray
    share: np.ndarray


@lru_cache(maxsize=8)
def panel(features: Features, labelled: Labelled, feature: str = FEATURE) -> Panel:
    """What the panel says of clips with a label of one kind.

    Args:
        features: of a run.
        feature: another one that holds eight probabilities, of a single classifier.
        labelled: `emotion` (basic emotions, neutral, contempt), `compound`, or `any` for all clips, labels or not.

    Raises:
        NotApplicable: no clip counts.
        BenchmarkError: a label that the taxonomy lacks, probabilities that are none, or frames that do not fit.
    """
    clips = tuple(clip for clip in usable(features, feature) if _has_label(clip, labelled))
    if not clips:
        kind = "a compound emotion" if labelled == "compound" else "an emotion"
        raise NotApplicable(f"No clip whose ground truth shows a face is labelled with {kind}.")
    alive = living(clips)
    real, generated = probabilities(alive, "real", feature), probabilities(alive, "generated", feature)
    share = np.where(generated.seen, _share(alive), 0.0)
    return Panel(clips, alive, real.values, generated.values, share)


def probabilities(clips: tuple[Clip, ...], side: str, feature: str) -> Rows:
    """One row of eight probabilities per clip; NaN without a face.

    Raises:
        BenchmarkError: a number outside 0..1, or a row whose sum is not 1.
    """
    found = single(clips, side, feature, len(EMOTIONS))
    check_range(clips, feature, found, 0, 1)
    wrong = np.flatnonzero(np.abs(found.values.sum(axis=1) - 1) > 1e-3)  # NaN compares false
    if len(wrong):
        raise BenchmarkError(f"{printable(clips[wrong[0]].id)}: {feature} does not sum to 1.")
    return found


def members(clips: tuple[Clip, ...]) -> tuple[str, ...]:
    """Features of the panel's members that every clip's ground truth has, sorted."""
    held = [{name for name in clip.real if name.startswith(MEMBER)} for clip in clips]
    return tuple(sorted(set.intersection(*held))) if held else ()


def with_lost(values: np.ndarray, share: np.ndarray, worst: float) -> np.ndarray:
    """A clip's value [n], where frames without a face count as the worst; values of clips without any may be NaN."""
    return np.where(share > 0, share * np.where(share > 0, values, 0.0), 0.0) + (1 - share) * worst


def _has_label(clip: Clip, labelled: Labelled) -> bool:
    if labelled == "any":
        return True
    label, known = (clip.emotion, EMOTIONS) if labelled == "emotion" else (clip.compound, tuple(COMPOUNDS))
    if label is not None and label not in known:
        raise BenchmarkError(f"{printable(clip.id)} has the {labelled} {printable(label)}, which is none.")
    return label is not None


def _share(alive: tuple[Clip, ...]) -> np.ndarray:
    real, generated = rows(alive, "real", "face", gaps=False), rows(alive, "generated", "face", gaps=False)
    same_counts(alive, "face", real, generated)
    in_truth, in_video = real.values > 0, generated.values > 0
    found = means(in_video[in_truth].astype(np.float64), real.owners[in_truth], len(alive))
    return np.where(np.isnan(found), means(in_video.astype(np.float64), real.owners, len(alive)), found)

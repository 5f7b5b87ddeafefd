"""Emotion: whether a panel of classifiers reads the labelled emotion from the system's video.

Definition
Each member of the panel gives eight probabilities per clip (80th percentile over frames, brought to sum 1); the panel
is their mean. A clip is right when the panel's first choice is its label. `emotion-accuracy` is the mean over labelled
clips (six basic emotions, neutral, contempt) of right (1 or 0) times the share of frames with a face, among those in
which the ground truth shows one: a frame without a face is wrong. A clip that failed is wrong.
`emotion-normalised` is (accuracy - floor) / (ceiling - floor): the ceiling is what the panel gets right of the ground
truth, the floor what an answer of `neutral` to everything gets right. A failed clip counts as accuracy 0, whatever that
gives after normalising. Its interval is that of the clips' own (accuracy - floor) / (ceiling - floor), so that floor
and ceiling of the list are held fixed. It is not defined where the ceiling does not exceed the floor.
`emotion-f1` is the mean over the classes among the labels of 2 TP / (2 TP + FP + FN); answers count by the same share
of frames, the rest and failed clips as no answer. Its interval is a delete-group jackknife over identities, or groups
of clips where there are fewer than ten. `details`: each member over the labels that it has a word for (a class to
which it gives any probability in the ground truth), agreement (the share of members whose first choice is the panel's),
ceiling, floor, chance (1 / number of classes), confusion matrix, and accuracy per emotion, intensity and identity.

Weights
The members that the machine has; the hash in the result's name covers all of them. They are trained on other data than
the test sets: FER2013, AffectNet, or rules on facial actions.

What moves it
How strongly the emotion is shown: weak ones are read as neutral. Fear and surprise, disgust and anger are confused in
the ground truth too.

Traps
The literature's Acc_emo is one classifier fine-tuned on MEAD: its numbers are not comparable. Another panel has another
name. A system that exaggerates can pass the ceiling. Read it beside `emotion-consistency` and `identity`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from benchmark.features import Clip, Features
from benchmark.metrics._confusion import Confusion, confusion, f1_with_interval
from benchmark.metrics._errors import NotApplicable
from benchmark.metrics._over_clips import ClipValues, filled, interval_of, name_of, over_clips, plain
from benchmark.metrics._panel import FEATURE, MEMBER, NEEDS, Panel, members, panel, probabilities, with_lost
from benchmark.results import Metric, MetricResult
from manifests.emotions import EMOTIONS

NEUTRAL = "neutral"


def label_places(clips: tuple[Clip, ...]) -> np.ndarray:
    """[n] int64 places of the clips' labels in `EMOTIONS`."""
    return np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips], np.int64)


def _right(probability: np.ndarray, labels: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[n] 1 where the first choice is the label, times the share of frames with a face."""
    return with_lost((first_choice(probability) == labels).astype(np.float64), share, 0.0)


def first_choice(probability: np.ndarray) -> np.ndarray:
    """[n] the likeliest class of [n, 8]; rows of NaN give the first one, which nobody counts."""
    return np.asarray(np.nan_to_num(probability, nan=0.0).argmax(axis=1))


@lru_cache(maxsize=8)
def _accuracy(features: Features) -> ClipValues:
    seen = panel(features, "emotion")
    values = _right(seen.generated, label_places(seen.alive), seen.share)
    found = ClipValues(seen.clips, values)
    own = filled(found, 0.0)
    ceiling = _ceiling(features)
    labels = [str(clip.emotion) for clip in seen.clips]
    details: dict[str, Any] = {
        "ceiling": ceiling,
        "floor": _floor(seen),
        "chance": 1 / len(set(labels)),
        "agreement": _agreement(seen),
        "members": {name.removeprefix(MEMBER): _member(seen, name) for name in members(seen.clips)},
        "per_emotion": by_label(own, labels, [name for name in EMOTIONS if name in labels]),
        "per_intensity": by_label(own, [_said(clip.intensity) for clip in seen.clips]),
        "per_identity": by_label(own, [clip.identity for clip in seen.clips]),
        "confusion": _table(seen).detail(),
        "mean_share_of_frames_with_face": plain(seen.share.mean()) if len(seen.alive) else None,
    }
    return ClipValues(seen.clips, values, details)


def _said(intensity: int | None) -> str:
    return "none" if intensity is None else str(intensity)


def _ceiling(features: Features) -> float:
    """What the panel gets right of the ground truth of all clips that count, failed ones among them."""
    clips = panel(features, "emotion").clips
    said = probabilities(clips, "real", FEATURE).values
    return float(_right(said, label_places(clips), np.ones(len(clips))).mean())


def _floor(seen: Panel) -> float:
    return float(np.mean([clip.emotion == NEUTRAL for clip in seen.clips]))


def _table(seen: Panel) -> Confusion:
    labels = [str(clip.emotion) for clip in seen.clips]
    return confusion(seen.clips, labels, EMOTIONS, first_choice(seen.generated), seen.share)


def _member(seen: Panel, name: str) -> dict[str, Any]:
    """Accuracy of one member over the clips whose label it has a word for; failed clips are wrong."""
    said = probabilities(seen.clips, "real", name).values
    words = {EMOTIONS[place] for place in np.flatnonzero((np.nan_to_num(said) > 0).any(axis=0))}
    clips = tuple(clip for clip in seen.clips if clip.emotion in words)
    if not clips:
        return {"value": None, "interval": [None, None], "n": 0}
    kept = np.array([clip.emotion in words for clip in seen.alive], bool)
    alive = tuple(clip for clip in seen.alive if clip.emotion in words)
    own = probabilities(alive, "generated", name)
    values = _right(own.values, label_places(alive), np.where(own.seen, seen.share[kept], 0.0))
    every = filled(ClipValues(clips, values), 0.0)
    (low, high), _ = interval_of(every)
    return {"value": float(every.mean()), "interval": [plain(low), plain(high)], "n": len(clips)}


def _agreement(seen: Panel) -> float | None:
    """Mean share of members whose first choice is the panel's, over clips that show a face."""
    names = members(seen.clips)
    shown = seen.share > 0
    if not names or not shown.any():
        return None
    said = [probabilities(seen.alive, "generated", name).values for name in names]
    first = first_choice(seen.generated)
    return float(np.mean([first_choice(one)[shown] == first[shown] for one in said]))


def by_label(values: np.ndarray, labels: list[str], order: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Mean and count of values [n] of each label."""
    names = np.array(labels)
    found = {}
    for name in order if order is not None else sorted(set(labels)):
        part = values[names == name]
        found[name] = {"value": float(part.mean()), "n": len(part)}
    return found


@lru_cache(maxsize=8)
def _normalised(features: Features) -> ClipValues:
    found = _accuracy(features)
    floor, ceiling = float(found.details["floor"]), float(found.details["ceiling"])
    if ceiling <= floor:
        raise NotApplicable(
            f"The panel reads {ceiling:.3g} of the ground truth's labels and an answer of neutral to everything "
            f"{floor:.3g}, so that no accuracy can be set between them."
        )
    scaled = (filled(found, 0.0) - floor) / (ceiling - floor)
    alive = np.array([clip.failure is None for clip in found.clips], bool)
    details = {"accuracy": float(filled(found, 0.0).mean()), "floor": floor, "ceiling": ceiling}
    return ClipValues(found.clips, scaled[alive], details)


def _compute_normalised(features: Features) -> MetricResult:
    found = _normalised(features)
    floor, ceiling = found.details["floor"], found.details["ceiling"]
    metric = over_clips(
        "emotion-normalised", _NORMALISED, "higher", _UNIT, NEEDS, (0.0 - floor) / (ceiling - floor), _normalised
    )  # fmt: skip
    return metric.compute(features)


def _compute_f1(features: Features) -> MetricResult:
    seen = panel(features, "emotion")
    table = _table(seen)
    value, interval, method = f1_with_interval(seen.clips, table)
    details = {"confusion": table.detail(), "failed_clips": len(seen.clips) - len(seen.alive)}
    name = name_of(features, "emotion-f1", FEATURE, "v1", seen.clips)
    return MetricResult(name, value, interval, len(seen.clips), "higher", "macro-F1", method, {}, details)


_NORMALISED = "Emotion accuracy between floor and ceiling"
_UNIT = "share of what the ground truth gains over neutral"
METRICS = (
    over_clips("emotion-accuracy", "Emotion accuracy", "higher", "share of clips", NEEDS, 0.0, _accuracy),
    Metric("emotion-normalised", "v1", _NORMALISED, "higher", _UNIT, NEEDS, True, 0.0, _compute_normalised),
    Metric("emotion-f1", "v1", "Emotion macro-F1", "higher", "macro-F1", NEEDS, True, 0.0, _compute_f1),
)

"""Mouth against sound: whether the mouth opens with the speech, and how late; no network judges it.

Definition
The opening of the mouth (landmarks) is held against the onsets of the sound (half-wave rectified spectral flux) at lags
of -600 to 600 ms. `mouth-audio-correlation` is the correlation at its peak; `mouth-audio-lag` is how far the lag of
that peak lies from the ground truth's own: |lag of the system - lag of the ground truth|, at most 600 ms. Clips count
whose ground truth has sound and an answer; for the lag, those whose ground truth has a known lag (both signals of the
mouth agree on it, and chance is unlikely). Of a system's video the lag of the peak is taken as it is: unrelated sound
puts it anywhere, 300 ms off on average. A video without sound or without an answer counts as -1 and 600 ms, and so does
a clip that failed. `details` gives |lag| itself, the ground truth's, and how many lags of the system are not known.

Weights
The landmark model that the result's name gives; the rest is signal processing.

What moves it
Clear articulation raises the correlation; music, noise and laughter lower it, in the ground truth too. Delay of the
sound and dropped frames move the lag.

Traps
The correlation of real speech is well below 1: read it beside `details.ground_truth`. A peak exists for any two
signals; `details.chance` says how often an unrelated sound reaches as much. The correlation ignores the lag: a video
that is 400 ms late keeps it, so read both.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._errors import NotApplicable
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._rows import living, usable
from benchmark.metrics._single import single

FEATURE = "mouth_audio"
WIDTH = 5
CORRELATION, LAG, MARGIN, CHANCE, KNOWN = range(WIDTH)
WORST_LAG = 600.0


def _correlation(features: Features) -> ClipValues:
    clips = usable(features, FEATURE)
    alive = living(clips)
    real = single(alive, "real", FEATURE, WIDTH)
    generated = single(alive, "generated", FEATURE, WIDTH, silent=True)
    seen = generated.seen
    values = np.full(len(alive), -1.0)
    values[seen] = generated.values[seen, CORRELATION]
    details = {
        "ground_truth": _mean(real.values[:, CORRELATION]),
        "chance": _mean(generated.values[seen, CHANCE]),
        "clips_without_answer": int((~seen).sum()),
    }
    return ClipValues(clips, np.clip(values, -1, 1), details)


def _lag(features: Features) -> ClipValues:
    clips = usable(features, FEATURE)
    truth = single(clips, "real", FEATURE, WIDTH).values
    known = tuple(clip for clip, row in zip(clips, truth, strict=True) if row[KNOWN] > 0)
    if not known:
        raise NotApplicable("No clip's ground truth has a lag between mouth and sound that is known.")
    alive = living(known)
    real = single(alive, "real", FEATURE, WIDTH).values[:, LAG]
    generated = single(alive, "generated", FEATURE, WIDTH, silent=True)
    told = generated.seen
    values = np.full(len(alive), WORST_LAG)
    values[told] = np.minimum(np.abs(generated.values[told, LAG] - real[told]), WORST_LAG)
    details = {
        "mean_absolute_lag_ms": _mean(np.abs(generated.values[told, LAG])),
        "mean_absolute_lag_ms_of_ground_truth": _mean(np.abs(real)),
        "mean_difference_ms": _mean(generated.values[told, LAG] - real[told]),
        "clips_without_known_lag": int((~(told & (generated.values[:, KNOWN] > 0))).sum()),
    }
    return ClipValues(known, values, details)


def _mean(values: np.ndarray) -> float | None:
    return plain(values.mean()) if len(values) else None


METRICS = (
    over_clips(
        "mouth-audio-correlation", "Mouth against sound: correlation", "higher", "correlation",
        (FEATURE,), -1.0, _correlation,
    ),
    over_clips("mouth-audio-lag", "Mouth against sound: lag", "lower", "ms", (FEATURE,), WORST_LAG, _lag),
)  # fmt: skip

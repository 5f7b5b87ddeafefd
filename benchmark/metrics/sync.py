"""Lip synchrony as SyncNet hears it: Sync-C, Sync-D and the offset, over all windows and over the valid ones.

Definition
Chung and Zisserman (2016), `Out of time`: embeddings of windows of 5 frames against embeddings of the sound shifted by
-15 to 15 frames (one is 40 ms), Euclidean distance with 1e-6 added to the difference. The mean over the windows of a
clip gives 31 distances. `sync-d` is the least of them; `sync-c` their median minus the least; `sync-offset` the
distance in frames of the least from shift 0 (15 - its place); `sync-d0` the distance at shift 0. Shifts that leave the
clip meet zeros, as in the reference program. `sync-c-valid` and `sync-d-valid` leave out what met zeros: each shift is
the mean over the windows that have sound there, and shifts without any are left out. Mean over clips.
Clips count whose videos have sound. A window without a face counts as 0 for Sync-C, 20 for the distances and 15 frames
for the offset, in proportion to the clip's windows, and so does a clip that failed; distances count as at most 20.

Weights
`syncnet_v2.model` of the authors (sha256 961e8696f888...).

What moves it
Articulation that is crisp raises Sync-C beyond the ground truth's: more is not always more real. Crop and face
detector, frame rate, codec (0.4 to 1.2 by that alone), language: it was trained on English broadcasts.

Traps
Zero padding lowers Sync-C of short clips: with 20 windows by a quarter; use the valid ones where clips are short. A
video that is 400 ms late has the same Sync-C and Sync-D, so never read them without `sync-offset` and `sync-d0`. The
reference pipeline drops faces that are followed for 100 frames or less, so that short clips vanish; here they count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.features import Clip, Features
from benchmark.metrics._errors import NotApplicable
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._rows import check_range, living, paired, rows

FEATURE = "sync_distances"
SHIFT = 15
SHIFTS = 2 * SHIFT + 1
EPS = 1e-6
FRAME_MS = 40.0
WORST_DISTANCE = 20.0


def sync_distances(video: np.ndarray, audio: np.ndarray, window: int = SHIFT) -> np.ndarray:
    """Distances of each video window to the sound at every shift, as SyncNet's authors' program computes them.

    Args:
        video: [w, d] embeddings of video windows, finite, w >= 1.
        audio: [w, d] embeddings of the sound at the same times.
        window: greatest shift, frames, >= 1.

    Returns:
        [w, 2 window + 1] float64: cell (i, o) is |video[i] - audio[i + o - window] + 1e-6|; where there is no sound
        it is held against zeros.

    Raises:
        BenchmarkError: shapes that do not fit, or numbers that are not finite.
    """
    video, audio = np.asarray(video, np.float64), np.asarray(audio, np.float64)
    if video.ndim != 2 or video.shape != audio.shape or not video.size or window < 1:
        raise BenchmarkError(f"Embeddings are [w, d] of both sides, here {list(video.shape)} and {list(audio.shape)}.")
    if not (np.isfinite(video).all() and np.isfinite(audio).all()):
        raise BenchmarkError("Embeddings must be finite.")
    padded = np.pad(audio, ((window, window), (0, 0)))
    shifted = video + EPS
    found = np.empty((len(video), 2 * window + 1))
    for place in range(2 * window + 1):
        apart = shifted - padded[place : place + len(video)]
        found[:, place] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return found


@dataclass(frozen=True, eq=False)
class Curves:
    """The mean distance at each shift of the clips that did not fail.

    clips: that count, failed ones among them.
    whole: [alive, 31], zeros met included; valid: [alive, 31], NaN at shifts that no window has sound at.
    share: [alive] of windows with a face; curves of clips with none are NaN.
    """

    clips: tuple[Clip, ...]
    whole: np.ndarray
    valid: np.ndarray
    share: np.ndarray


@lru_cache(maxsize=8)
def _curves(features: Features) -> Curves:
    clips = _with_sound(features)
    alive = living(clips)
    found = rows(alive, "pair", FEATURE, (SHIFTS,))
    check_range(alive, FEATURE, found, 0, 1e6)
    count = len(alive)
    place = np.arange(len(found.owners)) - np.repeat(np.cumsum(found.counts) - found.counts, found.counts)
    meets = place[:, None] + np.arange(SHIFTS) - SHIFT
    is_valid = (meets >= 0) & (meets < found.counts[found.owners][:, None]) & found.seen[:, None]
    values = np.where(found.seen[:, None], found.values, 0.0)
    windows = np.bincount(found.owners, found.seen, count).astype(np.float64)
    return Curves(
        clips,
        _mean(values, np.repeat(windows[:, None], SHIFTS, axis=1), found.owners, count),
        _mean(np.where(is_valid, values, 0.0), _summed(is_valid, found.owners, count), found.owners, count),
        windows / np.maximum(found.counts, 1),
    )


def _with_sound(features: Features) -> tuple[Clip, ...]:
    """The clips that count: of failed ones only those whose ground truth has sound, where that is known."""
    clips = paired(features, FEATURE, partial=True)
    told = any("mouth_audio" in clip.real for clip in features.clips)
    found = tuple(clip for clip in clips if clip.failure is None or not told or "mouth_audio" in clip.real)
    if not found:
        raise NotApplicable("No clip's ground truth has sound.")
    return found


def _summed(values: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    columns = [np.bincount(owners, column, count) for column in values.T.astype(np.float64)]
    return np.stack(columns, axis=1).astype(np.float64)  # of no rows at all bincount gives whole numbers


def _mean(values: np.ndarray, number: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    total = _summed(values, owners, count)
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


def _confidence(curve: np.ndarray) -> np.ndarray:
    return np.asarray(np.nanmedian(curve, axis=1) - np.nanmin(curve, axis=1))


def _least(curve: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(np.nanmin(curve, axis=1), WORST_DISTANCE))


def _at_zero(curve: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(curve[:, SHIFT], WORST_DISTANCE))


def _values(
    score: Callable[[np.ndarray], np.ndarray], worst: float, valid: bool = False
) -> Callable[[Features], ClipValues]:
    def values(features: Features) -> ClipValues:
        curves = _curves(features)
        found = np.full(len(curves.share), worst)
        seen = curves.share > 0
        if seen.any():
            found[seen] = score((curves.valid if valid else curves.whole)[seen])
        found = curves.share * found + (1 - curves.share) * worst
        return ClipValues(curves.clips, found, {"clips_without_face": int((~seen).sum())})

    return values


def _offset(features: Features) -> ClipValues:
    curves = _curves(features)
    seen = curves.share > 0
    signed = SHIFT - np.argmin(curves.whole[seen], axis=1).astype(np.float64)
    found = np.full(len(seen), float(SHIFT))
    found[seen] = np.abs(signed)
    found = curves.share * found + (1 - curves.share) * SHIFT
    details = {
        "mean_absolute_ms": plain(np.abs(signed).mean() * FRAME_MS) if len(signed) else None,
        "mean_signed_frames": plain(signed.mean()) if len(signed) else None,
        "clips_without_face": int((~seen).sum()),
    }
    return ClipValues(curves.clips, found, details)


_DISTANCE = "distance of SyncNet embeddings"
METRICS = (
    over_clips("sync-c", "Sync-C (LSE-C)", "higher", _DISTANCE, (FEATURE,), 0.0, _values(_confidence, 0.0)),
    over_clips("sync-d", "Sync-D (LSE-D)", "lower", _DISTANCE, (FEATURE,), WORST_DISTANCE, _values(_least, 20.0)),
    over_clips("sync-offset", "Offset of sound and lips", "lower", "frames of 40 ms", (FEATURE,), 15.0, _offset),
    over_clips("sync-d0", "Sync-D without shift", "lower", _DISTANCE, (FEATURE,), 20.0, _values(_at_zero, 20.0)),
    over_clips(
        "sync-c-valid", "Sync-C of valid windows", "higher", _DISTANCE, (FEATURE,), 0.0,
        _values(_confidence, 0.0, valid=True),
    ),
    over_clips(
        "sync-d-valid", "Sync-D of valid windows", "lower", _DISTANCE, (FEATURE,), WORST_DISTANCE,
        _values(_least, WORST_DISTANCE, valid=True),
    ),
)  # fmt: skip

"""What metrics are computed from: numbers that extractors found in each clip's two videos, held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from benchmark.errors import BenchmarkError

SIDES = ("real", "generated", "pair")


@dataclass(frozen=True)
class Clip:
    """One test clip: what its ground truth is labelled, and the features of its videos.

    Per-frame features have a row per frame of the protocol. A row in which an extractor saw no face is all NaN, and
    `<side>["face"]` says so; any other number that is not finite is a defect and never gets here.

    id: the clip's name in the test list.
    identity: who is shown: the group of intervals that are drawn over identities.
    emotion, compound, intensity: labels of the ground truth, in the taxonomy of `manifests.emotions`; None without.
    real, generated: feature name -> array, of the ground truth and of the system's video.
    pair: feature name -> array, of both videos held against each other.
    failure: why the system has no valid video for it, one sentence; then `generated` and `pair` are empty, and it
        counts as the worst score (`--allow-failures`).
    """

    id: str
    identity: str
    emotion: str | None = None
    compound: str | None = None
    intensity: int | None = None
    real: Mapping[str, np.ndarray] = field(default_factory=dict)
    generated: Mapping[str, np.ndarray] = field(default_factory=dict)
    pair: Mapping[str, np.ndarray] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True, eq=False)  # equal only to itself: metrics that share work remember it by identity
class Features:
    """All clips of a run, sorted by id.

    made_by: feature name -> the extractor with its version and the hash of its weights, such as
        `dlib-face@55533b28` or `mediapipe-mesh68@64184e22`: it becomes part of every metric's name.
    """

    clips: tuple[Clip, ...]
    made_by: Mapping[str, str] = field(default_factory=dict)

    def having(self, feature: str, side: str) -> tuple[Clip, ...]:
        """The clips whose ground truth has a feature, or whose pair has; failed clips are among them.

        Which clips a metric is about never depends on the system: for `generated` and `pair` the ground truth's
        features decide, so that a submission cannot choose its own clips.
        """
        if side == "pair":
            return tuple(clip for clip in self.clips if feature in clip.pair or clip.failure)
        return tuple(clip for clip in self.clips if feature in clip.real)

    def subset(self, keep: Sequence[str]) -> Features:
        """The clips with these ids, in this object's order."""
        wanted = set(keep)
        return replace(self, clips=tuple(clip for clip in self.clips if clip.id in wanted))

    def stacked(self, feature: str, side: str) -> tuple[np.ndarray, np.ndarray]:
        """All rows of a feature, and for each row the place of its clip in `clips`.

        Returns:
            rows [n, ...] and owners [n] int64; rows of NaN (no face) are left out, failed clips have none.

        Raises:
            BenchmarkError: no clip has the feature.
        """
        rows, owners = [], []
        for place, clip in enumerate(self.clips):
            found = getattr(clip, side).get(feature)
            if found is None:
                continue
            good = found[~np.isnan(found.reshape(len(found), -1)).all(axis=1)]
            rows.append(good)
            owners.append(np.full(len(good), place, np.int64))
        if not rows:
            raise BenchmarkError(f"No clip has the feature {feature}: run the extraction with it.")
        return np.concatenate(rows), np.concatenate(owners)

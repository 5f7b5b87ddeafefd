"""The scale of action units: what ordinary talkers show, and what a track shows at rest.

Both have their anchors in `facs_norms.toml`, made from clips of ordinary talk without a label. 0 is the face at rest, 5
what one frame in a hundred of talk exceeds, on two scales: `prominence` asks how unusual an action is, so that a little
of a rare one counts (the scoring of emotions); `intensity` asks how much of the whole action it is, so that a little of
a rare one stays little (what is stored and shown). Where an action comes and goes in
a track, its own low frames are its rest, as OpenFace takes a low percentile of each action's predictions for a person's
neutral (Baltrusaitis et al. 2015 and 2018); an action that stays the same throughout is measured against the talkers.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from perception.action_units import COUNT, NUMBERS
from perception.facs import present

NORMS: Final = Path(__file__).with_name("facs_norms.toml")
LEAST_FRAMES: Final = 25  # a shorter track has no rest of its own
LOW, HIGH = 5.0, 95.0  # percentiles of a track: its rest, and its height
VARIES = 1.5  # of prominence: an action whose height is less far from its rest is taken to stay the same
LEAST_SWING: Final = {"blendshapes": 0.25, "mesh": 0.005}
"""What intensity 5 is at least: a quarter of ARKit's full action, and half a per cent of the distance of the eyes."""
CALIBRATED: Final = {
    "blendshapes": tuple(NUMBERS),
    "mesh": (1, 2, 4),  # lids blink and lips speak, to both sides of rest: their low frames are not at rest
}
"""Action units that may be measured against a track's own rest."""
_NAMES: Final = (*(f"AU{number}" for number in NUMBERS), "unequal")


@dataclass(frozen=True)
class Scale:
    """Anchors of 22 action units and of how unequal the lip corners are, [23] each.

    calibrated: bool, whether a track's own rest may be taken.
    rest: of a talker between actions.
    swing: raw value above rest that one frame in a hundred of talk exceeds.
    whole: raw value above rest that is intensity 5.
    usual: how often each is present in ordinary talk, 0..1.
    """

    calibrated: np.ndarray
    rest: np.ndarray
    swing: np.ndarray
    whole: np.ndarray
    usual: np.ndarray

    def own_rest(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rest that a track is measured against.

        Args:
            raw: [n, 23] of the track's frames, NaN where nothing is told.

        Returns:
            [23] rest; [23] bool, whether it is the track's own.
        """
        own = np.zeros(COUNT + 1, bool)
        if len(raw) < LEAST_FRAMES:
            return self.rest, own
        low, high = np.percentile(np.where(np.isnan(raw), self.rest, raw), (LOW, HIGH), axis=0)
        own = self.calibrated & ((high - low) * 5.0 / self.swing >= VARIES)
        return np.where(own, low, self.rest), own

    def prominence(self, raw: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Raw values [n, 23] over a rest [23], 0 and up, 5 at `swing`; NaN stays."""
        return np.asarray(np.maximum((raw - rest) * 5.0 / self.swing, 0.0))

    def intensity(self, raw: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Raw values [n, 23] over a rest [23], 0 and up, 5 at `whole`; NaN stays."""
        return np.asarray(np.maximum((raw - rest) * 5.0 / self.whole, 0.0))


@cache
def scale(kind: str) -> Scale:
    """The anchors of `blendshapes` or `mesh`."""
    table = tomllib.loads(NORMS.read_text("utf-8"))[kind]
    rest, swing, usual = (np.array([table[name][key] for name in _NAMES]) for key in ("rest", "swing", "usual"))
    return Scale(_calibrated(kind), rest, swing, np.maximum(swing, LEAST_SWING[kind]), usual)


def anchors(kind: str, tracks: list[np.ndarray]) -> Scale:
    """Anchors from raw values of ordinary talkers; how `facs_norms.toml` is made.

    Args:
        kind: `blendshapes` or `mesh`.
        tracks: [n, 23] each.

    Returns:
        A scale. Rest is the median over tracks of their medians, so that no long one counts for many; swing reaches to
        the 99th percentile of all frames; usual is the mean share over tracks, kept in 0.03..0.9, measured as tracks
        are (with their own rest).
    """
    rest = np.median([np.median(track, axis=0) for track in tracks], axis=0)
    swing = np.maximum(np.percentile(np.concatenate(tracks), 99, axis=0) - rest, 1e-3)
    whole = np.maximum(swing, LEAST_SWING[kind])
    bare = Scale(_calibrated(kind), rest, swing, whole, np.full(COUNT + 1, 0.5))
    shares = [present(bare.prominence(track, bare.own_rest(track)[0])).mean(axis=0) for track in tracks]
    return Scale(bare.calibrated, rest, swing, whole, np.clip(np.mean(shares, axis=0), 0.03, 0.9))


def _calibrated(kind: str) -> np.ndarray:
    """[23] bool; how unequal the lip corners are goes with them where all may be calibrated."""
    chosen = CALIBRATED[kind]
    return np.array([*(number in chosen for number in NUMBERS), len(chosen) == COUNT])

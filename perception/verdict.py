"""What the panel says of a clip: its members pooled over the frames, their mean, the label, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

POOL: Final = 80.0
"""Percentile over frames that stands for a clip: an expression that comes and goes counts, a single frame does not."""
CLASSES: Final = 8
BASIC: Final = 6  # the first six classes may be parts of a compound


@dataclass(frozen=True)
class Rules:
    """From when on a label counts as clear, and two emotions as shown together.

    margin: least distance of the label's probability to the next: what each of the eight has by chance.
    agreement: least share of the members whose first choice is the label or a part of it.
    both: the second emotion of a compound has at least this share of the first one's probability, ...
    alone: ... and at least this multiple of the third one's.
    """

    margin: float = 0.125
    agreement: float = 0.5
    both: float = 0.6
    alone: float = 1.5


@dataclass(frozen=True)
class Verdict:
    """The panel's label of a clip.

    mean: [8] the members' mean probabilities.
    label: class of the greatest; second: class of the other part when two are shown together, else None.
    probability: of the label, or of both parts; margin: to the next class, from the smaller part.
    entropy: of the mean, bit; agreement: share of the members whose first choice is the label or a part.
    reasons: why it is doubtful, empty when it is clear: `members-disagree`, `weak`, `two-emotions`.
    """

    mean: np.ndarray
    label: int
    second: int | None
    probability: float
    margin: float
    entropy: float
    agreement: float
    reasons: tuple[str, ...]


def pooled(frames: np.ndarray) -> np.ndarray:
    """One member's say on a clip.

    Args:
        frames: [n, 8] probabilities, n > 0.

    Returns:
        [8] their 80th percentile over the frames, brought to sum 1.
    """
    high = np.percentile(np.asarray(frames, np.float64), POOL, axis=0)
    total = float(high.sum())
    return np.asarray(high / total) if total > 0 else np.full(frames.shape[1], 1.0 / frames.shape[1])


def verdict(members: Sequence[np.ndarray], rules: Rules) -> Verdict:
    """Join the members' say on a clip.

    Args:
        members: [8] probabilities each, at least one; a class that a member lacks has 0 there.
        rules: from when on the label is clear.
    """
    said = np.stack(members)
    mean = said.mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    first, other, third = (int(place) for place in order[:3])
    near = mean[other] >= rules.both * mean[first] and max(first, other) < BASIC
    second = other if near and mean[other] >= rules.alone * mean[third] else None
    parts = (first,) if second is None else (first, second)
    nxt = third if second is not None else other
    margin = float(mean[parts[-1]] - mean[nxt])
    agreement = float(np.isin(said.argmax(axis=1), parts).mean())
    reasons = []
    if agreement < rules.agreement:
        reasons.append("members-disagree")
    if margin < rules.margin:
        reasons.append("two-emotions" if second is None and near else "weak")
    kept = mean[mean > 0]
    entropy = float(-(kept * np.log2(kept)).sum())
    probability = float(mean[list(parts)].sum())
    return Verdict(mean, first, second, probability, margin, entropy, agreement, tuple(reasons))


def held(frames: np.ndarray, looked: np.ndarray, said: np.ndarray) -> np.ndarray:
    """A member's probabilities on every frame, from those frames that it looked at: straight lines between them.

    Args:
        frames: [n] frame numbers, rising.
        looked: [m] frames that it looked at, rising, m > 0.
        said: [m, classes].

    Returns:
        [n, classes]; before the first and after the last look its values stay.
    """
    return np.stack([np.interp(frames, looked, said[:, place]) for place in range(said.shape[1])], axis=1)


def panel_frames(frames: np.ndarray, members: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The members' mean on every frame.

    Args:
        frames: [n] frame numbers, rising.
        members: name -> (frames that it looked at [m], probabilities [m, 8]), at least one.

    Returns:
        [n, 8].
    """
    return np.mean([held(frames, *seen) for seen in members.values()], axis=0)

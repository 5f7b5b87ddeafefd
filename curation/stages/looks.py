"""What the networks of the panel said of each face track, in our taxonomy and on our scale of action units."""

from functools import cache
from typing import Any

import numpy as np

from curation.stage import SourceWork

UNITS = ("libreface", "opengraphau")  # families of members that tell action units; the first that spoke is taken
NEAR = 50  # frames from a look, beyond which a network's action units no longer stand for a frame: 2 s at 25 fps


class Looks:
    """The rows of `looks`, by track."""

    def __init__(self, work: SourceWork) -> None:
        self.rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
        looks = work.tables["looks"].select(["track", "frame", "member", "probabilities", "action_units"])
        for row in looks.to_pylist():
            self.rows.setdefault(row["track"], {}).setdefault(row["member"], []).append(row)

    def emotions(self, track: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Name -> (frames [m], probabilities [m, 8] in our order) of the members that judge emotion, by name."""
        found = {}
        for member, rows in sorted(self.rows.get(track, {}).items()):
            if rows[0]["probabilities"] is None:
                continue
            said = np.array([row["probabilities"] for row in rows], np.float64) @ ours(member)
            whole = said.sum(axis=1)
            kept = np.isfinite(whole) & (whole > 0)  # a look that says nothing of our emotions
            if kept.any():
                frames = np.array([row["frame"] for row in rows])
                found[member] = frames[kept], said[kept] / whole[kept, None]
        return found

    def units(self, track: str, frames: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, str] | None:
        """Action units by a network that tells them, over those of the landmarks.

        Args:
            track: id.
            frames: [n] rising.
            units: [n, 22] of the landmarks, 0..5: they stay where the network tells nothing.

        Returns:
            [n, 22]; [n] bool, the frames that the network speaks for; its name. None without such a network.
        """
        for family in UNITS:
            for member, rows in sorted(self.rows.get(track, {}).items()):
                if member.split("/")[0] == family and rows[0]["action_units"] is not None:
                    return *network_units(member, rows, frames, units), member
        return None

    def noncommercial(self, track: str) -> bool:
        """Whether a network that spoke forbids commercial use."""
        return any(about(member).noncommercial for member in self.rows.get(track, {}))


@cache
def about(member: str) -> Any:
    """What is known of a member."""
    from perception import members

    return members.about(member)


@cache
def ours(member: str) -> np.ndarray:
    """[its labels, 8]: one over a label's frequency in its training data where the label is our class, else 0."""
    from manifests.emotions import EMOTIONS, label_set

    known = about(member)
    taxonomy = label_set(known.label_set)
    matrix = np.zeros((len(known.labels), len(EMOTIONS)))
    for place, label in enumerate(known.labels):
        name = taxonomy.ours(label)
        if name is not None:
            matrix[place, EMOTIONS.index(name)] = 1.0 / known.frequencies[place] if known.frequencies else 1.0
    return matrix


def network_units(
    member: str, rows: list[dict[str, Any]], frames: np.ndarray, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[n, 22] with the units that the network tells in the frames near its looks; [n] bool, these frames.

    A probability of presence becomes an intensity by two lines that meet at 0.5: as likely there as not is a trace (1),
    certain is 5.
    """
    from perception.action_units import NUMBERS
    from perception.verdict import held

    known = about(member)
    looked = np.array([row["frame"] for row in rows])
    said = np.array([row["action_units"] for row in rows], np.float64)
    if known.scale == "presence":
        said = np.where(said < 0.5, 2.0 * said, 8.0 * said - 3.0)
    said = held(frames, looked, np.clip(said, 0.0, 5.0))
    after = np.searchsorted(looked, frames)
    to_next = np.abs(looked[np.minimum(after, len(looked) - 1)] - frames)
    near = np.minimum(to_next, np.abs(frames - looked[np.maximum(after - 1, 0)])) <= NEAR
    told = units.copy()
    for place, number in enumerate(known.action_units):
        if number in NUMBERS:
            told[near, NUMBERS.index(number)] = said[near, place]
    return told, near

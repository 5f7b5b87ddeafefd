"""Is a span of what was found still what was published: its fingerprints of pictures and sound, laid over each other.

Distance is 1 minus the correlation of the changes over the span (`media.matching`), from 0 (the same) to 2. The bounds
lie between what was measured of copies at lower quality and of other recordings, some of the same person in the same
studio: see docs/rebuild.md and tests/proofs/test_rebuild.py, which measures them again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

    from media.matching import Features

PICTURE_BOUND: Final = 0.35  # copies at 3/4 of the size: up to 0.28; other recordings: from 0.46
SOUND_BOUND: Final = 0.2  # copies: up to 0.06; other recordings: from 0.32
SHIFT_BOUND: Final = 0.1  # s that the found span may lie before or after the place where it should be
WAKES: Final = 4.0  # times the size of "still" above which something happens that did not: coding alone adds less
LEAST: Final = 2.5  # s that are compared: a shorter clip is compared with what surrounds it


@dataclass(frozen=True)
class Prints:
    """What is compared of a source: the changes of its pictures and of its sound."""

    picture: "Features"
    sound: "Features"


@dataclass(frozen=True)
class Compared:
    """How far a span lies from what was published.

    Attributes:
        picture: distance of the pictures, 0..2; None where nothing moves in both, or there is nothing to compare.
        sound: distance of the sound likewise.
        shift: s by which what was found comes later, by the one of both that lies nearer.
        equivalent: everything that can be compared lies within the bounds, and something can.
        note: why it is not equivalent, or None.
    """

    picture: float | None
    sound: float | None
    shift: float | None
    equivalent: bool
    note: str | None = None


def prints_of(row: "pa.Table") -> Prints:
    """What is compared of a stored fingerprint, one row of `fingerprints`."""
    from curation.stages.fingerprints import pictures_of, sound_of
    from media.matching import picture_features, sound_features

    return Prints(picture_features(pictures_of(row, 0)), sound_features(sound_of(row, 0)))


def compare(published: Prints, found: Prints, start: float, end: float, later: float = 0.0) -> Compared:
    """Compare a span of a source with the same span of what was found.

    Args:
        published: of the source as it was.
        found: of the source as it is now, or of a clip's own file.
        start, end: s on the published source's clock.
        later: s by which the found clock is ahead (a clip's file begins at 0: minus its start).
    """
    picture = _distance(published.picture, found.picture, start, end, later)
    sound = _distance(published.sound, found.sound, start, end, later)
    surest = min(
        (one for one in (picture, sound) if one.distance is not None), key=lambda one: one.distance or 0.0, default=None
    )
    shift = None if surest is None else surest.shift
    notes = [note for note in (_said("pictures", picture, PICTURE_BOUND), _said("sound", sound, SOUND_BOUND)) if note]
    if picture.distance is None and sound.distance is None and not notes:
        notes = ["nothing in it moves or sounds, so that it cannot be told from another"]
    if not notes and shift is not None and abs(shift) > SHIFT_BOUND:
        notes = [f"it lies {abs(shift):.2f} s {'later' if shift > 0 else 'earlier'} than it did"]
    return Compared(picture.distance, sound.distance, shift, not notes, "; ".join(notes) or None)


@dataclass(frozen=True)
class _One:
    distance: float | None
    shift: float | None = None
    lost: str | None = None


def _distance(published: "Features", found: "Features", start: float, end: float, later: float) -> _One:
    """How far one kind of fingerprint lies from what was published."""
    from media.matching import STILL, Match, along, lively

    short = max(0.0, LEAST - (end - start)) / 2
    start, end = start - short, end + short
    if not len(published) or not lively(published, start, end):
        loud = len(found) > 0 and _size(found, start + later, end + later) > WAKES * STILL[found.kind]
        return _One(None, lost="not still any more" if loud else None)
    if not len(found):
        return _One(None, lost="gone")
    line = Match(start, end, start + later, end + later, 1.0, False, 1.0, 1.0)
    match = along(published, found, line)
    if match is None:
        return _One(None, lost="not there any more at this time")
    moved = (match.other_start + match.other_end - match.start - match.end) / 2 - later
    return _One(1.0 - match.score, float(moved))


def _size(features: "Features", start: float, end: float) -> float:
    """Mean size of what happens between two moments (s)."""
    from media.fingerprint import STEPS

    inside = (features.steps >= start * STEPS) & (features.steps < end * STEPS)
    return float(features.sizes[inside].mean()) if inside.any() else 0.0


def _said(what: str, one: _One, bound: float) -> str | None:
    if one.lost:
        return f"its {what} {'are' if what.endswith('s') else 'is'} {one.lost}"
    if one.distance is not None and one.distance > bound:
        return f"its {what} lie{'' if what.endswith('s') else 's'} {one.distance:.2f} from what was published"
    return None

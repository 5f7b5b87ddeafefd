"""Which sources show or play the same: pairs over the whole manifest, from fingerprints of pictures and sound."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

    from media.candidates import Pairs
    from media.matching import Features, Match

AGREES = (0.4, 3.0)  # least score and certainty of sound along a common part of pictures, and the other way round
# A common part of pictures whose sound, heard in both, is another one must be this alike: portraits that are rendered
# from one still with one movement of the head and other words reach a score of 0.92 and a certainty of 15.
DUBBED = (0.95, 16.0)
HELD = 512  # sources whose features are held at once


@dataclass(frozen=True)
class Copy:
    """A common part of two sources, by their place in the table of fingerprints.

    Attributes:
        source, other: rows, source < other.
        how: what of them is the same.
        match: where.
        same: the clips in it are duplicates; not where only the sound is the same and the pictures are others.
    """

    source: int
    other: int
    how: Literal["picture", "sound", "both"]
    match: "Match"
    same: bool


class FeatureRows(Sequence["Features"]):
    """Features of the fingerprints of a table, made when they are asked for; the last ones asked for are held.

    Args:
        table: rows of `fingerprints`.
        kind: `picture` or `sound`.
    """

    def __init__(self, table: "pa.Table", kind: Literal["picture", "sound"]) -> None:
        from curation.stages.fingerprints import pictures_of, sound_of
        from media.matching import picture_features, sound_features

        def made(row: int) -> "Features":
            return (
                picture_features(pictures_of(table, row)) if kind == "picture" else sound_features(sound_of(table, row))
            )

        self._rows = table.num_rows
        self._made = lru_cache(HELD)(made)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            raise TypeError("features are asked for one by one")
        if not 0 <= row < self._rows:
            raise IndexError(row)
        return self._made(row)


def copies(fingerprints: "pa.Table") -> Iterator[Copy]:
    """All pairs of sources with a part in common, in order of their rows.

    Args:
        fingerprints: rows of `fingerprints` sorted by id; the result does not depend on anything else.
    """
    from media.candidates import candidates

    pictures, sounds = FeatureRows(fingerprints, "picture"), FeatureRows(fingerprints, "sound")
    seen: Pairs = candidates(pictures)
    heard: Pairs = candidates(sounds)
    for source, other in sorted(seen.keys() | heard.keys()):
        pair = _Pair(pictures[source], pictures[other], sounds[source], sounds[other])
        for how, match, same in pair.parts(seen.get((source, other), []), heard.get((source, other), [])):
            yield Copy(source, other, how, match, same)


def nearest_by_sound(fingerprints: "pa.Table", sides: Sequence[int], most: int = 20) -> "list[tuple[int, int, Match]]":
    """The pairs of sources on different sides whose sound is most alike, the surest first.

    Args:
        fingerprints: rows of `fingerprints` sorted by id.
        sides: of each row, such as the number of its split; negative for a source on no side.
        most: number of pairs.

    Returns:
        (row, other row, best common part); pairs without a window of two seconds that agrees are not listed, and not
        every pair listed is `sure`.
    """
    from media.candidates import candidates
    from media.matching import matches

    sounds = FeatureRows(fingerprints, "sound")
    found = []
    for (source, other), seeds in candidates(sounds, sides).items():
        best = matches(sounds[source], sounds[other], seeds)
        if best:
            found.append((source, other, best[0]))
    return sorted(found, key=lambda pair: (-pair[2].certainty, pair[0], pair[1]))[:most]


Part = tuple[Literal["picture", "sound", "both"], "Match", bool]


@dataclass(frozen=True)
class _Pair:
    pictures: "Features"
    other_pictures: "Features"
    sound: "Features"
    other_sound: "Features"

    def parts(self, seen: list[Any], heard: list[Any]) -> list[Part]:
        """Their common parts."""
        from media.matching import matches

        found = [self._judged(match) for match in matches(self.pictures, self.other_pictures, seen) if match.sure]
        parts = [part for part in found if part is not None]
        for match in matches(self.sound, self.other_sound, heard):
            if match.sure and not any(_same_part(match, part[1]) for part in parts):
                parts.append(self._sounding(match))
        return parts

    def _judged(self, match: "Match") -> Part | None:
        """A common part of the pictures, with what the sound says of it."""
        from media.matching import along

        sound = along(self.sound, self.other_sound, match)
        if sound is not None and sound.score >= AGREES[0] and sound.certainty >= AGREES[1]:
            return "both", match, True
        if sound is not None and self._lively(self.sound, self.other_sound, match):
            dubbed = match.score >= DUBBED[0] and match.certainty >= DUBBED[1]
            return ("picture", match, True) if dubbed else None
        return "picture", match, True

    def _sounding(self, match: "Match") -> Part:
        """A common part of the sound, with what the pictures say of it."""
        from media.matching import along

        shown = [along(self.pictures, self.other_pictures, match, mirrored) for mirrored in (False, True)]
        best = max((one for one in shown if one is not None), key=lambda one: one.score, default=None)
        if best is not None and best.score >= AGREES[0] and best.certainty >= AGREES[1]:
            return "both", best, True
        return "sound", match, not self._lively(self.pictures, self.other_pictures, match)

    @staticmethod
    def _lively(one: "Features", other: "Features", match: "Match") -> bool:
        """Whether enough happens in both to tell that they differ."""
        from media.matching import lively

        return lively(one, match.start, match.end) and lively(other, match.other_start, match.other_end)


def _same_part(one: "Match", other: "Match") -> bool:
    """Whether two common parts of a pair are the same part, found by other means."""
    overlap = min(one.end, other.end) - max(one.start, other.start)
    middle = (max(one.start, other.start) + min(one.end, other.end)) / 2
    return overlap > 0 and abs(mapped(one, middle) - mapped(other, middle)) < 1.0


def mapped(match: "Match", seconds: float) -> float:
    """The other's time (seconds) of a moment of the first source."""
    return match.other_start + (seconds - match.start) * match.speed

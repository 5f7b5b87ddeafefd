"""How the members of the panel agree with it and with what data sets say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.report.tally import Labels, Voice, names, part_of
from curation.report.words import count, share, shown

MEMBERS: Final = 12  # that are listed, and so many have a confusion
_SHADES: Final = 5


@dataclass(frozen=True)
class Member:
    """How often a member agrees; texts are `12 of 16, 75 %`, or a dash where there is nothing to compare."""

    name: str
    clips: int
    agrees: str
    right: str


@dataclass(frozen=True)
class Confusion:
    """Clips by two labels: a row per label that is taken for true, a column per label that was told.

    Args:
        name: who tells.
        clips: how many.
        right: of these, in words.
        columns: labels.
        rows: label, and per column: clips, shade 0 to 5 by their share of the row, whether they are right.
    """

    name: str
    clips: int
    right: str
    columns: list[str]
    rows: list[tuple[str, list[tuple[int, int, bool]]]]


def _part(part: int, whole: int) -> str:
    return f"{count(part)} of {count(whole)}, {share(part, whole)}" if whole else "–"


def _listed(voices: Mapping[str, Voice]) -> list[tuple[str, Voice]]:
    return sorted(voices.items(), key=lambda item: (-item[1].clips, item[0]))[:MEMBERS]


def members(voices: Mapping[str, Voice]) -> list[Member]:
    """Return the members that judged most clips."""
    return [
        Member(
            shown(name, 60),
            voice.clips,
            _part(voice.agrees, voice.clips),
            _part(voice.right, voice.known),
        )
        for name, voice in _listed(voices)
    ]


def confusions(of: Labels, voices: Mapping[str, Voice]) -> list[Confusion]:
    """Return the panel and its members against given labels; the members against the panel where none are given."""
    both = (of.given >= 0) & (of.label >= 0)
    if not both.any():
        made = [_confusion(name, voice.by_panel, agrees=voice.agrees) for name, voice in _listed(voices)]
        return [one for one in made if one is not None]
    square = np.zeros((len(names()), len(names())), np.int64)
    np.add.at(square, (of.given[both], of.label[both]), 1)
    made = [_confusion("the panel", square, exact=True)]
    made += [_confusion(name, voice.by_given) for name, voice in _listed(voices)]
    return [one for one in made if one is not None]


def _confusion(name: str, square: np.ndarray, exact: bool = False, agrees: int | None = None) -> Confusion | None:
    """One matrix without empty rows; columns are the labels that occur at all.

    `agrees` counts also those who say a part of a compound without a name, which no cell tells.
    """
    clips = int(square.sum())
    if not clips:
        return None
    right = np.eye(len(square), dtype=bool) if exact else part_of()
    told = np.flatnonzero((square.sum(axis=0) > 0) | ((square.sum(axis=1) > 0) & right.any(axis=0)))
    told = told if exact else told[(square.sum(axis=0)[told] > 0) | (told < _basic())]
    sums = square.sum(axis=1)
    rows = [
        (
            names()[true],
            [
                (int(square[true, c]), int(np.ceil(_SHADES * square[true, c] / sums[true])), bool(right[true, c]))
                for c in told
            ],
        )
        for true in np.flatnonzero(sums)
    ]
    hits = int(square[right].sum()) if agrees is None else agrees
    return Confusion(shown(name, 60), clips, _part(hits, clips), [names()[c] for c in told], rows)


def _basic() -> int:
    from manifests.emotions import EMOTIONS

    return len(EMOTIONS)

"""How many kept clips each person has of each emotion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.tally import Labels, names
from curation.report.words import duration, several, shown

PERSONS: Final = 20  # with the most kept clips
_SHADES: Final = 5


@dataclass(frozen=True)
class Cell:
    """Clips that the panel labels so, and those that the data set does; `shade` is 0 (none) to 5 (the most)."""

    clips: int
    given: int
    shade: int


@dataclass(frozen=True)
class Row:
    """A person, the other persons together, or nobody told apart; `anchor` is empty for one without a page."""

    name: str
    anchor: str
    cells: list[Cell]
    clips: int
    length: str


@dataclass(frozen=True)
class Balance:
    """Kept clips over persons and labels.

    Args:
        labels: of the columns.
        rows: persons, those with the most kept clips first.
        totals: per label: clips that the panel labels so, that the data set does, and the length of the former.
        clips: kept ones.
        length: of all of them.
        given: whether a data set gives labels to kept clips.
        told: whether persons were told apart by their faces; else they are the data set's.
    """

    labels: list[str]
    rows: list[Row]
    totals: list[tuple[int, int, str]]
    clips: int
    length: str
    given: bool
    told: bool


def balance(clips: pa.Table, of: Labels, anchors: Mapping[str, str]) -> Balance:
    """Return the balance of the kept clips.

    Args:
        clips: the columns `identity` and `given_identity`.
        of: their labels.
        anchors: of the persons that have a page.
    """
    kept = np.flatnonzero(of.kept)
    told = clips.column("identity").null_count < clips.num_rows
    who = clips.column("identity" if told else "given_identity").take(pa.array(kept))
    persons, group = _groups(who)
    width = len(names()) + 1  # the last column is for clips without a label
    label, given, seconds = of.label[kept], of.given[kept], of.seconds[kept]
    shape = (len(persons), width)
    counts = np.bincount(group * width + label % width, minlength=shape[0] * width).reshape(shape)
    theirs = np.bincount(group * width + given % width, minlength=shape[0] * width).reshape(shape)
    lengths = np.bincount(label % width, seconds, width)
    shown_places = _columns(counts, theirs)
    most = int(counts[:PERSONS, shown_places].max(initial=0)) or 1
    own = np.bincount(group, seconds, len(persons))
    rows = [
        Row(
            name,
            anchors.get(name, "") if told else "",
            [_cell(int(counts[place, c]), int(theirs[place, c]) if c < width - 1 else 0, most) for c in shown_places],
            int(counts[place].sum()),
            duration(float(own[place])),
        )
        for place, name in enumerate(persons)
        if counts[place].any()
    ]
    titles = [*names(), "no label"]
    return Balance(
        labels=[titles[place] for place in shown_places],
        rows=rows,
        totals=[
            (int(counts[:, c].sum()), int(theirs[:, c].sum()) if c < width - 1 else 0, duration(float(lengths[c])))
            for c in shown_places
        ],
        clips=len(kept),
        length=duration(float(seconds.sum())),
        given=bool((given >= 0).any()),
        told=told,
    )


def _groups(who: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """Names of the rows and the row of each clip: the largest persons, the others together, nobody told apart."""
    coded = who.combine_chunks() if isinstance(who, pa.ChunkedArray) else who
    coded = coded.dictionary_encode()
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    many = len(coded.dictionary)
    sizes = np.bincount(codes[codes >= 0], minlength=many)
    ids = coded.dictionary.to_pylist()
    largest = np.argsort(-sizes, kind="stable")[: PERSONS * 4].tolist()
    order = sorted(largest, key=lambda place: (-int(sizes[place]), ids[place]))[:PERSONS]
    new = np.full(many + 1, len(order), np.int64)
    new[order] = np.arange(len(order))
    new[many] = len(order) + 1  # -1: without a person
    rows = [*(shown(ids[place], 80) for place in order), several(many - len(order), "other"), "nobody told apart"]
    return rows, new[codes]


def _columns(counts: np.ndarray, theirs: np.ndarray) -> list[int]:
    """The emotions, and of the other columns those with a clip."""
    from manifests.emotions import EMOTIONS

    last = counts.shape[1] - 1
    used = counts.sum(axis=0)
    used[:last] += theirs.sum(axis=0)[:last]
    return [place for place in range(last + 1) if place < len(EMOTIONS) or used[place]]


def _cell(clips: int, given: int, most: int) -> Cell:
    return Cell(clips, given, int(np.ceil(_SHADES * min(clips / most, 1.0))))

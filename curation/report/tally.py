"""Counts of what the faces say, in one pass over the clips: a million of them take seconds and few megabytes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.one_clip import matrix
from curation.report.rows import batches

if TYPE_CHECKING:
    from manifests.manifest import Manifest

OTHER: Final = "other-compound"
_NAMES: Final = 64  # different members, and different doubts, that are counted
_LABEL: Final = ("emotion", "intensity")  # reasons that the label of a clip gives
_LISTS: Final = ("id", "reasons", "ambiguous", "members", "member_emotions", "action_unit_frames")


def names() -> tuple[str, ...]:
    """Every label that a clip can have: emotions, compounds, another compound."""
    from manifests.emotions import NAMES

    return (*NAMES, OTHER)


@dataclass(frozen=True)
class Labels:
    """Labels of all clips, as places in `names()`, -1 for none.

    Args:
        label: [n] the panel's, the compound where there is one.
        first, second: [n] its emotion, and the second one where a compound is set.
        given: [n] the data set's.
        kept: [n] bool.
        seconds: [n] s.
    """

    label: np.ndarray
    first: np.ndarray
    second: np.ndarray
    given: np.ndarray
    kept: np.ndarray
    seconds: np.ndarray


def labels(clips: pa.Table) -> Labels:
    """Return the labels of a table of clips."""
    compound = clips.column("compound")
    second = pc.if_else(compound.is_valid(), clips.column("second_emotion"), pa.scalar(None, pa.string()))
    return Labels(
        label=_codes(pc.coalesce(compound, clips.column("emotion"))),
        first=_codes(clips.column("emotion")),
        second=_codes(second),
        given=_codes(pc.coalesce(clips.column("given_compound"), clips.column("given_emotion"))),
        kept=pc.equal(clips.column("status"), "kept").to_numpy(),
        seconds=clips.column("seconds").to_numpy(),
    )


def _codes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    found = pc.fill_null(pc.index_in(column, value_set=pa.array(names(), pa.string())), -1)
    return found.to_numpy() if isinstance(found, pa.ChunkedArray) else found.to_numpy(zero_copy_only=False)


@dataclass
class Voice:
    """What one member said.

    Args:
        clips: that it judged.
        agrees: its first choice is the panel's label or a part of it.
        known: clips with a given label.
        right: its first choice is the given label or a part of it.
        by_panel: [labels, labels] clips by the panel's label and its first choice.
        by_given: [labels, labels] clips by the given label and its first choice.
    """

    clips: int = 0
    agrees: int = 0
    known: int = 0
    right: int = 0
    by_panel: np.ndarray = field(default_factory=lambda: _square())
    by_given: np.ndarray = field(default_factory=lambda: _square())


def _square() -> np.ndarray:
    return np.zeros((len(names()), len(names())), np.int64)


@dataclass
class Tally:
    """What the lists of the clips add up to.

    Args:
        voices: by member.
        doubts: by code: clips, kept clips.
        units: [labels, 22] sum of the shares of frames that show an action unit, over kept clips.
        unit_clips: [labels] how many clips that are.
        doubtful: the clips with most doubts, then the highest entropy: (usable, doubts, entropy, id). A clip is usable
            when nothing but its label speaks against it; others follow those.
    """

    voices: dict[str, Voice] = field(default_factory=dict)
    doubts: dict[str, tuple[int, int]] = field(default_factory=dict)
    units: np.ndarray = field(default_factory=lambda: np.zeros((len(names()), 22)))
    unit_clips: np.ndarray = field(default_factory=lambda: np.zeros(len(names()), np.int64))
    doubtful: list[tuple[bool, int, float, str]] = field(default_factory=list)


def tally(manifest: "Manifest", clips: pa.Table, of: Labels, most: int) -> Tally:
    """Add up the lists of all clips.

    Args:
        manifest: an opened one.
        clips: its clips with the column `emotion_entropy`, in their order.
        of: their labels.
        most: doubtful clips that are wanted.

    Raises:
        manifests.errors.ManifestError: a damaged table.
    """
    found = Tally()
    entropy = np.nan_to_num(pc.fill_null(clips.column("emotion_entropy"), 0.0).to_numpy().astype(np.float64))
    for here, batch in _placed(manifest):
        _doubts(found, batch, of.kept[here], of.first[here] >= 0, entropy[here], most)
        _units(found, batch, of.label[here], of.kept[here])
        _voices(found, batch, of, here)
    return found


def _placed(manifest: "Manifest") -> Iterator[tuple[slice, pa.Table]]:
    first = 0
    for batch in batches(manifest, _LISTS):
        yield slice(first, first + batch.num_rows), batch
        first += batch.num_rows


def _doubts(
    found: Tally, batch: pa.Table, kept: np.ndarray, judged: np.ndarray, entropy: np.ndarray, most: int
) -> None:
    lists = batch.column("ambiguous").combine_chunks()
    many = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    codes = lists.flatten().dictionary_encode()
    parents = pc.list_parent_indices(lists).to_numpy()
    indices = codes.indices.to_numpy(zero_copy_only=False)
    for place, code in enumerate(codes.dictionary.to_pylist()):
        if code in found.doubts or len(found.doubts) < _NAMES:
            mine = parents[indices == place]
            before = found.doubts.get(code, (0, 0))
            found.doubts[code] = (before[0] + len(mine), before[1] + int(kept[mine].sum()))
    places = np.flatnonzero(judged)
    usable = _usable(batch)
    order = places[np.lexsort((places, -entropy[places], -many[places], ~usable[places]))][:most].tolist()
    ids = batch.column("id")
    rows = [(bool(usable[place]), int(many[place]), float(entropy[place]), ids[place].as_py()) for place in order]
    found.doubtful = sorted(found.doubtful + rows, key=lambda row: (not row[0], -row[1], -row[2], row[3]))[:most]


def _usable(batch: pa.Table) -> np.ndarray:
    """[rows] bool: no reason speaks against the clip but those of its label."""
    lists = batch.column("reasons").combine_chunks()
    others = pc.invert(pc.is_in(lists.flatten(), value_set=pa.array(_LABEL, pa.string())))
    spoilt = pc.list_parent_indices(lists).filter(others).to_numpy()
    found = np.ones(batch.num_rows, bool)
    found[spoilt] = False
    return found


def _units(found: Tally, batch: pa.Table, label: np.ndarray, kept: np.ndarray) -> None:
    shares = matrix(batch.column("action_unit_frames"), found.units.shape[1])
    good = kept & (label >= 0) & np.isfinite(shares).all(axis=1)
    np.add.at(found.units, label[good], shares[good])
    found.unit_clips += np.bincount(label[good], minlength=len(found.unit_clips))


def _voices(found: Tally, batch: pa.Table, of: Labels, here: slice) -> None:
    members, choices = (batch.column(name).combine_chunks() for name in ("members", "member_emotions"))
    lengths = [pc.fill_null(pc.list_value_length(lists), 0) for lists in (members, choices)]
    good = pc.and_(pc.equal(*lengths), pc.greater(lengths[0], 0))
    rows = np.flatnonzero(good.to_numpy(zero_copy_only=False)) + here.start
    members, choices = members.filter(good), choices.filter(good)
    codes = members.flatten().dictionary_encode()
    indices = codes.indices.to_numpy(zero_copy_only=False)
    clip = rows[pc.list_parent_indices(members).to_numpy()]
    choice = _codes(choices.flatten())
    for place, name in enumerate(codes.dictionary.to_pylist()):
        if name in found.voices or len(found.voices) < _NAMES:
            mine = (indices == place) & (choice >= 0)
            _said(found.voices.setdefault(name, Voice()), choice[mine], clip[mine], of)


def _said(voice: Voice, choice: np.ndarray, clip: np.ndarray, of: Labels) -> None:
    voice.clips += len(choice)
    voice.agrees += int(((choice == of.first[clip]) | (choice == of.second[clip])).sum())
    panel, given = of.label[clip], of.given[clip]
    np.add.at(voice.by_panel, (panel[panel >= 0], choice[panel >= 0]), 1)
    known = given >= 0
    np.add.at(voice.by_given, (given[known], choice[known]), 1)
    voice.known += int(known.sum())
    voice.right += int(part_of()[given[known], choice[known]].sum())


def part_of() -> np.ndarray:
    """[labels, labels] bool: whether the second is the first one or a part of it."""
    from manifests.emotions import COMPOUNDS

    found = np.eye(len(names()), dtype=bool)
    for compound, both in COMPOUNDS.items():
        for one in both:
            found[names().index(compound), names().index(one)] = True
    return found

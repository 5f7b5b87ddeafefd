"""Training, validation and test without a person in two of them, stratified, seeded, and stable when clips are added.

A clip belongs to what it shows: its person, or its source where no face was told apart, the person that its data set
names, the person of the clip that it duplicates, and the persons that its track is as near to as to its own. Clips that
have any of these in common go together. What is in a split stays there; a clip that would join two splits is set aside.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.apportion import apportion
from manifests.errors import ManifestError
from manifests.schema import empty, table_from_columns
from manifests.units import FREE, Ties

SPLITS: Final = ("train", "validation", "test")
VALIDATION: Final = 0.1
TEST: Final = 0.1
SEED: Final = 0
STRATA: Final = ("given_emotion", "given_compound", "compound", "emotion")  # what is measured where nothing is given
_COLUMNS: Final = (
    "id",
    "source",
    "track",
    "status",
    "seconds",
    "identity",
    "dataset",
    "given_identity",
    "duplicate_of",
)
_OFF: Final = 0.05  # of all clips: a share that is farther from what was asked for is told

CLASHES: Final = "it joins persons of different splits"
JOINS: Final = "its person is new and joins persons of different splits"
UNKNOWN: Final = "nothing tells its person, and its source shows persons of different splits"
_BITS: Final = 1 << len(SPLITS)
_CLASHES, _JOINS, _UNKNOWN = (place * _BITS for place in range(3))


def _among(bits: int) -> str:
    return " and ".join(name for code, name in enumerate(SPLITS) if bits >> code & 1)


_NOTES: Final = [
    f"{sentence}: {_among(bits)}" if bits else sentence
    for sentence in (CLASHES, JOINS, UNKNOWN)
    for bits in range(_BITS)
]


@dataclass(frozen=True)
class Splits:
    """Which clip is in which split.

    Args:
        clips: `id`, `split` and `split_note`, a row per clip in the order in which they were given.
        units: the table `splits`: every person, source and name that is bound to a split, also those that have no clip
            at the moment: when they come back, it is to the same split.
        notes: sentences on what could not be met.
    """

    clips: pa.Table
    units: pa.Table
    notes: tuple[str, ...]


def columns(strata: Sequence[str] = STRATA) -> list[str]:
    """The columns of `clips` that `split` reads."""
    return [*_COLUMNS, *strata]


def split(
    clips: pa.Table,
    identities: pa.Table | None = None,
    previous: pa.Table | None = None,
    validation: float = VALIDATION,
    test: float = TEST,
    seed: int = SEED,
    strata: Sequence[str] = STRATA,
) -> Splits:
    """Give every kept clip a split.

    Args:
        clips: `columns(strata)` of the table `clips`; only kept ones get a split.
        identities: `id` and `bridges` of the table `identities`, or None.
        previous: the table `splits` that this function made last with the same settings, or None to begin anew.
        validation: share of the clips, 0..1.
        test: likewise; the rest is for training.
        seed: another one gives another split.
        strata: columns whose values shall be as frequent in each split; the first that is not null counts.

    Raises:
        ManifestError: shares that leave nothing, or are no shares.
    """
    shares = check_shares(validation, test)
    before = empty("splits") if previous is None else previous
    kept = np.flatnonzero(pc.equal(clips.column("status"), "kept").to_numpy())
    ties = Ties(clips, kept, identities, before, pa.array(SPLITS))
    found, why = _bound(ties)
    stratum = _stratum(clips.take(pa.array(kept)), strata)
    free = np.flatnonzero((found == FREE) & (why == 0) & ~ties.late)
    units, names = ties.units(free)
    placed = found != FREE
    hashes = [_hash(seed, name) for name in names]
    found[free] = apportion(units, hashes, stratum[free], stratum[placed], found[placed], shares)[units]
    _follow(ties, found, why)
    codes, told = np.full(clips.num_rows, FREE, np.int64), np.zeros(clips.num_rows, np.int64)
    codes[kept], told[kept] = found, why
    made = pa.table(
        {
            "id": clips.column("id"),
            "split": pa.array(SPLITS).take(pa.array(codes, mask=codes == FREE)),
            "split_note": pa.array(_NOTES).take(pa.array(told, mask=told == 0)),
        }
    )
    return Splits(made, _table(ties, found, before), tuple(missed(found, shares)))


def check_shares(validation: float, test: float) -> tuple[float, float, float]:
    """The shares of training, validation and test.

    Raises:
        ManifestError: one is below 0, or they leave nothing for training.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ManifestError("The shares of validation and test must be 0 or more and leave something for training.")
    return 1 - validation - test, validation, test


def _bound(ties: Ties) -> tuple[np.ndarray, np.ndarray]:
    """Per clip the split that its nodes are bound to or FREE, and why it is set aside: a place in _NOTES, 0 if not."""
    there = ~ties.late
    touches = ties.touched(there, ties.pins)
    apart = _several(touches)
    reached = ties.reached(there & ~apart, touches)
    joins = _several(reached) & ~apart
    found = np.where(reached == 0, FREE, np.log2(np.maximum(reached, 1)).astype(np.int64))
    found[apart | joins] = FREE
    why = np.where(apart, np.where(ties.told, _CLASHES, _UNKNOWN) + touches, np.where(joins, _JOINS + reached, 0))
    return found, why


def _follow(ties: Ties, found: np.ndarray, why: np.ndarray) -> None:
    """Put faces without identity where the known persons of their source are, if those are in one split; in place."""
    among = np.zeros(int(ties.source.max(initial=-1)) + 1, np.int64)
    known = ties.told & (found != FREE)
    np.bitwise_or.at(among, ties.source[known], 1 << found[known])
    splits = among[ties.source[ties.late]]
    sure = (splits != 0) & ~_several(splits)
    found[ties.late] = np.where(sure, np.log2(np.maximum(splits, 1)).astype(np.int64), FREE)
    apart = (why != 0) & ((why < _JOINS) | (why >= _UNKNOWN))
    why |= ties.touched(apart, ties.bound(found))  # persons of theirs that found a split only now are named too
    why[ties.late] = np.where(sure, 0, _UNKNOWN + splits)


def _several(bits: np.ndarray) -> np.ndarray:
    return (bits & (bits - 1)) != 0


def _table(ties: Ties, found: np.ndarray, previous: pa.Table) -> pa.Table:
    """The table `splits`: every node that is bound, and what was bound before."""
    pins = ties.bound(found)
    use = np.flatnonzero(pins != FREE)
    clips, seconds = ties.counts(found)
    made = {
        "id": ties.names.take(pa.array(use)),
        "split": pa.array(SPLITS).take(pa.array(pins[use])),
        "clips": clips[use],
        "seconds": seconds[use],
    }
    rest = previous.filter(pc.invert(pc.is_in(previous.column("id"), value_set=made["id"])))
    gone = {"clips": np.zeros(rest.num_rows, np.int64), "seconds": np.zeros(rest.num_rows)}
    gone |= {name: rest.column(name) for name in ("id", "split")}
    tables = [table_from_columns("splits", rows) for rows in (made, gone)]
    return pa.concat_tables(tables).sort_by("id").combine_chunks()


def _stratum(clips: pa.Table, strata: Sequence[str]) -> np.ndarray:
    """[clips] int, the place of each clip's stratum among the sorted ones; clips without one are one stratum."""
    if not strata or not clips.num_rows:
        return np.zeros(clips.num_rows, np.int64)
    value = pc.fill_null(pc.coalesce(*(clips.column(name) for name in strata)), "")
    known = pc.unique(value)
    return pc.index_in(value, value_set=known.take(pc.array_sort_indices(known))).to_numpy().astype(np.int64)


def _hash(seed: int, unit: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{unit}".encode()).digest()[:8], "big")


def missed(found: np.ndarray, shares: Sequence[float]) -> list[str]:
    """What could not be met: splits without clips, and shares that are off.

    Args:
        found: [clips] place of each clip's split in `SPLITS`, `FREE` for none.
        shares: asked for, in the order of `SPLITS`.
    """
    placed = np.bincount(found[found != FREE], minlength=len(SPLITS))
    notes, total = [], int(placed.sum())
    wanted = [code for code, share in enumerate(shares) if share > 0]
    if total and any(placed[code] == 0 for code in wanted):
        missing = [SPLITS[code] for code in wanted if placed[code] == 0]
        hold = "hold" if len(missing) > 1 else "holds"
        notes.append(f"{' and '.join(missing)} {hold} no clip: there are too few persons for {len(wanted)} splits")
    for code in wanted:
        share = placed[code] / total if total else shares[code]
        if placed[code] and abs(share - shares[code]) > _OFF:
            notes.append(
                f"{SPLITS[code]} holds {share:.0%} of the clips instead of {shares[code]:.0%}: persons are not divided"
            )
    return notes

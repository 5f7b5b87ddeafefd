"""Every person of a manifest in numbers, summed in Arrow: a million tracks take a second or two."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.histograms import values_of


@dataclass(frozen=True)
class Ledger:
    """One entry per person, in the order of their ids.

    Args:
        ids: of the persons.
        tracks: face tracks of each.
        names: different names that datasets give to their tracks.
        bridging: tracks that are as near to another person.
        farthest: largest distance of a track to the mean of the others; NaN where there is none.
        margin: smallest margin of a track: how much farther the next person is than its own; NaN where there is none.
        sources: different inputs of their tracks and clips.
        kept: kept clips.
        others: clips that are not kept.
        seconds: length of the kept clips, s.
        splits: different splits of their clips.
    """

    ids: pa.Array
    tracks: np.ndarray
    names: np.ndarray
    bridging: np.ndarray
    farthest: np.ndarray
    margin: np.ndarray
    sources: np.ndarray
    kept: np.ndarray
    others: np.ndarray
    seconds: np.ndarray
    splits: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def by_length(self) -> np.ndarray:
        """Places of the persons, those with the most kept video first."""
        return np.lexsort((np.arange(len(self)), -self.kept - self.others, -self.kept, -self.seconds))

    @cached_property
    def by_doubt(self) -> np.ndarray:
        """Places of persons that may be several, the most doubtful first: names, bridges, margin, then distance.

        Somebody of a single name, without a bridge and with one track only is no case.
        """
        far = np.nan_to_num(self.farthest, nan=-1.0)
        near = np.nan_to_num(self.margin, nan=np.inf)
        cases = np.flatnonzero((self.names > 1) | (self.bridging > 0) | (far > 0) | np.isfinite(near))
        names = np.maximum(self.names, 1)
        return cases[np.lexsort((cases, -far[cases], near[cases], -self.bridging[cases], -names[cases]))]


def ledger(identities: pa.Table, clips: pa.Table) -> Ledger:
    """Return the ledger of all persons.

    Args:
        identities: the columns `source`, `identity`, `distance`, `margin`, `given` and `bridges`.
        clips: the columns `identity`, `source`, `status`, `seconds` and `split`.
    """
    mine = clips.filter(clips.column("identity").is_valid())
    ids = pc.unique(_joined(identities, mine, "identity"))
    ids = ids.take(pc.sort_indices(ids))

    def spread(of: pa.Array, values: pa.ChunkedArray) -> np.ndarray:
        found = np.zeros(len(ids), np.float64)
        found[pc.index_in(of, value_set=ids).to_numpy(zero_copy_only=False)] = values_of(values)
        return found

    tracks, sums = _of_tracks(identities), _of_clips(mine)
    places = pa.table({name: _joined(identities, mine, name) for name in ("identity", "source")})
    sources = places.group_by("identity").aggregate([("source", "count_distinct")])
    named, shown = tracks.column("identity"), sums.column("identity")
    held = spread(shown, sums.column("kept_sum")).astype(int)
    return Ledger(
        ids=ids,
        tracks=spread(named, tracks.column("count_all")).astype(int),
        names=spread(named, tracks.column("given_count_distinct")).astype(int),
        bridging=spread(named, tracks.column("bridging_sum")).astype(int),
        farthest=_with_nan(spread(named, tracks.column("distance_max")), tracks, ids),
        margin=_with_nan(spread(named, tracks.column("margin_min")), tracks, ids),
        sources=spread(sources.column("identity"), sources.column("source_count_distinct")).astype(int),
        kept=held,
        others=spread(shown, sums.column("count_all")).astype(int) - held,
        seconds=spread(shown, sums.column("seconds_sum")),
        splits=spread(shown, sums.column("split_count_distinct")).astype(int),
    )


def _of_tracks(identities: pa.Table) -> pa.Table:
    bridging = pc.cast(pc.greater(pc.list_value_length(identities.column("bridges")), 0), pa.int64())
    sums = [([], "count_all"), ("bridging", "sum"), ("distance", "max"), ("margin", "min"), ("given", "count_distinct")]
    return identities.append_column("bridging", bridging).group_by("identity").aggregate(sums)


def _of_clips(mine: pa.Table) -> pa.Table:
    kept = pc.equal(mine.column("status"), "kept")
    counted = pa.table(
        {
            "identity": mine.column("identity"),
            "kept": pc.cast(kept, pa.int64()),
            "seconds": pc.if_else(kept, mine.column("seconds"), 0.0),
            "split": mine.column("split"),
        }
    )
    sums = [([], "count_all"), ("kept", "sum"), ("seconds", "sum"), ("split", "count_distinct")]
    return counted.group_by("identity").aggregate(sums)


def _joined(one: pa.Table, other: pa.Table, name: str) -> pa.ChunkedArray:
    return pa.chunked_array([*one.column(name).chunks, *other.column(name).chunks], pa.string())


def _with_nan(values: np.ndarray, tracks: pa.Table, ids: pa.Array) -> np.ndarray:
    """NaN also for persons that only clips name."""
    known = pc.is_in(ids, value_set=tracks.column("identity").combine_chunks()).to_numpy(zero_copy_only=False)
    return np.where(known, values, np.nan)

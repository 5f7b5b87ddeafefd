"""Do persons, duplicates and splits hold: one person in one split, one of a group kept, clips as their tables say?"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.certificate import stored
from manifests.checks.context import Context, Problem, flagged, nulls, position, true
from manifests.manifest import Manifest

SPLITS = ("train", "validation", "test")


def check_whole(context: Context) -> Iterator[Problem]:
    """No person is in two splits, only kept clips are in one, and of each group of duplicates one clip stays."""
    if lacking := context.lacks("clips", "identities"):
        yield Problem("whole", "clips", f"could not be checked, because these cannot be read: {', '.join(lacking)}")
        return
    clips = context.tables["clips"]
    yield from _splits(clips)
    yield from _identities(clips, context.tables["identities"])
    yield from _duplicates(clips)
    if true(clips.column("split").is_valid()).any() and stored(Manifest(context.root, context.content)) is None:
        sentence = "it is missing, damaged or of another split: run the same moee curate command again"
        yield Problem("whole", "certificate.json", sentence)


def _splits(clips: pa.Table) -> Iterator[Problem]:
    ids, split = clips.column("id"), clips.column("split")
    there = true(split.is_valid())
    odd = there & ~true(pc.is_in(split, value_set=pa.array(SPLITS)))
    yield from flagged("whole", "clips", ids, odd, "its split is not train, validation or test")
    kept = true(pc.equal(clips.column("status"), "kept"))
    yield from flagged("whole", "clips", ids, there & ~kept, "it is not kept, yet in a split")
    both = there & true(clips.column("split_note").is_valid())
    yield from flagged("whole", "clips", ids, both, "it is in a split, yet a note says why not")
    names = pc.binary_join_element_wise(clips.column("dataset"), clips.column("given_identity"), "\x1f")
    for who, column in (("person", clips.column("identity")), ("person that its dataset names", names)):
        rows = pa.table({"who": column, "split": split}).filter(pa.array(there & true(column.is_valid())))
        counted = rows.group_by("who").aggregate([("split", "count_distinct")])
        several = counted.filter(pc.greater(counted.column("split_count_distinct"), 1)).column("who")
        shared = there & true(pc.is_in(column, value_set=several.combine_chunks()))
        yield from flagged("whole", "clips", ids, shared, f"the {who} is in two splits")


def _identities(clips: pa.Table, identities: pa.Table) -> Iterator[Problem]:
    where = position(clips.column("track"), identities.column("id"))
    said = identities.column("identity").take(pa.array(np.maximum(where, 0), mask=where < 0))
    own = clips.column("identity")
    same = true(pc.equal(own, said)) | (nulls(clips, "identity") & true(said.is_null()))
    yield from flagged("whole", "clips", clips.column("id"), ~same, "its identity is not that of its track")


def _duplicates(clips: pa.Table) -> Iterator[Problem]:
    ids, other = clips.column("id"), clips.column("duplicate_of")
    there = true(other.is_valid())
    where = position(other, ids)
    target = clips.select(["status", "duplicate_group"]).take(pa.array(np.maximum(where, 0), mask=where < 0))
    gone = there & (where >= 0) & ~true(pc.equal(target.column("status"), "kept"))
    gone &= true(pc.equal(clips.column("status"), "dropped"))
    failed = true(pc.equal(target.column("status"), "failed"))
    yield from flagged("whole", "clips", ids, gone & ~failed, "the clip that stays in its place is not kept")
    apart = there & (where >= 0) & ~true(pc.equal(target.column("duplicate_group"), clips.column("duplicate_group")))
    yield from flagged("whole", "clips", ids, apart, "the clip that stays in its place is of another group")

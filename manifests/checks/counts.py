"""Does nothing vanish: what enters a stage leaves it kept, dropped or failed, and rows agree with outcomes?"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.context import Context, Problem, flagged, position, true
from manifests.schema import STATUSES


def check_counts(context: Context) -> Iterator[Problem]:
    """Check in = kept + dropped + failed at each stage, the chain between stages, and the status of each clip."""
    if lacking := context.lacks("sources", "clips", "outcomes"):
        needs = ", ".join(lacking)
        yield Problem("counts", "outcomes", f"could not be checked, because these tables cannot be read: {needs}")
        return
    for table in ("clips", "outcomes"):
        yield from _statuses(table, context.tables[table])
    outcomes = context.tables["outcomes"]
    yield from _once(outcomes)
    yield from _source_chain(context, outcomes)
    clips = context.tables["clips"]
    of_clips = outcomes.select(["kind", "item", "stage", "status", "reasons"]).filter(
        pc.equal(outcomes.column("kind"), "clip")
    )
    yield from _clip_chain(context, of_clips)
    yield from _agreement(clips, of_clips)


def _statuses(table: str, data: pa.Table) -> Iterator[Problem]:
    status = data.column("status")
    names = data.column("item" if table == "outcomes" else "id")
    odd = ~true(pc.is_in(status, value_set=pa.array(STATUSES)))
    yield from flagged("counts", table, names, odd, "its status is not kept, dropped or failed")
    reasons = pc.list_value_length(data.column("reasons")).to_numpy()
    dropped = true(pc.equal(status, "dropped"))
    yield from flagged("counts", table, names, dropped & (reasons == 0), "it is dropped without a reason")
    kept = true(pc.equal(status, "kept"))
    yield from flagged("counts", table, names, kept & (reasons > 0), "it is kept, yet has a reason against it")
    if table == "outcomes":
        silent = true(pc.equal(status, "failed")) & true(data.column("error").is_null())
        yield from flagged("counts", table, names, silent, "it failed without a sentence")


def _once(outcomes: pa.Table) -> Iterator[Problem]:
    grouped = outcomes.group_by(["item", "stage"]).aggregate([([], "count_all")])
    twice = true(pc.greater(grouped.column("count_all"), 1))
    yield from flagged("counts", "outcomes", grouped.column("item"), twice, "it has two outcomes at one stage")


def _source_chain(context: Context, outcomes: pa.Table) -> Iterator[Problem]:
    """What leaves a stage enters the next. A stage that judges clips lets a source on that keeps one of them."""
    sources = context.tables["sources"].column("id")
    outcomes = outcomes.select(["kind", "source", "stage", "status"])
    expected = np.ones(len(sources), dtype=bool)
    before = "sources"
    for stage in context.content["stages"]:
        rows = outcomes.filter(pc.equal(outcomes.column("stage"), stage))
        where = position(rows.column("source"), sources)
        rows, where = rows.filter(pa.array(where >= 0)), where[where >= 0]
        entered, on, ended = (np.zeros(len(sources), dtype=bool) for _ in range(3))
        entered[where] = True
        kept = true(pc.equal(rows.column("status"), "kept"))
        on[where[kept]] = True
        ended[where[~kept & true(pc.equal(rows.column("kind"), "source"))]] = True
        sentence = f"it left {before} but has no outcome at {stage}: run the same moee curate command again"
        yield from flagged("counts", "sources", sources, expected & ~entered, sentence)
        sentence = f"it has an outcome at {stage} but did not leave {before}"
        yield from flagged("counts", "sources", sources, entered & ~expected, sentence)
        expected, before = on & ~ended, stage


def _clip_chain(context: Context, outcomes: pa.Table) -> Iterator[Problem]:
    clips = context.tables["clips"].column("id")
    expected, before = np.ones(len(clips), dtype=bool), "clips"
    judging = set(pc.unique(outcomes.column("stage")).to_pylist())
    if not judging:
        yield from flagged("counts", "clips", clips, expected, "it has no outcome")
    for stage in (stage for stage in context.content["stages"] if stage in judging):
        rows = outcomes.filter(pc.equal(outcomes.column("stage"), stage))
        where = position(rows.column("item"), clips)
        entered, on = np.zeros(len(clips), dtype=bool), np.zeros(len(clips), dtype=bool)
        entered[where[where >= 0]] = True
        on[where[(where >= 0) & true(pc.equal(rows.column("status"), "kept"))]] = True
        sentence = f"it left {before} but has no outcome at {stage}"
        yield from flagged("counts", "clips", clips, expected & ~entered, sentence)
        sentence = f"it has an outcome at {stage} but did not leave {before}"
        yield from flagged("counts", "clips", clips, entered & ~expected, sentence)
        expected, before = on, stage


def _agreement(clips: pa.Table, outcomes: pa.Table) -> Iterator[Problem]:
    """A clip's status is its first outcome that did not keep it, else kept; a dropped one has the same reasons."""
    ends = outcomes.filter(pc.not_equal(outcomes.column("status"), "kept")).select(["item", "status", "reasons"])
    where = position(ends.column("item"), clips.column("id"))
    ends, where = ends.filter(pa.array(where >= 0)), where[where >= 0]
    final = np.full(clips.num_rows, -1, dtype=np.int64)
    final[where[::-1]] = np.arange(len(where))[::-1]  # the first one is assigned last and stays
    there = final >= 0
    row = ends.take(pa.array(final, mask=~there))
    status = pc.fill_null(row.column("status"), "kept")
    wrong = true(pc.not_equal(status, clips.column("status").combine_chunks()))
    yield from flagged("counts", "clips", clips.column("id"), wrong, "its status is not that of its last outcome")
    mine, theirs = _joined(clips.column("reasons")), _joined(row.column("reasons"))
    dropped = true(pc.equal(status, "dropped"))
    other = true(pc.not_equal(mine, theirs))
    yield from flagged("counts", "clips", clips.column("id"), dropped & other, "its reasons are not its outcome's")


def _joined(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join(lists.combine_chunks().cast(pa.list_(pa.string())), "\x1f")

"""Is what the faces say whole: rows of `expressions` for frames that are there, labels that the taxonomy knows?"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.action_units import COUNT
from manifests.checks.context import Context, Problem, flagged, nulls, true
from manifests.checks.media import known_files, rows_of, strays, where_of
from manifests.emotions import BASIC, COMPOUNDS, EMOTIONS, OTHER_COMPOUND
from manifests.errors import ManifestError
from manifests.parquet import read_table

_PLACE: Final = ("track", "frame", "pts")
_HIGHEST: Final = {  # of the numbers in a list
    "emotions": 1.0,
    "member_probabilities": 1.0,
    "action_units": 5.0,
    "action_unit_frames": 1.0,
}
_CLOSE: Final = 1e-4  # float32 sums


def check_expressions(context: Context) -> Iterator[Problem]:
    """Each expressions file is the one in manifest.json, its rows are of frames, and clips have labels that exist."""
    if context.lacks("sources"):
        yield Problem("expressions", "expressions", "could not be checked, because sources cannot be read")
        return
    for source in (yield from known_files(context, "expressions")):
        if source not in context.sound.files["expressions"]:
            yield from _file(context, source)
    yield from strays(context, "expressions")
    if "clips" in context.tables:
        yield from _without_rows(context, context.tables["clips"])
        yield from _labels(context.tables["clips"])
        yield from _lists(context.tables["clips"])
        yield from _captions(context.tables["clips"])


def _file(context: Context, source: str) -> Iterator[Problem]:
    where = where_of("expressions", source)
    rows = yield from rows_of(context, "expressions", source, ("source", *_PLACE, "action_units", "emotions"))
    if rows is None:
        return
    for column, count in (("action_units", COUNT), ("emotions", len(EMOTIONS))):
        wrong = _not_of_length(rows.column(column), np.full(rows.num_rows, count))
        yield from flagged("expressions", where, rows.column("frame"), wrong, f"its {column} are not {count} numbers")
    places = rows.select(_PLACE)
    pairs = places.group_by(["track", "frame"], use_threads=False).aggregate([([], "count_all")])
    twice = true(pc.greater(pairs.column("count_all"), 1))
    yield from flagged("expressions", where, pairs.column("frame"), twice, "the frame stands more than once")
    if source not in context.content["frames"]:
        yield Problem("expressions", where, "its source has no frames")
        return
    try:
        frames = read_table("frames", context.root / "frames" / f"{source}.parquet", columns=_PLACE)
    except (ManifestError, OSError):
        return  # the check of frames says so
    lost = places.join(frames, list(_PLACE), join_type="left anti", use_threads=False)
    lost = lost.sort_by([("track", "ascending"), ("frame", "ascending")])
    all_lost = np.ones(lost.num_rows, dtype=bool)
    yield from flagged(
        "expressions", where, lost.column("frame"), all_lost, "the frame is not one of its track in frames"
    )


def _without_rows(context: Context, clips: pa.Table) -> Iterator[Problem]:
    """Clips whose faces were read, of sources that have no file of expressions."""
    there = pa.array(sorted(context.content["expressions"]), pa.string())
    lost = pc.and_(clips.column("emotion").is_valid(), pc.invert(pc.is_in(clips.column("source"), value_set=there)))
    words = "its emotion is told, but its source has no file in expressions/"
    yield from flagged("expressions", "clips", clips.column("id"), true(lost), words)


def _not_of_length(column: pa.ChunkedArray, wanted: np.ndarray) -> np.ndarray:
    """[rows] bool, True where a list that is there has another length, or an item is missing."""
    lists = column.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), -1).to_numpy()
    wrong = (lengths != wanted) & (lengths >= 0)
    missing = true(pc.list_flatten(lists).is_null())
    wrong[pc.list_parent_indices(lists).to_numpy()[missing]] = True
    return wrong


def _labels(clips: pa.Table) -> Iterator[Problem]:
    ids = clips.column("id")
    emotion, second, compound = (clips.column(name) for name in ("emotion", "second_emotion", "compound"))
    odd = true(emotion.is_valid()) & ~_among(emotion, EMOTIONS)
    yield from flagged("expressions", "clips", ids, odd, "its emotion is none of the taxonomy")
    odd = true(second.is_valid()) & ~(_among(second, BASIC) & _among(emotion, BASIC))
    yield from flagged("expressions", "clips", ids, odd, "its two emotions are not both basic ones")
    odd = true(compound.is_valid()) & ~_among(compound, (*COMPOUNDS, OTHER_COMPOUND))
    yield from flagged("expressions", "clips", ids, odd, f"its compound is none of the four and not {OTHER_COMPOUND}")
    alone = true(second.is_valid()) & (nulls(clips, "emotion") | true(pc.equal(second, emotion)))
    yield from flagged("expressions", "clips", ids, alone, "its second emotion stands without another first one")
    one = nulls(clips, "second_emotion") != nulls(clips, "compound")
    yield from flagged("expressions", "clips", ids, one, "of second_emotion and compound it has one alone")
    wrong = np.zeros(len(ids), dtype=bool)
    for name, both in COMPOUNDS.items():
        pair = _among(emotion, both) & _among(second, both) & true(pc.not_equal(emotion, second))
        wrong |= pair != true(pc.equal(compound, name))
    yield from flagged("expressions", "clips", ids, wrong & ~one & ~odd, "its compound is not that of its two emotions")
    bare = true(emotion.is_valid()) & (nulls(clips, "emotions") | nulls(clips, "members"))
    yield from flagged("expressions", "clips", ids, bare, "it has an emotion, but no probabilities or no members")


def _among(column: pa.ChunkedArray, names: tuple[str, ...]) -> np.ndarray:
    return true(pc.is_in(column, value_set=pa.array(names)))


def _lists(clips: pa.Table) -> Iterator[Problem]:
    ids, count = clips.column("id"), clips.num_rows
    members = pc.fill_null(pc.list_value_length(clips.column("members")), 0).to_numpy()
    wanted = {
        "emotions": np.full(count, len(EMOTIONS)),
        "member_emotions": members,
        "member_probabilities": members * len(EMOTIONS),
        "action_units": np.full(count, COUNT),
        "action_unit_frames": np.full(count, COUNT),
    }
    for name, lengths in wanted.items():
        wrong = _not_of_length(clips.column(name), lengths)
        yield from flagged("expressions", "clips", ids, wrong, f"its {name} have not the right number of values")
    for name, highest in _HIGHEST.items():
        lists = clips.column(name).combine_chunks()
        values = pc.list_flatten(lists)
        inside = true(pc.and_(pc.greater_equal(values, -_CLOSE), pc.less_equal(values, highest + _CLOSE)))
        wrong = np.zeros(count, dtype=bool)
        wrong[pc.list_parent_indices(lists).to_numpy()[~inside]] = True
        yield from flagged("expressions", "clips", ids, wrong, f"a value of its {name} is not within 0..{highest:g}")
    lists = clips.column("member_emotions").combine_chunks()
    wrong = np.zeros(count, dtype=bool)
    odd = ~_among(pa.chunked_array([pc.list_flatten(lists)]), EMOTIONS)
    wrong[pc.list_parent_indices(lists).to_numpy()[odd]] = True
    yield from flagged("expressions", "clips", ids, wrong, "a member's emotion is none of the taxonomy")


def _captions(clips: pa.Table) -> Iterator[Problem]:
    ids, caption = clips.column("id"), clips.column("caption")
    empty = true(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(caption)), 0))
    yield from flagged("expressions", "clips", ids, empty, "its caption is empty")
    one = nulls(clips, "caption") != nulls(clips, "caption_model")
    yield from flagged("expressions", "clips", ids, one, "of caption and caption_model it has one alone")

"""Are the tables the ones that were written, their ids sound, their references met and their spans inside?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.checks.context import Context, Problem, flagged, nulls, numbers, position, true
from manifests.errors import ManifestError
from manifests.files import file_hash
from manifests.measures import MEASURES
from manifests.parquet import read_table
from manifests.schema import ID_KINDS, PREFIXES, SCHEMA_VERSION, SNAPSHOT_TABLES, schema

_REFERENCES: Final = (
    ("labels", "source", "sources"),
    ("shots", "source", "sources"),
    ("tracks", "source", "sources"),
    ("tracks", "shot", "shots"),
    ("speech", "source", "sources"),
    ("embeddings", "id", "tracks"),
    ("speaking", "id", "tracks"),
    ("fingerprints", "id", "sources"),
    ("identities", "id", "embeddings"),
    ("duplicates", "source", "fingerprints"),
    ("duplicates", "other", "fingerprints"),
    ("clips", "source", "sources"),
    ("clips", "shot", "shots"),
    ("clips", "track", "tracks"),
    ("clips", "duplicate_of", "clips"),
    ("clips", "duplicate_group", "clips"),
    ("outcomes", "source", "sources"),
)

_ASIDE: Final = {  # columns that are read, but that no check looks at
    "fingerprints": ("pts", "picture", "sound_start", "sound"),
    "embeddings": ("frames", "vector"),
    "outcomes": ("version", "config", "models", "key", "attempts", "seconds", "frames_decoded"),
    "clips": tuple(field.name for field in MEASURES),
}


def check_tables(context: Context) -> Iterator[Problem]:
    """Read every table; each must have the size, hash, schema, version and rows that manifest.json says."""
    for table in SNAPSHOT_TABLES:
        path, entry = context.root / f"{table}.parquet", context.content["tables"].get(table)
        if entry is None:
            yield Problem("tables", path.name, "manifest.json does not name it")
            continue
        try:
            if path.stat().st_size != entry["bytes"]:
                yield Problem("tables", path.name, "its size is not the one in manifest.json")
            elif not context.quick and file_hash(path).sha256 != entry["sha256"]:
                yield Problem("tables", path.name, "its hash is not the one in manifest.json")
            data = read_table(table, path, columns=_looked_at(table))
            aside = _nulls_aside(table, path)
        except FileNotFoundError:
            yield Problem("tables", path.name, "it is missing")
            continue
        except (ManifestError, OSError) as error:
            yield Problem("tables", path.name, f"it cannot be read: {error}")
            continue
        context.tables[table] = data
        if data.num_rows != entry["rows"]:
            yield Problem("tables", path.name, f"it has {data.num_rows} rows, manifest.json says {entry['rows']}")
        names = data.column("item" if table == "outcomes" else "id")
        wrong = true(pc.not_equal(data.column("schema_version"), SCHEMA_VERSION))
        yield from flagged("tables", table, names, wrong, f"its schema_version is not {SCHEMA_VERSION}")
        yield from _nulls(table, data, names, aside)


def _looked_at(table: str) -> list[str]:
    """The columns that checks look at; the others are read one at a time, so that a large table fits."""
    return [name for name in schema(table).names if name not in _ASIDE.get(table, ())]


def _nulls_aside(table: str, path: Path) -> dict[str, np.ndarray]:
    """Column that no check looks at and that must not be null, but is somewhere -> [rows] bool, True where it is."""
    found = {}
    for name in _ASIDE.get(table, ()):
        rows = read_table(table, path, columns=[name])
        if not schema(table).field(name).nullable and rows.column(name).null_count:
            found[name] = nulls(rows, name)
    return found


def _nulls(table: str, data: pa.Table, names: pa.ChunkedArray, aside: dict[str, np.ndarray]) -> Iterator[Problem]:
    for column in schema(table):
        name = column.name
        if not column.nullable and name in data.column_names and data.column(name).null_count:
            aside[name] = nulls(data, name)
        if name in aside:
            yield from flagged("tables", table, names, aside[name], f"{name} must not be null")


def check_ids(context: Context) -> Iterator[Problem]:
    """Ids have their kind's form, stand once, and are sorted; `outcomes` are sorted by source."""
    for table, kind in ID_KINDS.items():
        if table not in context.tables:
            continue
        ids = context.tables[table].column("id")
        form = true(pc.match_substring_regex(ids, f"^{PREFIXES[kind]}_[0-9a-f]{{16}}$"))
        yield from flagged("ids", table, ids, ~form, f"it is not the id of a {kind}")
        yield from flagged("ids", table, ids, _repeated(ids), "the id stands more than once")
        if not _sorted(ids):
            yield Problem("ids", table, "the rows are not sorted by id")
    if "outcomes" in context.tables and not _sorted(context.tables["outcomes"].column("source")):
        yield Problem("ids", "outcomes", "the rows are not sorted by source")


def _repeated(ids: pa.ChunkedArray) -> np.ndarray:
    counted = pc.value_counts(ids)
    several = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    return true(pc.is_in(ids, value_set=several))


def _sorted(values: pa.ChunkedArray) -> bool:
    return len(values) < 2 or pc.all(pc.less_equal(values.slice(0, len(values) - 1), values.slice(1))).as_py()


def check_references(context: Context) -> Iterator[Problem]:
    """Every id that a row names exists, and a clip, its track and its shot belong to one source."""
    tables = context.tables
    for table, column, target in _REFERENCES:
        if context.lacks(table, target):
            continue
        where = position(tables[table].column(column), tables[target].column("id"))
        names = tables[table].column("item" if table == "outcomes" else "id")
        lost = (where < 0) & ~nulls(tables[table], column)  # a clip of a given span may show no face: no track
        yield from flagged("references", table, names, lost, f"its {column} is not in {target}")
        for shared in ("source", "shot"):
            if target in ("shots", "tracks") and shared in tables[table].column_names and shared in _of(tables[target]):
                own = tables[table].column(shared).combine_chunks()
                theirs = tables[target].column(shared).take(pa.array(np.maximum(where, 0), mask=where < 0))
                differs = true(pc.not_equal(own, theirs.combine_chunks()))
                yield from flagged("references", table, names, differs, f"its {column} belongs to another {shared}")
    if not context.lacks("outcomes", "sources", "clips"):
        yield from _outcome_items(tables)


def _of(table: pa.Table) -> list[str]:
    return table.column_names


def _outcome_items(tables: dict[str, pa.Table]) -> Iterator[Problem]:
    outcomes = tables["outcomes"].select(["kind", "item"])
    for kind, target in (("source", "sources"), ("clip", "clips")):
        rows = outcomes.filter(pc.equal(outcomes.column("kind"), kind))
        missing = position(rows.column("item"), tables[target].column("id")) < 0
        yield from flagged("references", "outcomes", rows.column("item"), missing, f"the item is not in {target}")


def check_spans(context: Context) -> Iterator[Problem]:
    """Spans run forwards on a positive integer time base, inside their source and inside their shot."""
    tables = context.tables
    for table in ("shots", "tracks", "speech", "clips"):
        if table not in tables:
            continue
        data = tables[table]
        ids = data.column("id")
        bases = (numbers(data, "time_base_num") <= 0) | (numbers(data, "time_base_den") <= 0)
        yield from flagged("spans", table, ids, bases, "its time base is not positive")
        wrong = numbers(data, "start_pts") >= numbers(data, "end_pts")
        yield from flagged("spans", table, ids, wrong, "its start is not before its end")
        if table != "speech":
            wrong = (numbers(data, "start_frame") >= numbers(data, "end_frame")) | (numbers(data, "start_frame") < 0)
            yield from flagged("spans", table, ids, wrong, "its first frame is not before its last")
            yield from _inside_source(context, table)
    for table in ("tracks", "clips"):
        yield from _inside_shot(context, table)
    if "clips" in tables:
        yield from _derived(tables["clips"])


def _inside_source(context: Context, table: str) -> Iterator[Problem]:
    if context.lacks(table, "sources"):
        return
    data, sources = context.tables[table], context.tables["sources"]
    where = position(data.column("source"), sources.column("id"))
    data, sources = data.filter(pa.array(where >= 0)), sources.take(pa.array(where[where >= 0]))
    ids = data.column("id")
    unknown = nulls(sources, "start_pts") | nulls(sources, "end_pts") | nulls(sources, "frames")
    yield from flagged("spans", table, ids, unknown, "its source has no decoded span")
    base = np.zeros(len(ids), dtype=bool)
    for column in ("time_base_num", "time_base_den"):
        base |= numbers(data, column) != numbers(sources, column)
    yield from flagged("spans", table, ids, base & ~unknown, "its time base is not that of its source")
    outside = (numbers(data, "start_pts") < numbers(sources, "start_pts")) | (
        numbers(data, "end_pts") > numbers(sources, "end_pts")
    )
    outside |= numbers(data, "end_frame") > numbers(sources, "frames")
    yield from flagged("spans", table, ids, outside & ~unknown & ~base, "it reaches outside its source")


def _inside_shot(context: Context, table: str) -> Iterator[Problem]:
    if context.lacks(table, "shots"):
        return
    data, shots = context.tables[table], context.tables["shots"]
    where = position(data.column("shot"), shots.column("id"))
    data, shots = data.filter(pa.array(where >= 0)), shots.take(pa.array(where[where >= 0]))
    outside = np.zeros(data.num_rows, dtype=bool)
    for unit in ("pts", "frame"):
        outside |= numbers(data, f"start_{unit}") < numbers(shots, f"start_{unit}")
        outside |= numbers(data, f"end_{unit}") > numbers(shots, f"end_{unit}")
    yield from flagged("spans", table, data.column("id"), outside, "it reaches outside its shot")


def _derived(clips: pa.Table) -> Iterator[Problem]:
    """The columns for people agree with the integers they come from."""
    length = numbers(clips, "end_pts") - numbers(clips, "start_pts")
    den = np.maximum(numbers(clips, "time_base_den"), 1)
    exact = length * numbers(clips, "time_base_num") / den
    wrong = ~np.isclose(clips.column("seconds").to_numpy(), exact, rtol=1e-9, atol=1e-6)
    yield from flagged("spans", "clips", clips.column("id"), wrong, "its seconds are not those of its span")
    frames = numbers(clips, "end_frame") - numbers(clips, "start_frame") != numbers(clips, "frames")
    yield from flagged("spans", "clips", clips.column("id"), frames, "its frames are not those of its span")

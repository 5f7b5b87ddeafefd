"""A manifest of made-up rows on disk, as `moee curate` leaves one: tables, files of frames, clips, certificate.

Written by the project's own writers, so that `manifests.open` and `moee manifest validate` take it for sound. The files
of frames and the clips are short (`FRAMES` rows of each track; 32 bytes): their number is real, their length is not.
"""

import hashlib
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.schema import (
    FRAME_TABLES,
    SCHEMA_VERSION,
    SNAPSHOT_TABLES,
    empty,
    list_column,
    table_from_columns,
)
from manifests.splits import columns, split
from perf.scale import rows as made
from perf.scale.rows import Size, World, filled

if TYPE_CHECKING:
    from manifests.recipe import Recipe

FRAMES = 2  # rows of each track in the tables of frames
STEPS = 320  # of a fingerprint: 40 s
CONTENT = 32  # bytes of a clip
DUPLICATE = "duplicate"


def write(root: Path, size: Size, seed: int = 0) -> None:
    """Write a sound manifest of kept, dropped and duplicate clips into an empty folder.

    Args:
        root: made if absent.
        size: clips and persons.
        seed: another one gives other rows; the same one the same bytes.
    """
    from curation.pipeline import build
    from manifests.files import write_aside, write_json
    from manifests.parquet import write_table
    from manifests.recipe import load_recipe
    from manifests.snapshot import MANIFEST

    recipe = load_recipe("talking-head")
    stages = [stage.name for stage in build(recipe).stages]
    world = World(size, seed)
    root.mkdir(parents=True, exist_ok=True)
    frames = {table: _write_frames(root, table, world) for table in FRAME_TABLES}
    entries: dict[str, dict[str, Any]] = {}
    for name, table in _tables(root, world, recipe, stages):
        aside, written = write_aside(root, name, partial(write_table, name, _chunks(table)))
        aside.replace(root / f"{name}.parquet")
        entries[name] = {"sha256": written.sha256, "bytes": written.bytes, "rows": table.num_rows}
    content = {"schema_version": SCHEMA_VERSION, "state": f"made up {seed}", "stages": [*stages, "duplicates"]}
    content |= {"recipe": recipe.resolved(), "tables": {name: entries[name] for name in SNAPSHOT_TABLES}, **frames}
    write_json(root / MANIFEST, content)
    _certify(root)


def _chunks(table: pa.Table) -> Iterator[pa.Table]:
    for begin in range(0, table.num_rows, 65_536):
        yield table.slice(begin, 65_536)


def _tables(root: Path, world: World, recipe: "Recipe", stages: list[str]) -> Iterator[tuple[str, pa.Table]]:
    """Every table of a snapshot by name, one at a time: no two large ones are held at once but clips and outcomes."""
    yield "sources", made.sources(world)
    yield "labels", empty("labels")
    yield "shots", made.shots(world)
    yield "tracks", made.tracks(world, FRAMES)
    yield "speech", made.speech(world)
    yield "embeddings", made.embeddings(world)
    yield "speaking", empty("speaking")
    yield "fingerprints", _fingerprints(world)
    identities = made.identities(world)
    yield "identities", identities
    yield "duplicates", _duplicates(world)
    clips = _selected(world, recipe)
    outcomes = _outcomes(world, clips, stages)
    clips, units = _placed(_exported(root, clips), identities)
    yield "clips", clips
    yield "splits", units
    del clips
    yield "outcomes", outcomes


def _fingerprints(world: World) -> pa.Table:
    count, rng = world.size.sources, world.rng
    lists = list_column(np.tile(np.arange(STEPS) * 3, (count, 1)), np.ones(count, bool), pa.int64())
    return table_from_columns(
        "fingerprints",
        {
            "id": world.source_ids(), "source": world.source_ids(), "model": filled("changes@1", count), "pts": lists,
            "time_base_num": filled(1, count), "time_base_den": filled(24, count),
            "picture": _binary(rng, count, STEPS * 24), "sound_start": np.zeros(count, np.int64),
            "sound": _binary(rng, count, STEPS * 16),
        },
    )  # fmt: skip


def _binary(rng: np.random.Generator, count: int, width: int) -> pa.Array:
    offsets = pa.py_buffer(np.arange(count + 1, dtype=np.int32) * width)
    return pa.Array.from_buffers(pa.binary(), count, [None, offsets, pa.py_buffer(rng.bytes(count * width))])


def _duplicates(world: World) -> pa.Table:
    """A row per copied source: a copy shows the same from its beginning to its end."""
    copies = np.flatnonzero(world.copy_of >= 0)
    sources, length = world.source_ids(), made.SLOT * made.CLIPS_PER_SOURCE * 1000 // made.FPS
    columns: dict[str, Any] = {
        "id": made.ids("duplicate", world.source[copies]), "source": sources.take(pa.array(world.copy_of[copies])),
        "other": sources.take(pa.array(copies)), "how": filled("both", len(copies)),
        "speed": np.ones(len(copies)), "mirrored": np.zeros(len(copies), bool), "score": np.full(len(copies), 0.98),
        **{f"{which}start_ms": np.zeros(len(copies), np.int64) for which in ("", "other_")},
        **{f"{which}end_ms": np.full(len(copies), length) for which in ("", "other_")},
    }  # fmt: skip
    return table_from_columns("duplicates", columns).sort_by("id")


def _selected(world: World, recipe: "Recipe") -> pa.Table:
    """The clips as selection leaves them; groups of copies lose all but the first of each."""
    from manifests.select import select

    clips = select(made.candidates(world, recipe), recipe.select)
    kept = pc.equal(clips.column("status"), "kept").to_numpy()
    root, place = _groups(world, clips)
    rows = np.flatnonzero(kept)
    order = rows[np.lexsort((rows, place[rows], root[rows]))]
    same = (root[order][1:] == root[order][:-1]) & (place[order][1:] == place[order][:-1])
    follows = np.append(False, same)
    leader = order[np.maximum.accumulate(np.where(follows, 0, np.arange(len(order))))]
    of, dropped = np.full(clips.num_rows, -1), np.zeros(clips.num_rows, bool)
    several = follows | np.append(same, False)
    group = np.full(clips.num_rows, -1)
    group[order[several]] = leader[several]
    of[order[follows]], dropped[order[follows]] = leader[follows], True
    ids = clips.column("id").combine_chunks()
    clips = _set(clips, "duplicate_group", ids.take(pa.array(group, mask=group < 0)))
    clips = _set(clips, "duplicate_of", ids.take(pa.array(of, mask=of < 0)))
    reasons = pc.if_else(pa.array(dropped), pa.scalar([DUPLICATE], pa.list_(pa.string())), clips.column("reasons"))
    clips = _set(clips, "reasons", reasons)
    return _set(clips, "status", pc.if_else(pa.array(dropped), "dropped", clips.column("status")))


def _groups(world: World, clips: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Per clip the source that it shows, itself or what it copies, and the place in it."""
    owner = pc.index_in(clips.column("source"), value_set=world.source_ids()).to_numpy()
    original = np.where(world.copy_of >= 0, world.copy_of, np.arange(world.size.sources))
    return original[owner], clips.column("start_frame").to_numpy() // made.SLOT


def _exported(root: Path, clips: pa.Table) -> pa.Table:
    """Clips with a short file for each kept one."""
    folder = root / "clips"
    folder.mkdir(exist_ok=True)
    kept = pc.equal(clips.column("status"), "kept")
    names = clips.column("id").filter(kept).to_pylist()
    hashes = []
    for name in names:
        content = name.encode().ljust(CONTENT)
        (folder / f"{name}.mp4").write_bytes(content)
        hashes.append(hashlib.sha256(content).hexdigest())
    where = np.full(clips.num_rows, -1)
    where[kept.to_numpy()] = np.arange(len(names))
    at = pa.array(where, mask=where < 0)
    files = pc.binary_join_element_wise("clips/", clips.column("id"), ".mp4", "")
    clips = _set(clips, "file", pc.if_else(kept, files, None))
    clips = _set(clips, "file_sha256", pa.array(hashes, pa.string()).take(at))
    clips = _set(clips, "file_bytes", pc.if_else(kept, CONTENT, None))
    return _set(clips, "audio_priming", pc.if_else(kept, 1024, None))


def _placed(clips: pa.Table, identities: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Clips with their splits, and the table `splits`."""
    found = split(clips.select(columns()), identities.select(["id", "bridges"]))
    for name in ("split", "split_note"):
        clips = _set(clips, name, found.clips.column(name))
    return clips, found.units


def _set(clips: pa.Table, name: str, values: Any) -> pa.Table:
    field = clips.schema.field(name)
    return clips.set_column(clips.schema.get_field_index(name), field, pc.cast(values, field.type))


def _outcomes(world: World, clips: pa.Table, stages: list[str]) -> pa.Table:
    """An outcome of every source or clip at every stage that it reached, in the order of a snapshot."""
    judged = ("select", "export", "captions", "duplicates")
    parts = [_of_sources(world, [stage for stage in stages if stage not in judged])]
    duplicate = pc.is_valid(clips.column("duplicate_of"))
    kept = pc.equal(clips.column("status"), "kept")
    selected = pc.or_(kept, duplicate)
    for stage in judged:
        rows = clips if stage == "select" else clips.filter(selected)
        if stage == "select":
            status = pc.if_else(selected, "kept", clips.column("status"))
        else:
            status = rows.column("status") if stage == "duplicates" else pa.repeat("kept", rows.num_rows)
        dropped = pc.equal(status, "dropped")
        reasons = pc.if_else(dropped, rows.column("reasons"), pa.scalar([], pa.list_(pa.string())))
        parts.append(_outcome(rows.column("id"), rows.column("source"), "clip", stage, status, reasons))
    ranks = np.concatenate([np.full(part.num_rows, rank) for rank, part in enumerate(parts)])
    table = pa.concat_tables(parts)
    keys = pa.table({"source": table.column("source"), "rank": ranks, "item": table.column("item")})
    return table.take(pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]))


def _of_sources(world: World, stages: list[str]) -> pa.Table:
    ids, count = world.source_ids(), world.size.sources
    empty_lists = pa.array([[]], pa.list_(pa.string())).take(pa.array(np.zeros(count, np.int64)))
    kept = pa.repeat("kept", count)
    return pa.concat_tables([_outcome(ids, ids, "source", stage, kept, empty_lists) for stage in stages])


def _outcome(item: Any, source: Any, kind: str, stage: str, status: Any, reasons: Any) -> pa.Table:
    count = len(item)
    key = hashlib.sha256(stage.encode()).hexdigest()
    columns: dict[str, Any] = {
        "item": item, "kind": filled(kind, count), "source": source, "stage": filled(stage, count),
        "version": filled(1, count), "config": filled(key[:16], count), "key": filled(key[:32], count),
        "models": pa.array([[]], pa.list_(pa.string())).take(pa.array(np.zeros(count, np.int64))),
        "status": status, "reasons": reasons, "attempts": filled(1, count), "seconds": np.zeros(count),
        "frames_decoded": np.zeros(count, np.int64),
    }  # fmt: skip
    return table_from_columns("outcomes", columns)


def _write_frames(root: Path, table: str, world: World) -> dict[str, dict[str, Any]]:
    """A file of frames or expressions per source; returns its entries in manifest.json."""
    from manifests.parquet import write_table

    folder = root / table
    folder.mkdir(exist_ok=True)
    entries: dict[str, dict[str, Any]] = {}
    order = np.argsort(world.shot_source, kind="stable").reshape(-1, made.SHOTS_PER_SOURCE)
    tracks = made.ids("track", world.track)
    length = made.SLOT * made.CLIPS_PER_SOURCE // made.SHOTS_PER_SOURCE
    for name, shots in zip(world.source_ids().to_pylist(), order, strict=True):
        at = np.repeat(world.shot_place[shots] * length, FRAMES) + np.tile(np.arange(FRAMES), len(shots))
        rows = _frame_rows(table, name, tracks.take(pa.array(np.repeat(shots, FRAMES))), at)
        file = io.BytesIO()  # 40,000 files that are synced one by one would take minutes
        write_table(table, [rows], file)
        content = file.getvalue()
        (folder / f"{name}.parquet").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        entries[name] = {"sha256": digest, "bytes": len(content), "rows": rows.num_rows}
    return entries


def _frame_rows(table: str, source: str, tracks: pa.Array, at: np.ndarray) -> pa.Table:
    count, everywhere = len(at), np.ones(len(at), bool)
    columns: dict[str, Any] = {"source": filled(source, count), "track": tracks, "frame": at, "pts": at}
    if table == "frames":
        columns |= {
            "state": filled("meshed", count),
            **{side: np.full(count, 10.0) for side in ("x0", "y0", "x1", "y1")},
        }
        columns["landmarks"] = list_column(np.zeros((count, 478 * 3)), everywhere, pa.int16())
    else:
        columns["action_units"] = list_column(np.zeros((count, 22)), everywhere, pa.uint8())
        columns["emotions"] = list_column(np.full((count, 8), 8191), everywhere, pa.uint16())
    return table_from_columns(table, columns)


def _certify(root: Path) -> None:
    import manifests
    from manifests.certificate import FILE, as_json, certificate

    manifest = manifests.open(root)
    (root / FILE).write_text(as_json(certificate(manifest, manifest.recipe)), encoding="utf-8")

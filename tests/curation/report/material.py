"""Manifests for reports: large synthetic ones, and hostile names in every place that a stranger can fill."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from manifests.parquet import write_table
from manifests.recipe import load_recipe
from manifests.schema import SCHEMA_VERSION, SNAPSHOT_TABLES, empty, schema, table_from_columns, table_from_rows
from manifests.select import select
from tests.curation.report.faces import expressions_over
from tests.curation.report.whole import found_over, hostile_certificate, hostile_clip, hostile_tables

PER_SOURCE = 50  # clips of one source
STAGES = ["probe", "faces", "clips", "select", "export"]
HOSTILE = (
    "<script>alert(1)</script>.mp4",
    "\"'><img src=x onerror=alert(2)>.mp4",
    "line\nbreak\x1b[31m\x00.mp4",
    "right\u202eleft\u2066.mp4",
    "]]><!--{{ 7*7 }}{% raw %}.mp4",
    "javascript:alert(3)//" + "x" * 300 + ".mp4",
    "é\u0301\u200bé🎬.mp4",
)


def put_together(root: Path, tables: dict[str, pa.Table], recipe: dict[str, Any], stages: list[str]) -> Path:
    """Write tables as the manifest of a folder."""
    root.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name in SNAPSHOT_TABLES:
        table = tables.get(name, empty(name))
        with (root / f"{name}.parquet").open("wb") as file:
            write_table(name, [table], file)
        content = (root / f"{name}.parquet").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        entries[name] = {"sha256": digest, "bytes": len(content), "rows": table.num_rows}
    manifest = {"schema_version": SCHEMA_VERSION, "state": "0" * 64, "stages": stages, "recipe": recipe}
    (root / "manifest.json").write_text(json.dumps(manifest | {"tables": entries, "frames": {}, "expressions": {}}))
    return root


def large(root: Path, clips: int) -> Path:
    """A manifest of so many candidate clips, PER_SOURCE of each source, with outcomes that account for all of them."""
    recipe = load_recipe("talking-head")
    random = np.random.default_rng(7)
    sources = -(-clips // PER_SOURCE)
    source_ids = np.array([f"s_{index:016x}" for index in range(sources)])
    of_source = np.arange(clips) // PER_SOURCE
    table = select(_clips(clips, source_ids[of_source], random), recipe.select)
    tables = {"sources": _sources(source_ids), **found_over(table, random)}
    tables["clips"] = expressions_over(tables["clips"], random)
    tables |= {"outcomes": _outcomes(source_ids, tables["clips"])}
    return put_together(root, tables, recipe.resolved(), STAGES)


def _sources(ids: np.ndarray) -> pa.Table:
    count = len(ids)
    columns: dict[str, Any] = {"id": ids, "name": [f"video {index}.mp4" for index in range(count)]}
    columns |= {"origin": [f"/nowhere/video {index}.mp4" for index in range(count)], "frames": np.full(count, 9000)}
    columns |= {"width": np.full(count, 1920), "height": np.full(count, 1080), "video_codec": ["h264"] * count}
    flags = [["truncated"] if index % 97 == 0 else [] for index in range(count)]
    return table_from_columns("sources", columns | {"flags": flags})


def _clips(count: int, source: np.ndarray, random: np.random.Generator) -> pa.Table:
    seconds = random.gamma(2.0, 3.0, count)
    frames = np.maximum(1, (seconds * 25).astype(np.int64))
    start = (np.arange(count) % PER_SOURCE) * 1000
    columns: dict[str, Any] = {
        "id": [f"c_{index:016x}" for index in range(count)],
        "source": source,
        "shot": ["h_0"] * count,
        "start_pts": start,
        "end_pts": start + frames,
        "start_frame": start,
        "end_frame": start + frames,
        "time_base_num": np.ones(count, np.int64),
        "time_base_den": np.full(count, 25),
        "frames": frames,
        "seconds": frames / 25,
        "source_width": np.full(count, 1920),
        "source_height": np.full(count, 1080),
        "recipe": ["r"] * count,
        "status": ["kept"] * count,
        "reasons": pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string())),
        "given_identity": [f"person {index % 800}" for index in range(count)],
        "given_emotion": np.array(["happy", "sad", "angry", "neutral"])[np.arange(count) % 4],
    }
    taken = set(columns)
    for field in schema("clips"):  # every measured column, also those of a later version
        if b"reason" not in (field.metadata or {}) or field.name in taken:
            continue
        if pa.types.is_floating(field.type):
            scale = 1.0 if (field.metadata or {}).get(b"unit") == b"0..1" else 200.0
            columns[field.name] = (random.beta(5, 2, count) * scale).astype(np.float32)
        else:
            columns[field.name] = random.integers(0, 4, count)
    return table_from_columns("clips", columns)


def _outcomes(sources: np.ndarray, clips: pa.Table) -> pa.Table:
    parts = [_stage(stage, sources, sources, "source") for stage in STAGES[:3]]
    ids, of = clips.column("id"), clips.column("source")
    parts.append(_stage("select", ids, of, "clip", clips.column("status"), clips.column("reasons")))
    kept = pa.compute.equal(clips.column("status"), "kept")
    parts.append(_stage("export", ids.filter(kept), of.filter(kept), "clip"))
    return pa.concat_tables(parts)


def _stage(
    stage: str, items: Any, sources: Any, kind: str, status: Any = None, reasons: pa.ChunkedArray | None = None
) -> pa.Table:
    count = len(items)
    none = pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string()))
    columns: dict[str, Any] = {"item": items, "source": sources, "kind": [kind] * count, "stage": [stage] * count}
    columns |= {"version": np.ones(count, np.int32), "config": ["c"] * count, "key": ["k"] * count, "models": none}
    columns |= {
        "status": ["kept"] * count if status is None else status,
        "reasons": none if reasons is None else reasons,
    }
    columns |= {"attempts": np.ones(count, np.int32), "seconds": np.full(count, 0.5)}
    return table_from_columns("outcomes", columns | {"frames_decoded": np.full(count, 9000 * (stage == "faces"))})


def hostile(root: Path, names: tuple[str, ...] = HOSTILE) -> Path:
    """A manifest that holds the names wherever a stranger can put text; each must come out as text."""
    root.mkdir(parents=True, exist_ok=True)
    rows = list(enumerate(names))
    sources = table_from_rows(
        "sources",
        [
            {
                "id": f"s_{i}",
                "name": name,
                "origin": f"/videos/{name}",
                "licence": name,
                "container": name,
                "flags": [name],
            }
            for i, name in rows
        ],
    )
    span = {"start_pts": 0, "end_pts": 100, "start_frame": 0, "end_frame": 100, "frames": 100, "seconds": 4.0}
    span |= {"time_base_num": 1, "time_base_den": 25, "source_width": 640, "source_height": 480, "shot": "h_0"}
    clips = table_from_rows(
        "clips",
        [
            {"id": f"c_{i}{name}", "source": f"s_{i}", **span, "recipe": name, "dataset": name, "face_size": 50.0 + i}
            | {f"given_{label}": name for label in ("identity", "emotion", "compound", "view")}
            | {"status": "kept" if i % 2 else "dropped", "reasons": [] if i % 2 else [name, "face_size"]}
            | {"file": f"clips/{name}" if i % 2 else None}
            | hostile_clip(i, names)
            for i, name in rows
        ],
    )
    ends = {"version": 1, "config": "c", "key": "k", "attempts": 1, "seconds": 1.0, "frames_decoded": 0}
    outcomes = table_from_rows(
        "outcomes",
        [
            {
                "item": f"s_{i}",
                "source": f"s_{i}",
                "kind": "source",
                "stage": stage,
                **ends,
                "models": [f"{name}@{name}"],
            }
            | {"status": "dropped" if i % 2 else "failed", "reasons": [name] if i % 2 else []}
            | {"error": None if i % 2 else name}
            for i, name in rows
            for stage in ("probe",)
        ],
    )
    recipe = {
        "name": names[0],
        "description": names[1],
        "version": 1,
        "select": {"face_size": {"min": 64.0, "max": None}},
        "stages": {stage: {names[0]: names[1]} for stage in ("identities", "splits")},
    }
    tables = {"sources": sources, "clips": clips, "outcomes": outcomes, **hostile_tables(rows)}
    hostile_certificate(root, names)
    return put_together(root, tables, recipe, ["probe"])

"""The form with clips as files: videos beside one table for each split, as `load_dataset` reads a folder of videos."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.files import Written, write_aside
from manifests.publish import hub
from manifests.publish.described import describe, summary_of, write_card
from manifests.publish.facts import Facts, Told, gather
from manifests.publish.features import FILE, plain_schema, yaml_features
from manifests.publish.frames import FRAMES, clip_frames
from manifests.publish.head import front_matter
from manifests.publish.hub_card import frames_words
from manifests.publish.markdown import many
from manifests.publish.places import published_sources
from manifests.publish.plan import Plan, check_files, plan_by_split, wrong_hash
from manifests.publish.shards import GROUP_FRAMES, Shard, contents, regrouped, write_file, write_shards
from manifests.schema import schema
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

FORM: Final = "files"
METADATA: Final = "metadata.parquet"
CLIPS: Final = pa.schema(
    [pa.field("file_name", pa.string()), *(item for item in schema("clips") if item.name != "schema_version")]
)


def write_linked(
    manifest: "Manifest", new: Path, place: Path, limit: int, told: Told, watch: hub.Watch
) -> tuple[dict[str, Any], dict[str, Written]]:
    """Write the form below `new`: data/<split>/<xx>/<clip>.mp4, data/<split>/metadata.parquet, frames, sources, card.

    Args:
        manifest: where the clips come from. new: empty. place: where it will lie in the end.
        limit: bytes of a Parquet file, about. told: what the card tells beside the manifest.
        watch: told what is done, how many clips of how many.

    Returns:
        What .published.json keeps of the result, and what the files hold.

    Raises:
        ManifestError: nothing to publish, a clip's file is missing or damaged, or cannot be written.
    """
    plan = plan_by_split(manifest)
    check_files(manifest.root, plan.clips)
    known: dict[str, Written] = {}
    tables = []
    for split in plan.splits:
        clips, folder = plan.of(split), new / "data" / split
        for row in clips.select(["id", "file", "file_sha256"]).to_pylist():
            known[f"data/{split}/{file_of(row['id'])}"] = _copy(manifest.root, row, folder)
            watch("written", len(known), plan.clips.num_rows)
        tables.append(_table(clips, folder))
    frames = _frames(manifest, plan, new / "frames", limit)
    sources = published_sources(manifest, plan)
    last = write_file(new / "sources", "sources.parquet", sources.schema, regrouped([sources], GROUP_FRAMES))
    facts = gather(manifest, plan, told)
    front = front_matter(facts, configs(plan, tables), [_info(plan, tables)])
    write_card(new, facts, front, lines(facts, bool(frames)), frames_words() if frames else ())
    shards = [*tables, *frames, last]
    known |= _held(new, shards)
    describe(facts, new, known)
    return summary_of(facts, plan), known


def _held(new: Path, shards: list[Shard]) -> dict[str, Written]:
    return {shard.path.relative_to(new).as_posix(): Written(shard.sha256, shard.bytes) for shard in shards}


def file_of(clip: str) -> str:
    """Path of a clip's file below its split: 256 folders, so that none holds 10,000 files."""
    return f"{hashlib.sha256(clip.encode()).hexdigest()[:2]}/{clip}.mp4"


def _copy(root: Path, row: Mapping[str, str], folder: Path) -> Written:
    path, target = root / row["file"], folder / file_of(row["id"])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{printable(str(path))} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != row["file_sha256"]:
        raise wrong_hash(row["id"], path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside, written = write_aside(target.parent, target.name, lambda file: file.write(content))
    aside.replace(target)
    return written


def _table(clips: pa.Table, folder: Path) -> Shard:
    fields = plain_schema(CLIPS)
    names = pa.array([file_of(clip) for clip in clips.column("id").to_pylist()], pa.string())
    columns = {"file_name": names} | {name: clips.column(name) for name in CLIPS.names if name != "file_name"}
    table = pa.table(columns).cast(pa.schema(list(fields))).replace_schema_metadata(None)
    plain = pa.schema(list(fields))  # without features: the folder of videos has a column of its own
    return write_file(folder, METADATA, plain, regrouped([table], GROUP_FRAMES))


def _frames(manifest: "Manifest", plan: Plan, folder: Path, limit: int) -> list[Shard]:
    fields = plain_schema(FRAMES)
    found: list[Shard] = []
    for split in plan.splits:
        tables = (table.cast(fields) for table in clip_frames(manifest, plan.of(split)))
        found += write_shards(folder, split, fields, regrouped(tables, GROUP_FRAMES), limit)
    if not found:
        folder.rmdir()
    return found


def configs(plan: Plan, tables: list[Shard]) -> list[dict[str, Any]]:
    """Return `configs` of the front matter: the folder of each split."""
    files = [{"split": split, "path": f"data/{split}/**"} for split in plan.splits]
    return [{"config_name": "default", "default": True, "description": contents(tables), "data_files": files}]


def _info(plan: Plan, tables: list[Shard]) -> dict[str, Any]:
    """Features and sizes as `load_dataset` gives them: `file_name` becomes `video`."""
    sizes = [pc.sum(plan.of(split).column("file_bytes")).as_py() or 0 for split in plan.splits]
    splits = [
        {"name": split, "num_bytes": size, "num_examples": len(plan.splits[split])}
        for split, size in zip(plan.splits, sizes, strict=True)
    ]
    columns = [pa.field("video", FILE), *(item for item in CLIPS if item.name != "file_name")]
    whole = sum(sizes)
    held = {"download_size": whole + sum(shard.bytes for shard in tables), "dataset_size": whole}
    return {"config_name": "default", "features": yaml_features(pa.schema(columns)), "splits": splits, **held}


def lines(facts: Facts, frames: bool) -> list[str]:
    """Return the card's lines on what the folder holds and how it is loaded."""
    first = facts.splits[0].name
    return [
        "## How to load",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        f'clips = load_dataset("FOLDER", split="{first}")  # a folder of videos: `video` and every column of `clips`',
        "```",
        "",
        f"- `data/<split>/<xx>/<clip>.mp4`: {many(facts.clips, 'clip')} as files, byte for byte: the SHA-256 is "
        "`file_sha256`",
        "- `data/<split>/metadata.parquet`: a row per clip; `file_name` is the path of its file below this folder",
        "- `sources/sources.parquet`: where the sources come from, licence, hash, stream facts",
        *(["- `frames/*.parquet`: a row per clip and frame of its face"] if frames else []),
        "",
    ]

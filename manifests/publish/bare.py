"""The form without media: what may be shared when footage may not, and all that `moee rebuild` needs.

Four tables, as `datasets.load_dataset` reads them, and `manifest.json` with the resolved recipe and the hash of every
file. No pictures, no sound, no embeddings, nothing per frame, and no place on anybody's machine.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.files import Written, write_json
from manifests.publish import hub
from manifests.publish.described import describe, summary_of, write_card
from manifests.publish.facts import Facts, Told, gather
from manifests.publish.features import plain_schema, yaml_features
from manifests.publish.head import front_matter
from manifests.publish.markdown import many
from manifests.publish.places import published_sources
from manifests.publish.plan import Plan, plan_by_split
from manifests.publish.shards import SHARDS, Shard, contents, regrouped, write_shards
from manifests.schema import SCHEMA_VERSION, schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest

FORM: Final = "bare"
FORMAT: Final = 1  # of manifest.json; a rebuild refuses others
MANIFEST: Final = "manifest.json"
GROUP_ROWS: Final = 8_192
GROUP_PRINTS: Final = 16  # fingerprints in a group: an hour of video takes 1.2 MB


def _of(table: str) -> pa.Schema:
    return pa.schema([field for field in schema(table) if field.name != "schema_version"])


CONFIGS: Final = {  # configuration -> (folder, columns)
    "default": ("data", _of("clips")),
    "sources": ("sources", _of("sources")),
    "shots": ("shots", _of("shots")),
    "fingerprints": ("fingerprints", _of("fingerprints")),
}


def write_bare(
    manifest: "Manifest", new: Path, place: Path, limit: int, told: Told, watch: hub.Watch
) -> tuple[dict[str, Any], dict[str, Written]]:
    """Write the form without media, with its card.

    Args:
        manifest: where the clips come from; their files need not be there.
        new: empty; gets data/, sources/, shots/, fingerprints/, manifest.json and the card.
        place: where it will lie in the end.
        limit: bytes of a Parquet file, about.
        told: what the card tells beside the manifest.
        watch: told what is done, how many clips of how many.

    Returns:
        What .published.json keeps of the result, and what the tables hold.

    Raises:
        ManifestError: nothing to publish.
    """
    plan = plan_by_split(manifest)
    written = write_tables(manifest, plan, new, limit)
    watch("written", plan.clips.num_rows, plan.clips.num_rows)
    facts = gather(manifest, plan, told)
    write_card(new, facts, front_matter(facts, configs(written), infos(written)), lines(facts, written))
    shards = _all_shards(written)
    known = {shard.path.relative_to(new).as_posix(): Written(shard.sha256, shard.bytes) for shard in shards}
    describe(facts, new, known)
    return summary_of(facts, plan), known


def write_tables(manifest: "Manifest", plan: Plan, folder: Path, limit: int) -> dict[str, hub.Written]:
    """Write the tables and manifest.json; the same manifest gives the same bytes.

    Args:
        manifest: where the clips come from.
        plan: which of them.
        folder: empty.
        limit: bytes of a Parquet file, about.

    Returns:
        Configuration -> what it holds; a configuration without rows is left out.
    """
    limit = max(limit, -(-plan.clips.nbytes // SHARDS))
    written = {
        "default": hub.Written(
            {split: _write(folder, "default", split, [plan.of(split)], limit) for split in plan.splits}
        )
    }
    used = pc.unique(plan.clips.column("source"))
    tables: dict[str, Iterable[pa.Table]] = {
        "sources": [published_sources(manifest, plan)],
        "shots": [_rows_of(manifest.table("shots"), "id", pc.unique(plan.clips.column("shot")))],
        "fingerprints": _fingerprints(manifest.root / "fingerprints.parquet", used),
    }
    for name, groups in tables.items():
        shards = _write(folder, name, name, groups, limit, GROUP_PRINTS if name == "fingerprints" else GROUP_ROWS)
        written[name] = hub.Written({name: shards} if shards else {})
    _write_manifest(manifest, folder, written)
    return {name: config for name, config in written.items() if any(config.shards.values())}


def _write(
    folder: Path, name: str, stem: str, tables: Iterable[pa.Table], limit: int, group: int = GROUP_ROWS
) -> list[Shard]:
    place, fields = CONFIGS[name]
    fitting = (table.select(fields.names).cast(plain_schema(fields)) for table in tables)
    shards = write_shards(folder / place, stem, plain_schema(fields), regrouped(fitting, group), limit)
    if not any((folder / place).iterdir()):
        (folder / place).rmdir()
    return shards


def _rows_of(table: pa.Table, column: str, wanted: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table.column(column), value_set=wanted))


def _fingerprints(path: Path, used: pa.Array) -> Iterator[pa.Table]:
    """The fingerprints of some sources, a few at a time: those of a large manifest do not fit into memory."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=GROUP_PRINTS):
        yield _rows_of(pa.Table.from_batches([batch]), "source", used)


def _write_manifest(manifest: "Manifest", folder: Path, written: Mapping[str, hub.Written]) -> None:
    shards = _all_shards(written)
    content = {
        "moee_bare": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "state": manifest.content.get("state"),
        "stages": manifest.stages,
        "recipe": manifest.recipe,
        "clips": sum(map(written["default"].rows, written["default"].shards)),
        "files": {
            shard.path.relative_to(folder).as_posix(): {
                "sha256": shard.sha256,
                "bytes": shard.bytes,
                "rows": shard.rows,
            }
            for shard in shards
        },
    }
    write_json(folder / MANIFEST, content)


def _all_shards(written: Mapping[str, hub.Written]) -> list[Shard]:
    return [shard for config in written.values() for shards in config.shards.values() for shard in shards]


def configs(written: Mapping[str, hub.Written]) -> list[dict[str, Any]]:
    """Return `configs` of the card's front matter: which files belong to which split."""
    listed = []
    for name, config in written.items():
        files = [{"split": split, "path": f"{CONFIGS[name][0]}/{split}-*"} for split in config.shards]
        default = {"default": True} if name == "default" else {}
        about = contents(shard for shards in config.shards.values() for shard in shards)
        listed.append({"config_name": name, **default, "description": about, "data_files": files})
    return listed


def infos(written: Mapping[str, hub.Written]) -> list[dict[str, Any]]:
    """Return `dataset_info` of the card's front matter: features and sizes."""
    listed = []
    for name, config in written.items():
        splits = [
            {"name": split, "num_bytes": sum(shard.memory for shard in shards), "num_examples": config.rows(split)}
            for split, shards in config.shards.items()
        ]
        shards = [shard for files in config.shards.values() for shard in files]
        sizes = {"download_size": sum(s.bytes for s in shards), "dataset_size": sum(s.memory for s in shards)}
        listed.append({"config_name": name, "features": yaml_features(CONFIGS[name][1]), "splits": splits, **sizes})
    return listed


def lines(facts: Facts, written: Mapping[str, hub.Written]) -> list[str]:
    """Return the card's lines on what the folder holds and how the clips are made again."""
    first = facts.splits[0].name
    rows = {name: sum(config.rows(split) for split in config.shards) for name, config in written.items()}
    return [
        "## How to make the clips again",
        "",
        "This folder holds no pictures and no sound. It says where the footage is, which part of it each clip is, and "
        "how to tell whether what is found there is still the same:",
        "",
        "```",
        "moee rebuild FOLDER --out DIR",
        "```",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        f'clips = load_dataset("FOLDER", split="{first}")',
        'sources = load_dataset("FOLDER", "sources", split="sources")',
        "```",
        "",
        f"- `default`: {many(rows['default'], 'clip')}: span in integers on the source's clock, crop, labels, measured "
        "columns, split, and the SHA-256 of the clip's file (`file_sha256`)",
        f"- `sources`: {many(rows['sources'], 'source')}: public address, SHA-256, licence, uploader, stream facts; of "
        "a local file its name and facts without its place",
        f"- `shots`: {many(rows.get('shots', 0), 'shot')} that the clips lie in",
        f"- `fingerprints`: {many(rows.get('fingerprints', 0), 'source')}: how pictures and sound change, 8 times a "
        "second, in 24 and 16 numbers: enough to know the footage again, far too little to show it",
        "- `manifest.json`: the resolved recipe, and the SHA-256, size and rows of every table",
        "",
    ]

"""What the card of the hub form says beside the facts: its configurations, their features, how to load them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from manifests.action_units import NUMBERS, PRESENT, STEPS
from manifests.emotions import EMOTIONS
from manifests.publish.facts import Facts
from manifests.publish.features import yaml_features
from manifests.publish.frames import ABOUT
from manifests.publish.hub import CONFIGS, Written
from manifests.publish.markdown import many
from manifests.publish.orders import BLENDSHAPES, KEY
from manifests.publish.shards import contents

if TYPE_CHECKING:
    import pyarrow as pa


def configs(written: Mapping[str, Written]) -> list[dict[str, Any]]:
    """Return `configs` of the front matter: which files belong to which split."""
    listed = []
    for name, config in written.items():
        folder = CONFIGS[name][0]
        pattern = "{folder}/sources.parquet" if name == "sources" else "{folder}/{split}-*"
        files = [{"split": split, "path": pattern.format(folder=folder, split=split)} for split in config.shards]
        about = contents(shard for shards in config.shards.values() for shard in shards)
        default = {"default": True} if name == "default" else {}
        listed.append({"config_name": name, **default, "description": about, "data_files": files})
    return listed


def infos(written: Mapping[str, Written]) -> list[dict[str, Any]]:
    """Return `dataset_info` of the front matter: features and sizes; `load_dataset` checks the number of rows."""
    return [_info(name, CONFIGS[name][1], config) for name, config in written.items()]


def _info(name: str, fields: "pa.Schema", config: Written) -> dict[str, Any]:
    splits = [
        {
            "name": split,
            "num_bytes": sum(shard.memory for shard in shards),
            "num_examples": config.rows(split),
        }
        for split, shards in config.shards.items()
    ]
    files = [shard for shards in config.shards.values() for shard in shards]
    return {
        "config_name": name,
        "features": yaml_features(fields),
        "splits": splits,
        "download_size": sum(shard.bytes for shard in files),
        "dataset_size": sum(shard.memory for shard in files),
    }


def lines(facts: Facts, written: Mapping[str, Written]) -> list[str]:
    """Return the lines on how the folder is loaded and what its columns are."""
    first = facts.splits[0].name
    rows = {name: sum(config.rows(split) for split in config.shards) for name, config in written.items()}
    held = [
        f"- `default`: {many(rows['default'], 'clip')}, a row each: every column of the table `clips`, `video` (the "
        "clip's file, byte for byte: its SHA-256 is `file_sha256`) and `audio` (the same sound, packets copied; null "
        "without)",
        f"- `sources`: {many(rows['sources'], 'source')}: where they come from, licence, hash, stream facts",
    ]
    if "frames" in written:
        held.insert(1, f"- `frames`: {many(rows['frames'], 'row')}, one per clip and frame of its face")
    return [
        "## How to load",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        f'clips = load_dataset("FOLDER", split="{first}")  # streaming=True reads without making a copy',
        'clip = clips[0]["video"]        # a torchcodec VideoDecoder: clip[0] is the first frame, [3, height, width]',
        'sound = clips[0]["audio"]       # an AudioDecoder: sound.get_all_samples().data is [channels, samples]',
        *([f'faces = load_dataset("FOLDER", "frames", split="{first}")'] if "frames" in written else []),
        'sources = load_dataset("FOLDER", "sources", split="sources")',
        "```",
        "",
        "Decoding needs `pip install datasets torchcodec` and FFmpeg's libraries. Configurations:",
        "",
        *held,
        "",
    ]


def frames_words() -> list[str]:
    """Return the lines on the columns of `frames`."""
    own = "; ".join(f"`{name}`: {about}" for name, about in ABOUT.items())
    return [
        "## Columns of frames",
        "",
        f"In `frames`, {own}. Boxes are pixels of the displayed source picture (`source_width` x `source_height` of "
        "the clip), landmarks are x, y, z in 1/16384 of its long side: a clip exported with a crop or another frame "
        "rate shows the same face at another place and time step. `blendshapes` are 52 weights in 1/65535, null where "
        "their model was missing, in this order: " + ", ".join(BLENDSHAPES) + ".",
        "",
        f"`action_units` are {len(NUMBERS)} intensities from 0 to 5, stored in 1/{STEPS}: a value of {PRESENT} or more "
        "is at least a trace. They are of these FACS numbers, in this order: "
        + ", ".join(map(str, NUMBERS))
        + f". `emotions` are {len(EMOTIONS)} probabilities in 1/65535, in this order: {', '.join(EMOTIONS)}. Both are "
        "null where they were not measured. The columns `action_units`, `action_unit_frames`, `emotions` and, for one "
        "member after the other, `member_probabilities` of a clip have the same orders. Every Parquet file that has "
        f"such a column says its order as JSON in its metadata, under the key `{KEY}`.",
        "",
    ]

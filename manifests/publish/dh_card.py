"""What the card of the DH-FaceEmoVid-150 form says beside the facts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manifests.publish.dh_names import GIVEN, MEASURED
from manifests.publish.facts import Facts
from manifests.publish.head import front_matter as matter
from manifests.publish.markdown import many
from manifests.publish.shards import Shard, contents


def front_matter(facts: Facts, shards: Sequence[Shard], root: Path) -> str:
    """Return the YAML head: the tables as configurations; the videos are files beside them."""
    configs: list[dict[str, Any]] = [
        {
            "config_name": "metadata",
            "default": True,
            "data_files": [{"split": "clips", "path": "metadata.parquet"}],
        }
    ]
    if any(shard.path.parent == root / "frames" and shard.rows for shard in shards):
        configs.append({"config_name": "frames", "data_files": [{"split": "clips", "path": "frames/*.parquet"}]})
    configs.append({"config_name": "sources", "data_files": [{"split": "sources", "path": "sources.parquet"}]})
    about = contents(shards)
    return matter(facts, [{**config, "description": about} for config in configs], [])


def lines(facts: Facts, actors: int) -> list[str]:
    """Return the lines on what the folder holds."""
    return [
        "## What the folder holds",
        "",
        "The form of DH-FaceEmoVid-150 (arXiv 2501.01808). This is not that data set: clips, persons and labels are "
        "those of the sources below.",
        "",
        f"- `videos/<actor>/<actor>_<emotion>_<take>.mp4`: {many(facts.clips, 'clip')} of {many(actors, 'actor')}; "
        "an actor is an identity, where none is known the person whom a data set names, else a source. Actors and "
        "takes keep their numbers when the folder is published again with more clips",
        "- `metadata.parquet`: a row per clip: `file_name`, `dh_actor`, `dh_emotion` or `dh_compound`, "
        f"`dh_label_from` (`{GIVEN}`: a data set says so, `{MEASURED}`: programs saw it in the face), `dh_take`, "
        "`dh_text` (what is said or shown, where a data set gives it, else the caption; `dh_text_from` says which) and "
        "every column of the table `clips`",
        "- `frames/<actor>.parquet`: a row per frame of the face. `dh_action_units` are the FACS numbers of its action "
        "units, `action_units` their intensities; both are null in frames in which none were measured",
        "- `sources.parquet`: where the sources come from, licence, hash, stream facts",
        "",
        '`datasets.load_dataset("FOLDER")` gives the rows of `metadata.parquet` as one split, `clips`: the column '
        "`split` says which are for training, validation and test. It gives no videos: these lie beside it as files, "
        '`file_name` is their path below this folder. `load_dataset("FOLDER", "frames")` and `"sources"` give the '
        "other tables. The form `hub` has splits and videos in the rows.",
        "",
        "Clips without a known emotion, and those of an emotion that the set has no token for, are left out and named "
        "below. `moee curate FOLDER --recipe dh-faceemovid` understands the file names and reads the labels in "
        "`metadata.parquet`.",
        "",
    ]

"""The form of DH-FaceEmoVid-150: files named by actor, emotion and take, one table of clips, frames for each actor."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.action_units import COUNT, NUMBERS, PRESENT
from manifests.emotions import columns as emotion_columns
from manifests.errors import ManifestError
from manifests.files import Written, file_hash
from manifests.publish import dh_card
from manifests.publish.described import summary_of, write_card
from manifests.publish.dh_names import GIVEN, Name, Names, emotion_of, former_names, name_clips
from manifests.publish.facts import Told, gather
from manifests.publish.features import plain_schema
from manifests.publish.frames import FRAMES, clip_frames
from manifests.publish.hub_card import frames_words
from manifests.publish.markdown import many
from manifests.publish.places import published_sources
from manifests.publish.plan import SPLITS, Plan, check_files, has_no_splits, kept_clips, wrong_hash
from manifests.publish.shards import GROUP_FRAMES, Shard, regrouped, write_file
from manifests.publish.target import record_of
from manifests.schema import schema
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest
    from manifests.publish.hub import Watch

METADATA: Final = "metadata.parquet"
NO_SPLIT: Final = "no split"
_CHUNK: Final = 1 << 20
_NAMED_BY: Final = (
    "id",
    "source",
    "start_frame",
    "identity",
    "dataset",
    "given_identity",
    "given_emotion",
    "given_compound",
    "given_take",
    "given_text",
    "emotion",
    "compound",
)
# What the set has for each clip; `clips` has columns of its own such as `text`, which is burnt-in text.
DH_COLUMNS: Final = (
    "file_name",
    "dh_actor",
    "dh_emotion",
    "dh_compound",
    "dh_label_from",
    "dh_take",
    "dh_text",
    "dh_text_from",
)
CLIPS: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in DH_COLUMNS),
        *(field for field in schema("clips") if field.name != "schema_version"),
    ]
)
DH_FRAMES: Final = pa.schema(
    [pa.field("file_name", pa.string()), pa.field("dh_action_units", pa.list_(pa.uint8())), *FRAMES]
)


def write_dh(
    manifest: "Manifest", new: Path, place: Path, told: Told, watch: "Watch"
) -> tuple[dict[str, Any], dict[str, Written]]:
    """Write the form below `new`, and read every copied file back.

    Args:
        manifest: where the clips come from.
        new: an empty folder.
        place: the published folder, whose names are kept.
        told: what the card tells beside the manifest.
        watch: told what is done, how many clips of how many.

    Returns:
        What .published.json keeps, and what the files hold.

    Raises:
        ManifestError: no clip has a name, a clip's file is not the one in the manifest, or the copy differs.
    """
    names, plan = _named(manifest, place)
    check_files(manifest.root, plan.clips)
    known = _copy_all(manifest.root, plan.clips, names, new, watch)
    order = [names.clips[clip].file for clip in plan.clips.column("id").to_pylist()]
    shards = [_write_metadata(plan.clips, names, order, new), *_write_frames(manifest, plan.clips, names, new)]
    sources = published_sources(manifest, plan)
    shards.append(write_file(new, "sources.parquet", sources.schema, regrouped([sources], GROUP_FRAMES)))
    facts = replace(gather(manifest, plan, told), kept=kept_clips(manifest).num_rows)
    write_card(
        new,
        facts,
        dh_card.front_matter(facts, shards, new),
        dh_card.lines(facts, len({name.actor for name in names.clips.values()})),
        frames_words(),
    )
    known |= {shard.path.relative_to(new).as_posix(): Written(shard.sha256, shard.bytes) for shard in shards}
    given = {clip: [name.actor, name.emotion, name.take] for clip, name in sorted(names.clips.items())}
    return {**summary_of(facts, plan), "actors": names.actors, "given": given}, known


def _named(manifest: "Manifest", place: Path) -> tuple[Names, Plan]:
    """The names of the clips that have one, and these clips."""
    record = record_of(place) or {}
    former: dict[str, Name] = {}
    actors: dict[str, str] = {}
    if record.get("form") == "dh-faceemovid-150":  # also of a run that was killed: its names count as given
        former, actors = _former(place, record)
    clips = kept_clips(manifest)
    names = name_clips(clips.select(list(_NAMED_BY)).to_pylist(), actors, former)
    if not names.clips:
        words = "; ".join(f"{why}: {many(len(ids), 'clip')}" for why, ids in names.left_out.items())
        raise ManifestError(f"No kept clip can be named as in DH-FaceEmoVid-150 ({words}).")
    chosen = clips.filter(pc.is_in(clips.column("id"), value_set=pa.array(list(names.clips), pa.string())))
    splits: dict[str, list[str]] = {name: [] for name in (*SPLITS, NO_SPLIT)}
    for clip, split in zip(chosen.column("id").to_pylist(), chosen.column("split").to_pylist(), strict=True):
        splits[split if split in SPLITS else NO_SPLIT].append(clip)
    splits = {split: ids for split, ids in splits.items() if ids}
    return names, Plan(chosen, splits, names.left_out, unsplit=has_no_splits(manifest, clips))


def _former(place: Path, record: Mapping[str, Any]) -> tuple[dict[str, Name], dict[str, str]]:
    """The names and numbers that were given before; a person keeps a number also when all its clips are gone."""
    actors = record.get("actors")
    if not isinstance(actors, dict) or not all(str(actor).isdigit() for actor in actors.values()):
        raise ManifestError(f"{printable(str(place))}/.published.json is damaged: give a new or empty folder.")
    if record.get("whole") is not True:  # killed while it was put in place: the table may be away, the record is whole
        given = record.get("given") or {}
        return {clip: Name(*name) for clip, name in given.items()}, {str(p): str(a) for p, a in actors.items()}
    wanted = ["id", "dh_actor", "dh_emotion", "dh_compound", "dh_take"]
    try:
        rows = pq.read_table(place / METADATA, columns=wanted).to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ManifestError(
            f"{printable(str(place))}/{METADATA} cannot be read: give a new or empty folder."
        ) from error
    return former_names(rows), {str(person): str(actor) for person, actor in actors.items()}


def _copy_all(root: Path, clips: pa.Table, names: Names, new: Path, watch: "Watch") -> dict[str, Written]:
    known = {}
    rows = clips.select(["id", "file", "file_sha256"]).to_pylist()
    for number, row in enumerate(rows):
        name = names.clips[row["id"]].file
        path = new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if _copy(root / row["file"], path) != row["file_sha256"]:
            raise wrong_hash(row["id"], root / row["file"])
        known[name] = file_hash(path)
        if known[name].sha256 != row["file_sha256"]:
            raise ManifestError(f"The copy of clip {row['id']} does not read back: check the disk and publish again.")
        watch("written", number + 1, len(rows))
    return known


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as original, target.open("xb") as copy:
        while block := original.read(_CHUNK):
            digest.update(block)
            copy.write(block)
    return digest.hexdigest()


def _write_metadata(clips: pa.Table, names: Names, files: list[str], new: Path) -> Shard:
    given = [names.clips[clip] for clip in clips.column("id").to_pylist()]
    labels = [emotion_of(row) for row in clips.select(list(_NAMED_BY)).to_pylist()]
    text, caption = clips.column("given_text"), clips.column("caption")
    emotions = [emotion_columns(name.emotion) for name in given]
    fields = plain_schema(CLIPS)
    columns: dict[str, Any] = {
        "file_name": files,
        "dh_actor": [name.actor for name in given],
        "dh_emotion": [emotion["emotion"] for emotion in emotions],
        "dh_compound": [emotion["compound"] for emotion in emotions],
        "dh_label_from": [who for _, who in labels],
        "dh_take": [name.take for name in given],
        "dh_text": pc.coalesce(text, caption),
        "dh_text_from": pc.case_when(pc.make_struct(text.is_valid(), caption.is_valid()), GIVEN, "caption"),
    }
    columns |= {name: clips.column(name) for name in CLIPS.names if name not in DH_COLUMNS}
    return write_file(new, METADATA, fields, regrouped([pa.table(columns, schema=fields)], GROUP_FRAMES))


def _write_frames(manifest: "Manifest", clips: pa.Table, names: Names, new: Path) -> Iterator[Shard]:
    """One file for each actor, its clips by source and id."""
    fields = plain_schema(DH_FRAMES)
    actors: dict[str, list[str]] = {}
    for clip, name in names.clips.items():
        actors.setdefault(name.actor, []).append(clip)
    for actor, ids in sorted(actors.items()):
        theirs = clips.filter(pc.is_in(clips.column("id"), value_set=pa.array(ids, pa.string())))
        tables = (_with_names(table, names, fields) for table in clip_frames(manifest, theirs))
        yield write_file(new / "frames", f"{actor}.parquet", fields, regrouped(tables, GROUP_FRAMES))


def _with_names(frames: pa.Table, names: Names, fields: pa.Schema) -> pa.Table:
    columns: dict[str, Any] = {name: frames.column(name) for name in FRAMES.names}
    columns["file_name"] = [names.clips[clip].file for clip in frames.column("clip").to_pylist()]
    columns["dh_action_units"] = _seen(frames.column("action_units"))
    return pa.table(columns, schema=fields)


def _seen(action_units: pa.ChunkedArray) -> pa.ListArray:
    """The FACS numbers of at least a trace, of each frame: what the set calls its action-unit labels.

    Raises:
        ManifestError: a frame has another number of intensities than there are action units.
    """
    lists = action_units.combine_chunks()
    there = lists.is_valid().to_numpy(zero_copy_only=False)
    if set(pc.unique(pc.drop_null(pc.list_value_length(lists))).to_pylist()) - {COUNT}:
        raise ManifestError("The action units of a frame are damaged: run moee manifest validate on the manifest.")
    seen = pc.list_flatten(lists).to_numpy(zero_copy_only=False).reshape(-1, COUNT) >= PRESENT
    counts = np.zeros(len(lists), np.int32)
    counts[there] = seen.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    items = pa.array(np.array(NUMBERS, np.uint8)[np.nonzero(seen)[1]])
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=pa.array(~there))

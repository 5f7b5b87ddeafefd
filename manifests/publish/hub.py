"""The hub form: Parquet with the clips' bytes inside, one set of files per split, and their frames and sources."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.errors import ManifestError
from manifests.publish.features import FILE, plain_schema
from manifests.publish.frames import FRAMES, clip_frames
from manifests.publish.markdown import many
from manifests.publish.places import SOURCES, published_sources
from manifests.publish.plan import Plan, wrong_hash
from manifests.publish.shards import (
    GROUP_BYTES,
    GROUP_CLIPS,
    GROUP_FRAMES,
    SHARDS,
    Shard,
    regrouped,
    write_file,
    write_shards,
)
from manifests.publish.sound import sound_of
from manifests.schema import schema
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

Watch = Callable[[str, int, int], None]
CLIPS: Final = pa.schema(
    [
        *(field for field in schema("clips") if field.name != "schema_version"),
        pa.field("video", FILE),
        pa.field("audio", FILE),
    ]
)
CONFIGS: Final = {"default": ("data", CLIPS), "frames": ("frames", FRAMES), "sources": ("sources", SOURCES)}


@dataclass(frozen=True)
class Written:
    """What one configuration holds: split -> its files."""

    shards: dict[str, list[Shard]]

    def rows(self, split: str) -> int:
        """Rows of a split."""
        return sum(shard.rows for shard in self.shards[split])


def write_hub(manifest: "Manifest", plan: Plan, folder: Path, limit: int, watch: Watch) -> dict[str, Written]:
    """Write the tables of the hub form and read every embedded file back.

    Args:
        manifest: where the clips come from.
        plan: which of them.
        folder: empty; gets data/, frames/ and sources/.
        limit: bytes of a file of data/, about; more where a split would have too many files.
        watch: told what is done, how many clips of how many.

    Returns:
        Configuration -> what it holds; a configuration without rows is left out.

    Raises:
        ManifestError: a clip's file is not the one in the manifest, or what was written does not read back.
    """
    limit = max(limit, -(-(pc.sum(plan.clips.column("file_bytes")).as_py() or 0) // SHARDS))
    written = {
        "default": Written(_write_clips(manifest, plan, folder / "data", limit, watch)),
        "frames": Written(_write_frames(manifest, plan, folder / "frames", limit)),
        "sources": Written({"sources": [_write_sources(manifest, plan, folder / "sources")]}),
    }
    _read_back(plan, written["default"], watch)
    return {name: config for name, config in written.items() if any(config.shards.values())}


def _write_clips(manifest: "Manifest", plan: Plan, folder: Path, limit: int, watch: Watch) -> dict[str, list[Shard]]:
    done = 0
    total = plan.clips.num_rows

    def counted(groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
        nonlocal done
        for group in groups:
            yield group
            done += group.num_rows
            watch("written", done, total)

    fields, size = plain_schema(CLIPS), min(GROUP_BYTES, limit)
    return {
        split: write_shards(folder, split, fields, counted(_clip_groups(manifest.root, plan.of(split), size)), limit)
        for split in plan.splits
    }


def _clip_groups(root: Path, clips: pa.Table, size: int) -> Iterator[pa.Table]:
    """Clips with their bytes, in groups of at most `size` bytes of media: memory stays bounded."""
    rows = clips.select(["id", "file", "file_sha256"]).to_pylist()
    first, media, pending = 0, 0, []
    for number, row in enumerate(rows):
        video, audio = _media_of(root, row)
        pending.append((video, audio))
        media += len(video["bytes"]) + (len(audio["bytes"]) if audio else 0)
        if media >= size or len(pending) >= GROUP_CLIPS:
            yield _group(clips.slice(first, len(pending)), pending)
            first, media, pending = number + 1, 0, []
    if pending:
        yield _group(clips.slice(first, len(pending)), pending)


def _media_of(root: Path, row: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    path = root / row["file"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{printable(str(path))} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != row["file_sha256"]:
        raise wrong_hash(row["id"], path)
    sound = sound_of(content, row["id"])
    video = {"bytes": content, "path": f"{row['id']}.mp4"}
    return video, {"bytes": sound, "path": f"{row['id']}.m4a"} if sound is not None else None


def _group(clips: pa.Table, media: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> pa.Table:
    columns = {name: clips.column(name) for name in CLIPS.names if name in clips.column_names}
    columns["video"] = pa.array([video for video, _ in media], FILE)
    columns["audio"] = pa.array([audio for _, audio in media], FILE)
    return pa.table(columns, schema=plain_schema(CLIPS))


def _write_frames(manifest: "Manifest", plan: Plan, folder: Path, limit: int) -> dict[str, list[Shard]]:
    fields = plain_schema(FRAMES)
    found = {}
    for split in plan.splits:
        tables = (table.cast(fields) for table in clip_frames(manifest, plan.of(split)))
        found[split] = write_shards(folder, split, fields, regrouped(tables, GROUP_FRAMES), limit)
    if not any(found.values()):
        folder.rmdir()
    return {split: shards for split, shards in found.items() if shards}


def _write_sources(manifest: "Manifest", plan: Plan, folder: Path) -> Shard:
    rows = published_sources(manifest, plan)
    return write_file(folder, "sources.parquet", rows.schema, regrouped([rows], GROUP_FRAMES))


def _read_back(plan: Plan, data: Written, watch: Watch) -> None:
    """Compare ids, counts and hashes of the written files with the manifest: nothing is lost silently."""
    done, total = 0, plan.clips.num_rows
    for split, ids in plan.splits.items():
        seen: list[str] = []
        for shard in data.shards[split]:
            for row in _rows_of(shard.path):
                _check_row(shard.path, row)
                seen.append(row["id"])
                done += 1
                watch("read back", done, total)
        if seen != sorted(ids):
            raise ManifestError(
                f"The split {split} was written with {many(len(seen), 'clip')}, not {len(ids)}: publish again."
            )


def _rows_of(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, columns=["id", "file_sha256", "video"]).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"{path.name} does not read back: check the disk and publish again.") from error


def _check_row(path: Path, row: dict[str, Any]) -> None:
    video = row["video"]
    if video is None or video["bytes"] is None or hashlib.sha256(video["bytes"]).hexdigest() != row["file_sha256"]:
        raise ManifestError(
            f"The clip {row['id']} in {path.name} does not read back: check the disk and publish again."
        )

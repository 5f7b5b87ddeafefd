"""What is published: the kept clips of each split, with their files checked, and what is left out and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.publish.markdown import many
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

SPLITS: Final = ("train", "validation", "test")
_LARGEST: Final = (1 << 31) - (1 << 20)  # bytes that an Arrow binary value holds


@dataclass(frozen=True)
class Plan:
    """The clips that are published.

    Attributes:
        clips: rows of `clips`, sorted by id.
        splits: split -> ids of its clips, in the order of `SPLITS`; only those that have clips.
        left_out: why -> ids of kept clips that are not published.
        unsplit: whether the manifest has no splits, so that every clip stands in train.
    """

    clips: pa.Table
    splits: dict[str, list[str]]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    unsplit: bool = False

    def of(self, split: str) -> pa.Table:
        """The clips of a split, sorted by id."""
        wanted = pa.array(self.splits[split], pa.string())
        return self.clips.filter(pc.is_in(self.clips.column("id"), value_set=wanted))


def plan_by_split(manifest: "Manifest") -> Plan:
    """Return the kept clips by split; without any splits all are in train.

    Raises:
        ManifestError: the manifest keeps no clip, or none that is in a split.
    """
    clips = kept_clips(manifest)
    ids, found = clips.column("id").to_pylist(), clips.column("split").to_pylist()
    if has_no_splits(manifest, clips):
        return Plan(clips, {"train": ids}, unsplit=True)
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    left_out: dict[str, list[str]] = {}
    notes = clips.column("split_note").to_pylist()
    for clip, split, note in zip(ids, found, notes, strict=True):
        if split in splits:
            splits[split].append(clip)
        else:
            left_out.setdefault(note or "in no split", []).append(clip)
    splits = {split: listed for split, listed in splits.items() if listed}
    if not splits:
        raise ManifestError("No kept clip is in a split: see split_note in the table clips.")
    named = pa.array([clip for listed in splits.values() for clip in listed], pa.string())
    return Plan(clips.filter(pc.is_in(clips.column("id"), value_set=named)), splits, left_out)


def has_no_splits(manifest: "Manifest", clips: pa.Table) -> bool:
    """Whether nobody has split the manifest, which is not the same as every clip being set aside."""
    split = clips.column("split")
    return split.null_count == len(split) and not manifest.table("splits", ["id"]).num_rows


def kept_clips(manifest: "Manifest") -> pa.Table:
    """Return the kept clips, sorted by id.

    Raises:
        ManifestError: there are none.
    """
    clips = manifest.table("clips")
    kept = clips.filter(pc.equal(clips.column("status"), "kept")).combine_chunks()
    if not kept.num_rows:
        raise ManifestError("The manifest keeps no clip, so there is nothing to publish: see moee manifest show.")
    return kept


def check_files(root: Path, clips: pa.Table) -> None:
    """Look at every clip's file before anything is written.

    Raises:
        ManifestError: files that are missing, of another size, or too large, counted, with the first named.
    """
    wrong = list(_wrong_files(root, clips))
    if wrong:
        clip, why = wrong[0]
        more = f" (and {many(len(wrong) - 1, 'more such clip')})" if len(wrong) > 1 else ""
        raise ManifestError(
            f"The file of clip {clip} {why}{more}: run the same moee curate command again, it makes what is missing."
        )


def _wrong_files(root: Path, clips: pa.Table) -> Iterator[tuple[str, str]]:
    for row in clips.select(["id", "file", "file_bytes", "file_sha256"]).to_pylist():
        name = row["file"]
        if name is None or row["file_sha256"] is None:
            yield row["id"], "was never exported"
            continue
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            yield row["id"], "lies outside the manifest's folder"
            continue
        path = root / name
        if not path.is_file():
            yield row["id"], "is missing"
        elif path.stat().st_size != row["file_bytes"]:
            yield row["id"], "has another size than it was written with"
        elif row["file_bytes"] > _LARGEST:
            yield row["id"], "is larger than 2 GB, more than a table can hold"


def wrong_hash(clip: str, path: Path) -> ManifestError:
    """The sentence for a file that is not what the manifest says."""
    return ManifestError(
        f"The file of clip {clip} is damaged (its hash differs): delete {printable(str(path))} and run the same "
        "moee curate command again."
    )

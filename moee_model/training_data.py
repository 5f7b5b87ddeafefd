"""What training reads of a dataset: clips with person, split, label and face, from a manifest or a published folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from manifests.names import names_of, person_of
from manifests.text import printable
from moee_model.batch import EXPERTS, NONE, Six
from moee_model.errors import ModelError
from moee_model.hub import folder_of

if TYPE_CHECKING:
    import pyarrow as pa

    from manifests.manifest import Manifest

USED: Final = ("train", "validation")
COLUMNS: Final = (
    "id", "source", "status", "identity", "dataset", "given_identity", "given_emotion", "given_compound", "given_text",
    "emotion", "compound", "ambiguous", "caption", "split", "crop_x0", "crop_y0", "crop_x1", "crop_y1", "source_width",
    "source_height", "file_sha256", "track", "start_frame", "end_frame", "start_pts", "time_base_num", "time_base_den",
)  # fmt: skip
"""Columns of `clips` that are read."""
SOURCE_COLUMNS: Final = ("id", "name", "origin", "sha256", "licence")
"""Columns of `sources` that are read."""
_BOX: Final = ("crop_x0", "crop_y0", "crop_x1", "crop_y1")
_PUBLISHED: Final = ("*.parquet", "videos/**", "README.md", "*.json")
"""Files of a published dataset on the hub; a star reaches into folders."""


@dataclass(frozen=True)
class TrainingClip:
    """A clip of one of the splits `train` and `validation`.

    sha256: of its file. person: as the data set names it, else as told apart, else its source. names: whatever a
    training list may call it by. label: weights of the six emotions, zeros: neutral, None: unknown. box: the square
    around the face in shares of the picture, None where the file shows it already or none was measured. picture: width
    and height of the displayed source. faces: changes when its landmarks or action units do. licence: as its source
    states it.
    """

    id: str
    sha256: str
    split: str
    person: str
    names: tuple[str, ...]
    label: Six | None
    caption: str | None
    box: tuple[float, float, float, float] | None
    cropped: bool
    picture: tuple[int, int]
    faces: str
    licence: str | None


@dataclass(frozen=True)
class Faces:
    """The face of a clip in every frame where it was seen.

    seconds: [n] float64 from the clip's start, rising. points: [n, 468 or 478, 3] float32 px of the displayed source.
    aus: [22] float32, 0..1, mean intensity of each action unit; None where none was measured.
    """

    seconds: np.ndarray
    points: np.ndarray
    aus: np.ndarray | None


NOBODY: Final = Faces(np.zeros(0), np.zeros((0, 468, 3), np.float32), None)


class TrainingData(Protocol):
    """A dataset to train on."""

    @property
    def place(self) -> str:
        """What it is called by."""

    @property
    def clips(self) -> Sequence[TrainingClip]:
        """Sorted by id."""

    @property
    def unused(self) -> int:
        """Kept clips of other splits or of none."""

    def file(self, clip: TrainingClip) -> AbstractContextManager[Path]:
        """Where the clip's file lies as long as the context lasts."""

    def faces(self, wanted: set[str]) -> Iterator[tuple[str, Faces | Exception]]:
        """The faces of these clips as they are stored, one after the other; clips without any are left out."""


def open_data(data: str | Path) -> TrainingData:
    """The dataset in a folder that `moee curate` or `moee publish` wrote, or a published one on the hub.

    Args:
        data: folder, or `organisation/name`.

    Raises:
        ModelError: it is none of these, holds no splits, or has no clip to train on.
    """
    from moee_model.published_data import PublishedData

    folder = folder_of(data, _PUBLISHED, dataset=True)
    if (folder / "manifest.json").exists() or (folder / "heads").is_dir():
        found: TrainingData = ManifestData(folder)
    elif any((folder / name).exists() for name in ("metadata.parquet", "data")):
        found = PublishedData(folder, str(data))
    else:
        raise ModelError(
            f"There is no dataset in {printable(str(data))}: give a folder that moee curate or moee publish wrote."
        )
    if not any(clip.split == "train" for clip in found.clips):
        raise ModelError(f"No clip of {printable(str(data))} is in the split train: see moee manifest split.")
    return found


class ManifestData:
    """The kept clips of a curated manifest."""

    def __init__(self, folder: Path) -> None:
        import manifests
        from manifests.errors import ManifestError

        try:
            self._manifest: Manifest = manifests.open(folder)
            table = self._manifest.table("clips", [*COLUMNS, "file"])
            sources = self._manifest.table("sources", SOURCE_COLUMNS).to_pylist()
        except ManifestError as error:
            raise ModelError(str(error)) from error
        self.place = str(folder.resolve())
        rows = [row for row in table.to_pylist() if row["status"] == "kept"]
        check_splits(rows, printable(str(folder)))
        cropped = (self._manifest.recipe.get("export") or {}).get("crop") == "face"
        of_source = {row["id"]: row for row in sources}
        used = [row for row in rows if row["split"] in USED]
        self.clips = [
            training_clip(row, of_source.get(row["source"], {}), cropped, self._faces_of(row["source"])) for row in used
        ]
        self.unused = len(rows) - len(used)
        self._rows = {row["id"]: row for row in used}
        self._table = table

    def _faces_of(self, source: str) -> str:
        """The hashes of the files with the frames of a source."""
        content = self._manifest.content
        return hashlib.sha256(
            json.dumps([content[name].get(source) for name in ("frames", "expressions")], sort_keys=True).encode()
        ).hexdigest()

    def file(self, clip: TrainingClip) -> AbstractContextManager[Path]:
        """See `TrainingData`."""
        return nullcontext(inside(self._manifest.root, self._rows[clip.id]["file"]))

    def faces(self, wanted: set[str]) -> Iterator[tuple[str, Faces | Exception]]:
        """See `TrainingData`; every source's frames are read once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from manifests.errors import ManifestError
        from manifests.publish.frames import clip_frames

        by_source: dict[str, list[str]] = {}
        for clip in sorted(wanted):
            by_source.setdefault(self._rows[clip]["source"], []).append(clip)
        for ids in by_source.values():
            rows = self._table.filter(pc.is_in(self._table.column("id"), value_set=pa.array(ids, pa.string())))
            try:
                for frames in clip_frames(self._manifest, rows):
                    clip = frames.column("clip")[0].as_py()
                    yield clip, faces_of(frames, picture_of(self._rows[clip]))
            except (ManifestError, OSError, pa.ArrowException) as error:  # it costs the clips of its source only
                yield from ((clip, error) for clip in ids)


def training_clip(row: dict[str, Any], source: dict[str, Any], cropped: bool, faces: str) -> TrainingClip:
    """A clip from its row of `clips` and the row of its source."""
    return TrainingClip(
        id=row["id"],
        sha256=row["file_sha256"] or "none",
        split=row["split"],
        person=person_of(row),
        names=names_of(row, source),
        label=label_of(row),
        caption=row["given_text"] or row["caption"],
        box=None if any(row[name] is None for name in _BOX) else tuple(row[name] for name in _BOX),
        cropped=cropped,
        picture=picture_of(row),
        faces=faces,
        licence=source.get("licence"),
    )


def picture_of(row: dict[str, Any]) -> tuple[int, int]:
    """Width and height of the displayed source of a clip."""
    return row["source_width"], row["source_height"]


def label_of(row: dict[str, Any]) -> Six | None:
    """What a clip's data set says it shows, else what was measured without doubt; None for what the six emotions cannot
    tell, such as contempt."""
    from manifests.emotions import COMPOUNDS

    emotion, compound = row["given_emotion"], row["given_compound"]
    if not (emotion or compound) and not row["ambiguous"]:
        emotion, compound = row["emotion"], row["compound"]
    parts = COMPOUNDS.get(compound, ()) if compound else (emotion,)
    if not compound and emotion == "neutral":
        return NONE
    if not parts or any(part not in EXPERTS for part in parts):
        return None
    a, b, c, d, e, f = ((name in parts) / len(parts) for name in EXPERTS)
    return a, b, c, d, e, f


def check_splits(rows: Sequence[dict[str, Any]], shown: str) -> None:
    """Raise ModelError for a dataset without clips, or without any split."""
    if not rows:
        raise ModelError(f"{shown} holds no kept clip: moee manifest show says why.")
    if not any(row["split"] for row in rows):
        raise ModelError(
            f"The clips of {shown} are in no split, so nobody could be kept for tests: run moee curate again and see "
            "moee manifest split."
        )


def inside(root: Path, name: str | None) -> Path:
    """A file that a table names, which must lie in the table's folder."""
    parts = PurePosixPath(name or "/")
    if parts.is_absolute() or ".." in parts.parts:
        raise ModelError("its file lies outside the dataset's folder.")
    return root / parts


def faces_of(frames: pa.Table, picture: tuple[int, int]) -> Faces:
    """The faces in rows of `manifests.publish.frames.FRAMES` of one clip.

    Args:
        frames: with the columns `time`, `landmarks` and `action_units`. picture: of the displayed source, px.
    """
    import pyarrow.compute as pc

    from manifests.action_units import COUNT, STEPS
    from manifests.schema import landmark_pixels

    lists = frames.column("landmarks").combine_chunks()
    seen = lists.is_valid().to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(lists).to_numpy(zero_copy_only=False)
    count = int(seen.sum())
    points = landmark_pixels(flat, *picture).reshape(count, -1, 3) if count else NOBODY.points
    units = pc.list_flatten(frames.column("action_units").combine_chunks()).to_numpy(zero_copy_only=False)
    aus = None
    if len(units):
        aus = (units.reshape(-1, COUNT).mean(0) / (5 * STEPS)).astype(np.float32)
    return Faces(frames.column("time").to_numpy()[seen], points, aus)

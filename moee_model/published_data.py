"""A published dataset as training reads it: Parquet with embedded clips, or files named as in DH-FaceEmoVid-150."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.text import printable
from moee_model.errors import ModelError
from moee_model.training_data import (
    COLUMNS,
    SOURCE_COLUMNS,
    USED,
    Faces,
    TrainingClip,
    check_splits,
    faces_of,
    inside,
    picture_of,
    training_clip,
)

if TYPE_CHECKING:
    import pyarrow as pa

_FACES: Final = ["clip", "time", "landmarks", "action_units"]
_CROP: Final = re.compile(r'"export": \{[^}]*"crop": "(\w+)"')


class PublishedData:
    """The clips in the splits of a folder that `moee publish` wrote.

    Args:
        folder: the folder. place: what the user calls it by.
    """

    def __init__(self, folder: Path, place: str) -> None:
        self.place = place if not Path(place).exists() else str(folder.resolve())
        self._root = folder
        files = sorted((folder / "data").glob("*.parquet"))
        self._named = not files
        rows = self._rows_of(files or [folder / "metadata.parquet"])
        check_splits(rows, printable(place))
        used = sorted((row for row in rows if row["split"] in USED), key=lambda row: row["id"])
        sources = self._sources()
        cropped, faces = self._cropped(), self._faces_key()
        self.clips = [training_clip(row, sources.get(row["source"], {}), cropped, faces) for row in used]
        self.unused = len(rows) - len(used)
        self._rows = {row["id"]: row for row in used}

    def _rows_of(self, files: list[Path]) -> list[dict[str, Any]]:
        """Rows of `clips` with the file and the row group that each stands in."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        extra = ["file_name"] if self._named else []
        rows = []
        for path in files:
            try:
                with pq.ParquetFile(path) as file:
                    for group in range(file.num_row_groups):
                        found = file.read_row_group(group, columns=[*COLUMNS, *extra])
                        if set(found.column_names) < {*COLUMNS, *extra}:
                            raise ModelError(f"{printable(str(path))} lacks columns: publish it with this version.")
                        rows += [{**row, "file": path, "group": group} for row in found.to_pylist()]
            except (pa.ArrowException, OSError) as error:
                raise ModelError(f"{printable(str(path))} cannot be read as a table: publish it again.") from error
        return rows

    def _sources(self) -> dict[str, dict[str, Any]]:
        import pyarrow.parquet as pq

        for path in (self._root / "sources" / "sources.parquet", self._root / "sources.parquet"):
            if path.exists():
                rows = pq.read_table(path, columns=list(SOURCE_COLUMNS), partitioning=None).to_pylist()
                return {row["id"]: row for row in rows}
        return {}

    def _cropped(self) -> bool:
        """Whether the files show the square around the face: the card holds the recipe."""
        card = self._root / "README.md"
        found = _CROP.search(card.read_text(encoding="utf-8", errors="replace")) if card.exists() else None
        return found is not None and found.group(1) == "face"

    def _frame_files(self) -> list[Path]:
        return sorted((self._root / "frames").glob("*.parquet"))

    def _faces_key(self) -> str:
        """Changes when any of the files with frames does: their Parquet footers hold statistics and sizes of all."""
        digest = hashlib.sha256()
        for path in self._frame_files():
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(max(0, size - (1 << 16)))
                digest.update(f"{path.name}:{size}:".encode() + file.read())
        return digest.hexdigest()

    def file(self, clip: TrainingClip) -> AbstractContextManager[Path]:
        """See `TrainingData`; an embedded clip is put into a file for as long as it is needed."""
        if self._named:
            return nullcontext(inside(self._root, self._rows[clip.id]["file_name"]))
        return self._unpacked(clip.id)

    @contextmanager
    def _unpacked(self, clip: str) -> Iterator[Path]:
        import pyarrow.parquet as pq

        row = self._rows[clip]
        with pq.ParquetFile(row["file"]) as file:
            table = file.read_row_group(row["group"], columns=["id", "video"])
        video = table.column("video")[table.column("id").to_pylist().index(clip)].as_py()
        if video is None or video["bytes"] is None:
            raise ModelError("its video is not embedded: publish the dataset with its media.")
        with tempfile.NamedTemporaryFile(suffix=".mp4", prefix="moee-") as held:
            held.write(video["bytes"])
            held.flush()
            yield Path(held.name)

    def faces(self, wanted: set[str]) -> Iterator[tuple[str, Faces | Exception]]:
        """See `TrainingData`; the rows of a clip follow each other."""
        held: list[pa.Table] = []
        for path in self._frame_files():
            for part in self._parts(path, wanted):
                if held and held[0].column("clip")[0] != part.column("clip")[0]:
                    yield self._told(held)
                    held = []
                held.append(part)
        if held:
            yield self._told(held)

    def _parts(self, path: Path, wanted: set[str]) -> Iterator[pa.Table]:
        """Rows of wanted clips, those of one clip in a row group at a time."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                there = dict.fromkeys(file.read_row_group(group, columns=["clip"]).column("clip").to_pylist())
                if wanted.isdisjoint(there):
                    continue
                rows = file.read_row_group(group, columns=_FACES)
                for clip in (clip for clip in there if clip in wanted):
                    yield _of_clip(rows, clip)

    def _told(self, parts: list[pa.Table]) -> tuple[str, Faces | Exception]:
        import pyarrow as pa

        clip = parts[0].column("clip")[0].as_py()
        try:
            return clip, faces_of(pa.concat_tables(parts), picture_of(self._rows[clip]))
        except (pa.ArrowException, ValueError) as error:
            return clip, error


def _of_clip(rows: pa.Table, clip: str) -> pa.Table:
    import pyarrow.compute as pc

    return rows.filter(pc.equal(rows.column("clip"), clip))

"""Reads a folder in the form of DH-FaceEmoVid-150 back into the tables that it was published from."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import ManifestError
from manifests.files import file_hash
from manifests.publish.dh import DH_COLUMNS, METADATA
from manifests.publish.features import plain_schema
from manifests.publish.frames import FRAMES
from manifests.schema import conform
from manifests.text import printable


@dataclass(frozen=True)
class DhFolder:
    """What was published.

    Attributes:
        root: the folder.
        clips: rows of `clips`, sorted by id, as they were in the manifest.
        names: `id` and the columns of `manifests.publish.dh.DH_COLUMNS` of the same rows.
    """

    root: Path
    clips: pa.Table
    names: pa.Table

    def frames(self, actor: str | None = None) -> pa.Table:
        """Return the frames of the clips of one actor, or of all, as `manifests.publish.frames.FRAMES`.

        Raises:
            ManifestError: there is no such actor, or the file is damaged.
        """
        known = sorted(set(self.names.column("dh_actor").to_pylist()))
        if actor is not None and actor not in known:
            raise ManifestError(f"There is no actor {printable(actor)} in {printable(str(self.root))}.")
        wanted = known if actor is None else [actor]
        fields = plain_schema(FRAMES)
        paths = [self.root / "frames" / f"{name}.parquet" for name in wanted]
        return pa.concat_tables([fields.empty_table(), *(_read(path, FRAMES.names).cast(fields) for path in paths)])

    def file(self, clip: str) -> Path:
        """Return where the file of a clip lies.

        Raises:
            ManifestError: there is no such clip.
        """
        ids = self.names.column("id").to_pylist()
        if clip not in ids:
            raise ManifestError(f"There is no clip {printable(clip)} in {printable(str(self.root))}.")
        return self.root / self.names.column("file_name")[ids.index(clip)].as_py()


def read_dh(folder: str | Path, *, check_files: bool = True) -> DhFolder:
    """Read a folder that `moee publish --form dh-faceemovid-150` wrote.

    Args:
        folder: the folder.
        check_files: whether the SHA-256 of every video is compared.

    Raises:
        ManifestError: not such a folder, a damaged table, or a video that is missing or another one.
    """
    root = Path(folder)
    table = _read(root / METADATA)
    lacking = [name for name in (*DH_COLUMNS, "id", "file_sha256") if name not in table.column_names]
    if lacking:
        raise ManifestError(
            f"{printable(str(root / METADATA))} lacks the column {lacking[0]}: publish it again with this version."
        )
    clips = conform("clips", table.drop_columns(list(DH_COLUMNS)))
    found = DhFolder(root, clips, table.select(["id", *DH_COLUMNS]))
    if check_files:
        for row in table.select(["id", "file_name", "file_sha256"]).to_pylist():
            _check(root, row)
    return found


def _check(root: Path, row: dict[str, Any]) -> None:
    name = row["file_name"]
    parts = PurePosixPath(name or "/")
    if parts.is_absolute() or ".." in parts.parts or not (root / name).is_file():
        raise ManifestError(f"The file of clip {printable(str(row['id']))} is missing: {printable(str(name))}.")
    if file_hash(root / name).sha256 != row["file_sha256"]:
        raise ManifestError(f"The file of clip {printable(str(row['id']))} is damaged: {printable(str(name))}.")


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    name = printable(str(path))
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except FileNotFoundError as error:
        raise ManifestError(f"There is no {name}: give a folder that moee publish wrote.") from error
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"{name} cannot be read as a table: publish the folder again.") from error

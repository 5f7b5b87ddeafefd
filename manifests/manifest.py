"""A manifest on disk, opened for reading: `manifests.open(DIR).clips` is a pandas frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.files import read_json
from manifests.parquet import read_table
from manifests.schema import FRAME_TABLES, SCHEMA_VERSION, SNAPSHOT_TABLES, TABLES, empty
from manifests.snapshot import MANIFEST
from manifests.text import nearest, printable

if TYPE_CHECKING:
    import pandas as pd

    from manifests.show import Summary

_CONTENT = {"tables": dict, **dict.fromkeys(FRAME_TABLES, dict), "stages": list, "recipe": dict}


class Manifest:
    """The tables of one output folder; each is read from disk when asked for."""

    def __init__(self, root: Path, content: dict[str, Any]) -> None:
        self.root = root
        self.content = content

    @property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe, as plain JSON values."""
        return self.content["recipe"]

    @property
    def stages(self) -> list[str]:
        """The stages in the order in which they ran."""
        return self.content["stages"]

    @property
    def clips(self) -> "pd.DataFrame":
        """The kept clips."""
        kept = self.table("clips")
        return kept.filter(pc.equal(kept.column("status"), "kept")).to_pandas()

    @property
    def all_clips(self) -> "pd.DataFrame":
        """Every measured candidate, kept, dropped or failed, with its reasons."""
        return self.table("clips").to_pandas()

    @property
    def sources(self) -> "pd.DataFrame":
        """The inputs, also those that failed."""
        return self.table("sources").to_pandas()

    @property
    def shots(self) -> "pd.DataFrame":
        """The shots of every source."""
        return self.table("shots").to_pandas()

    @property
    def tracks(self) -> "pd.DataFrame":
        """The face tracks of every source."""
        return self.table("tracks").to_pandas()

    @property
    def speech(self) -> "pd.DataFrame":
        """The turns of speech of every source."""
        return self.table("speech").to_pandas()

    @property
    def identities(self) -> "pd.DataFrame":
        """The person of every embedded face track."""
        return self.table("identities").to_pandas()

    @property
    def duplicates(self) -> "pd.DataFrame":
        """The common parts of two sources."""
        return self.table("duplicates").to_pandas()

    @property
    def splits(self) -> "pd.DataFrame":
        """The split of every person, or of every source where nothing tells the person."""
        return self.table("splits").to_pandas()

    @property
    def certificate(self) -> dict[str, Any]:
        """What the splits are worth, as plain JSON values."""
        from manifests.certificate import certificate, stored

        return stored(self) or certificate(self, self.recipe)

    @property
    def outcomes(self) -> "pd.DataFrame":
        """What became of every source and clip at every stage."""
        return self.table("outcomes").to_pandas()

    def frames(self, source: str | None = None) -> "pd.DataFrame":
        """Return the frames of one source's tracks, or of all sources (which may not fit in memory).

        Raises:
            ManifestError: an unknown source, or a damaged file.
        """
        return self._of_frames("frames", source)

    def expressions(self, source: str | None = None) -> "pd.DataFrame":
        """Return what each frame's face says, of one source's tracks or of all sources (which may not fit in memory).

        Raises:
            ManifestError: an unknown source, or a damaged file.
        """
        return self._of_frames("expressions", source)

    def frame_sources(self) -> Iterator[str]:
        """Yield the ids of the sources that have frames, sorted."""
        yield from sorted(self.content["frames"])

    def frames_table(self, source: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the frames of one source as an Arrow table; empty when it has none.

        Raises:
            ManifestError: an unknown source, or a damaged file.
        """
        return self._frame_table("frames", source, columns)

    def expressions_table(self, source: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return action units and emotions of one source's frames as an Arrow table; empty when it has none.

        Raises:
            ManifestError: an unknown source, or a damaged file.
        """
        return self._frame_table("expressions", source, columns)

    def _of_frames(self, table: str, source: str | None) -> "pd.DataFrame":
        sources = sorted(self.content[table]) if source is None else [source]
        return pa.concat_tables([empty(table), *(self._frame_table(table, item) for item in sources)]).to_pandas()

    def _frame_table(self, table: str, source: str, columns: Sequence[str] | None = None) -> pa.Table:
        if source not in self.content[table]:
            known = self.table("sources", ["id"]).column("id").to_pylist()
            if source not in known:
                raise ManifestError(f"The manifest has no source {printable(source)}.")
            nothing = empty(table)
            return nothing if columns is None else nothing.select(list(columns))
        return read_table(table, self.root / table / f"{source}.parquet", columns=columns)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a table as Arrow, sorted by id.

        Args:
            name: sources, shots, tracks, speech, clips or outcomes.
            columns: the columns to read, None for all.

        Raises:
            ManifestError: an unknown table, or a damaged file.
        """
        if name not in SNAPSHOT_TABLES:
            hint = f"its rows lie per source: use {name}(source)." if name in FRAME_TABLES else nearest(name, TABLES)
            raise ManifestError(f"There is no table {printable(name)}: {hint}")
        return read_table(name, self.root / f"{name}.parquet", columns=columns)

    def summary(self) -> "Summary":
        """Return the counts of inputs, clips, reasons and failures that `moee manifest show` prints."""
        from manifests.show import summarise

        return summarise(self)


def open(folder: str | Path) -> Manifest:
    """Open the manifest in a folder and check that its tables are the ones it was written with, by their sizes.

    Args:
        folder: an output folder of `moee curate`.

    Raises:
        ManifestError: not a manifest, one that is half replaced, or one of another version.
    """
    root = Path(folder)
    content = read_content(root)
    for table in SNAPSHOT_TABLES:
        path, entry = root / f"{table}.parquet", content["tables"].get(table)
        if entry is None or not path.is_file() or path.stat().st_size != entry["bytes"]:
            raise ManifestError(
                f"The manifest in {printable(str(root))} is half replaced ({path.name} is not the one it was "
                "written with): run the same moee curate command again."
            )
    return Manifest(root, content)


def read_content(root: Path) -> dict[str, Any]:
    """Return manifest.json of a folder.

    Raises:
        ManifestError: there is none, its snapshot is not finished, it is damaged, or of another version.
    """
    name = printable(str(root))
    try:
        content = read_json(root / MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        if (root / "heads").is_dir():
            raise ManifestError(
                f"The manifest in {name} is not finished: run the same moee curate command again."
            ) from error
        raise ManifestError(f"There is no manifest in {name}: give a folder that moee curate --out wrote.") from error
    except OSError as error:
        raise ManifestError(f"The manifest in {name} cannot be read: {error.strerror}.") from error
    if content.get("schema_version") != SCHEMA_VERSION:
        found = printable(str(content.get("schema_version")))
        raise ManifestError(
            f"The manifest in {name} has version {found}, this program reads {SCHEMA_VERSION}: curate the same sources "
            "into it again."
        )
    if not all(isinstance(content.get(key), kind) for key, kind in _CONTENT.items()):
        raise ManifestError(f"manifest.json in {name} is damaged: run the same moee curate command again.")
    return content

"""What is to be made again: a published form without media, or a manifest's own folder, read and checked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.errors import CurationError
from curation.rebuild import hub
from manifests.text import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from manifests.recipe import Export

CLIP_COLUMNS: Final = (
    "id", "source", "start_pts", "end_pts", "time_base_num", "time_base_den", "crop_x0", "crop_y0", "crop_x1",
    "crop_y1", "source_width", "source_height", "file_sha256",
)  # fmt: skip
_IDS: Final = {"clips": r"c_[0-9a-f]{16}", "sources": r"s_[0-9a-f]{16}", "shots": r"h_[0-9a-f]{16}"}
_BATCH: Final = 16  # fingerprints read at once


@dataclass(frozen=True)
class Published:
    """A manifest to be made again.

    Attributes:
        folder: where it lies here.
        own: it is a manifest's own folder, whose local sources may still lie where they lay.
        content: its manifest.json.
        export: how its clips were cut.
        tables: table -> its rows: clips (the kept ones), sources and shots (theirs), sorted by id.
        prints: files with the fingerprints.
    """

    folder: Path
    own: bool
    content: dict[str, Any]
    export: "Export"
    tables: "dict[str, pa.Table]"
    prints: Sequence[Path]

    def sources(self) -> list[dict[str, Any]]:
        """The rows of the sources, sorted by id."""
        return self.tables["sources"].to_pylist()

    def clips_of(self) -> dict[str, list[dict[str, Any]]]:
        """Source -> what is needed of its clips, sorted by id."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.tables["clips"].select(list(CLIP_COLUMNS)).to_pylist():
            found.setdefault(row["source"], []).append(row)
        return found

    def fingerprints(self, wanted: set[str]) -> "Iterator[tuple[str, pa.Table]]":
        """The fingerprints of some sources, a few in memory at a time: (source, its one row)."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for path in self.prints:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH):
                rows = pa.Table.from_batches([batch])
                for number, source in enumerate(rows.column("source").to_pylist()):
                    if source in wanted:
                        yield source, rows.slice(number, 1).combine_chunks()


def read(place: str) -> Published:
    """Return what a folder or `hf:ORG/NAME` holds.

    Raises:
        CurationError: it holds neither a form without media nor a manifest, or it is damaged or of another version.
        ManifestError: as `manifests.open`.
    """
    from manifests.files import read_json

    folder = hub.fetched(place) if place.startswith(hub.PREFIX) else Path(place)
    try:
        content = read_json(folder / "manifest.json")
    except (FileNotFoundError, NotADirectoryError):
        raise CurationError(
            f"{printable(place)} holds no manifest.json: give a folder that moee publish --media none or moee curate "
            "wrote, or hf:ORG/NAME"
        ) from None
    published = _bare(folder, content) if "moee_bare" in content else _own(folder)
    _check_ids(published)
    return published


def _bare(folder: Path, content: dict[str, Any]) -> Published:
    from manifests.publish.bare import FORMAT
    from manifests.schema import SCHEMA_VERSION

    name = printable(str(folder))
    if content.get("moee_bare") != FORMAT or content.get("schema_version") != SCHEMA_VERSION:
        raise CurationError(f"{name} was published by another version of this program: rebuild it with that one")
    files = _checked_files(folder, content)
    tables = {
        table: _read_tables(table, [path for path in files if path.parent.name == place])
        for table, place in (("clips", "data"), ("sources", "sources"), ("shots", "shots"))
    }
    prints = [path for path in files if path.parent.name == "fingerprints"]
    return Published(folder, False, content, _export(folder, content), tables, prints)


def _checked_files(folder: Path, content: dict[str, Any]) -> list[Path]:
    """The files that manifest.json names, each with the hash that it says."""
    from manifests.files import file_hash

    files = content.get("files")
    if not isinstance(files, dict):
        raise _damaged(folder)
    found = []
    for name, entry in sorted(files.items()):
        if not re.fullmatch(r"(data|sources|shots|fingerprints)/[A-Za-z0-9_.-]+\.parquet", name):
            raise _damaged(folder)
        path = folder / name
        try:
            same = file_hash(path).sha256 == entry["sha256"]
        except (OSError, TypeError, KeyError):
            same = False
        if not same:
            raise CurationError(f"{printable(str(path))} is missing or damaged: fetch the published folder again")
        found.append(path)
    return found


def _read_tables(table: str, paths: Sequence[Path]) -> "pa.Table":
    """The rows of a published table in this program's own schema, sorted by id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from manifests.errors import ManifestError
    from manifests.schema import conform, empty

    try:
        parts = [_filled(table, pq.ParquetFile(path).read(use_threads=False)) for path in paths]
        rows = pa.concat_tables([empty(table), *(conform(table, part) for part in parts)])
    except (pa.ArrowException, OSError, ManifestError) as error:
        raise CurationError(f"the table {table} of the published folder is damaged: fetch it again ({error})") from None
    return rows.sort_by("id").combine_chunks()


def _filled(table: str, rows: "pa.Table") -> "pa.Table":
    """What a published table leaves out: of a local file the place where it lay, its name stands for it."""
    import pyarrow.compute as pc

    if table != "sources":
        return rows
    column = pc.coalesce(rows.column("origin"), rows.column("name"))
    return rows.set_column(rows.schema.get_field_index("origin"), "origin", column)


def _own(folder: Path) -> Published:
    import pyarrow.compute as pc

    import manifests

    manifest = manifests.open(folder)
    clips = manifest.table("clips")
    clips = clips.filter(pc.equal(clips.column("status"), "kept"))
    tables = {"clips": clips}
    for table, column in (("sources", "source"), ("shots", "shot")):
        rows = manifest.table(table)
        tables[table] = rows.filter(pc.is_in(rows.column("id"), value_set=pc.unique(clips.column(column))))
    export = _export(folder, manifest.content)
    return Published(folder, True, manifest.content, export, tables, [folder / "fingerprints.parquet"])


def _export(folder: Path, content: dict[str, Any]) -> "Export":
    from pydantic import ValidationError

    from manifests.recipe import Export

    try:
        return Export.model_validate((content.get("recipe") or {}).get("export") or {})
    except (ValidationError, AttributeError):
        raise _damaged(folder) from None


def _check_ids(published: Published) -> None:
    """Ids name files here: nothing but an id of ours may stand in their place."""
    for table, form in _IDS.items():
        for name in published.tables[table].column("id").to_pylist():
            if not re.fullmatch(form, name):
                raise CurationError(f"{printable(name)[:60]} is no id of {table}: fetch the published folder again")
    known = set(published.tables["sources"].column("id").to_pylist())
    if lost := sorted(set(published.tables["clips"].column("source").to_pylist()) - known):
        raise CurationError(f"the source {printable(lost[0])} of a clip is not in the published folder: fetch it again")


def _damaged(folder: Path) -> CurationError:
    return CurationError(f"manifest.json in {printable(str(folder))} is damaged: fetch the published folder again")

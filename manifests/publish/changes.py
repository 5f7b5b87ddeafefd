"""What changed between the version on the Hub and the one that is published now, as `moee manifest diff` counts it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.diff import Difference, diff
from manifests.publish.features import MEDIA
from manifests.publish.markdown import count, many
from manifests.publish.remote import Head, Remote
from manifests.schema import FRAME_TABLES, SNAPSHOT_TABLES, schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_COLUMNS: Final = 5  # that are named
_FOLDER: Final = "data/"


@dataclass(frozen=True)
class _Clips:
    """Published clips, in the form in which `manifests.diff` reads a manifest: no other table has rows."""

    clips: pa.Table
    content: dict[str, Any] = field(
        default_factory=lambda: (
            {"tables": {name: {"rows": 0} for name in SNAPSHOT_TABLES}} | {n: {} for n in FRAME_TABLES}
        )
    )

    def table(self, name: str, columns: list[str]) -> pa.Table:
        return self.clips.select(columns)


def described(remote: Remote, head: Head, folder: Path) -> str:
    """Compare the clips of a repository with those of a published folder.

    Args:
        remote: the repository. head: its newest commit. folder: the files that are published now.

    Returns:
        Words for the card: clips that are new, gone or changed, and the columns that changed most.
    """
    names = sorted(name for name in head.files if name.startswith(_FOLDER) and name.endswith(".parquet"))
    try:
        before = _read(remote.open(name, head.commit) for name in names)
    except (pa.ArrowException, OSError):
        return "not compared: the tables of the version before cannot be read"
    now = _read(path for path in sorted((folder / _FOLDER).rglob("*.parquet")))
    return words(diff(cast("Manifest", before), cast("Manifest", now)))


def words(found: Difference) -> str:
    """Return a difference as one line."""
    line = (
        f"{many(len(found.added), 'clip')} added, {count(len(found.removed))} removed, "
        f"{count(len(found.changed))} changed"
    )
    most = sorted(found.columns.items(), key=lambda item: (-item[1], item[0]))[:_COLUMNS]
    return line + (f" ({', '.join(f'{name} in {clips}' for name, clips in most)})" if most else "")


def _read(files: Iterable[Any]) -> _Clips:
    """The clips of Parquet files, without their media; a column that an older version lacked is null."""
    fields = pa.schema([item.remove_metadata().with_nullable(True) for item in schema("clips")])
    tables = []
    for file in files:
        with pq.ParquetFile(file, pre_buffer=True) as opened:
            wanted = [name for name in fields.names if name in opened.schema_arrow.names and name not in MEDIA]
            tables.append(opened.read(columns=wanted).replace_schema_metadata(None))
    columns: dict[str, Any] = {}
    whole = pa.concat_tables(tables, promote_options="default") if tables else None
    for item in fields:
        held = whole is not None and item.name in whole.column_names
        rows = 0 if whole is None else whole.num_rows
        columns[item.name] = whole.column(item.name).cast(item.type) if held and whole else pa.nulls(rows, item.type)
    table = pa.table(columns, schema=fields)
    return _Clips(table.take(pc.sort_indices(table.column("id"))))

"""Rows of a manifest that are too many or too wide to hold: clips in batches, and what belongs to one clip."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_BATCH: Final = 65_536  # clips
_FRAMES: Final = 2_048  # rows of frames: 6 MB of landmarks


def batches(manifest: "Manifest", columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the clips in their order, at most 65,536 at a time.

    Raises:
        ManifestError: the table is damaged.
    """
    with _opened("clips", manifest.root / "clips.parquet") as file:
        for batch in file.iter_batches(_BATCH, columns=list(columns), use_threads=False):
            yield pa.Table.from_batches([batch])


def one(manifest: "Manifest", table: str, id_: str) -> dict[str, Any] | None:
    """Return the row of an id of a table that is sorted by id; None where there is none.

    Raises:
        ManifestError: the table is damaged.
    """
    with _opened(table, manifest.root / f"{table}.parquet") as file:
        for group in _groups(file, {"id": lambda low, high: low <= id_ <= high}):
            ids = file.read_row_group(group, columns=["id"], use_threads=False).column("id")
            place = pc.index(ids, id_).as_py()
            if place >= 0:
                return file.read_row_group(group, use_threads=False).slice(place, 1).to_pylist()[0]
    return None


def frame_rows(
    manifest: "Manifest", table: str, source: str, track: str, span: tuple[int, int], columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Yield the rows of one track in a span of a source's frames, a few at a time.

    Args:
        manifest: an opened one.
        table: frames or expressions.
        source: its id.
        track: its id.
        span: first frame, first frame after it.
        columns: to read; `track` and `frame` are always read.

    Returns:
        Yields tables of at most 2,048 rows in the order of the file; none where the source has no such rows.

    Raises:
        ManifestError: a damaged file.
    """
    path = manifest.root / table / f"{source}.parquet"
    if source not in manifest.content.get(table, {}) or PurePath(source).name != source:
        return
    names = list(dict.fromkeys(("track", "frame", *columns)))
    bounds: dict[str, Callable[[Any, Any], bool]] = {
        "track": lambda low, high: low <= track <= high,
        "frame": lambda low, high: low < span[1] and span[0] <= high,
    }
    with _opened(table, path) as file:
        groups = _groups(file, bounds)
        for batch in file.iter_batches(_FRAMES, row_groups=groups, columns=names, use_threads=False):
            inside = pc.and_(pc.greater_equal(batch.column("frame"), span[0]), pc.less(batch.column("frame"), span[1]))
            mine = batch.filter(pc.and_(pc.equal(batch.column("track"), track), inside))
            if mine.num_rows:
                yield pa.Table.from_batches([mine])


def _groups(file: pq.ParquetFile, bounds: dict[str, Callable[[Any, Any], bool]]) -> list[int]:
    """Row groups that may hold what is looked for, by the least and greatest value of some columns."""
    found = []
    for group in range(file.metadata.num_row_groups):
        row_group = file.metadata.row_group(group)
        columns = (row_group.column(place) for place in range(row_group.num_columns))
        ranges = {column.path_in_schema: column.statistics for column in columns if column.path_in_schema in bounds}
        if all(
            stats is None or not stats.has_min_max or bounds[name](stats.min, stats.max)
            for name, stats in ranges.items()
        ):
            found.append(group)
    return found


@contextmanager
def _opened(table: str, path: Path) -> Iterator[pq.ParquetFile]:
    from manifests.errors import ManifestError
    from manifests.schema import schema
    from manifests.text import printable

    name = printable(str(path))
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if not file.schema_arrow.equals(schema(table)):
                raise ManifestError(f"{name} was written by another version: it is not a table {table} of this one.")
            yield file
    except FileNotFoundError as error:
        raise ManifestError(f"{name} is missing: run the same command again.") from error
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"{name} cannot be read as Parquet: delete it and run the same command again.") from error

"""Caches outside the manifest: every file that is a removed clip, or is named after one, or speaks of one."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.errors import CurationError
from curation.takedown.disk import Gone
from curation.takedown.wanted import Wanted, is_copy
from manifests.files import file_hash, plain_errors, write_json
from manifests.text import printable

if TYPE_CHECKING:
    import pyarrow as pa

FEATURES: Final = "features.json"  # the list of clips that training reads features of
_TOKEN: Final = re.compile(rb"[a-z]_[0-9a-f]{16}(?![0-9a-f])|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_OVERLAP: Final = 128
_BLOCK: Final = 1 << 24
_ROWS, _ROWS_WITH_FILES = 8192, 16  # rows of a table at once: a file in a row may be large


def files_in(folder: Path, wanted: Wanted) -> list[Gone]:
    """The files of a cache that go; a list of features stays and is rewritten.

    Args:
        folder: of the cache.
        wanted: what goes.

    Raises:
        CurationError: there is no such folder.
    """
    if not folder.is_dir():
        raise CurationError(f"there is no cache {printable(str(folder))}: give an existing folder")
    found = []
    for path in walk(folder):
        if path.name != FEATURES and speaks_of(path, wanted):
            size = path.stat().st_size
            found.append(Gone(path.relative_to(folder).as_posix(), "cache", size, file_hash(path).sha256))
    return sorted(found, key=lambda gone: gone.path)


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder; links are not followed."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if path.is_file() and not path.is_symlink():
                yield path


def speaks_of(path: Path, wanted: Wanted) -> bool:
    """Whether a file's name or bytes hold a word of what went, or it is one of the clips, or a table that holds one."""
    if wanted.names(tokens_of(os.fsencode(path.name))) or wanted.names(tokens_of(os.fsencode(path.parent.name))):
        return True
    if is_copy(path, path.stat().st_size, wanted):
        return True
    return _table_holds(path, wanted) if path.suffix == ".parquet" else _holds(path, wanted)


def tokens_of(content: bytes) -> set[str]:
    """Everything in some bytes that looks like an id or a sha256."""
    return {token.decode("ascii") for token in _TOKEN.findall(content)}


def _holds(path: Path, wanted: Wanted) -> bool:
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if wanted.names(tokens_of(rest + block)):
                return True
            rest = block[-_OVERLAP:]
    return False


def _table_holds(path: Path, wanted: Wanted) -> bool:
    """Whether any text, or any file inside a table, is of what went; a damaged table is read as bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = [name.encode() for name in file.schema_arrow.names]
            if wanted.names(tokens_of(b"\n".join([*names, *_metadata(file)]))):
                return True
            return any(
                _says(leaf, wanted)
                for batch in file.iter_batches(batch_size=_ROWS_WITH_FILES if _holds_files(file) else _ROWS)
                for column in batch.columns
                for leaf in _leaves(column)
            )
    except (pa.ArrowException, OSError):
        return _holds(path, wanted)


def _holds_files(file: Any) -> bool:
    columns = (file.schema.column(place) for place in range(len(file.schema)))
    return any(one.physical_type == "BYTE_ARRAY" and one.logical_type.type == "NONE" for one in columns)


def _metadata(file: Any) -> list[bytes]:
    return [*(file.schema_arrow.metadata or {}).values()]


def _leaves(array: "pa.Array") -> "Iterator[pa.Array]":
    """The plain columns below one of lists and structures."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _leaves(child)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(array.flatten())
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_dictionary(kind):
        yield from _leaves(array.dictionary)
    elif isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    else:
        yield array


def _says(leaf: "pa.Array", wanted: Wanted) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = leaf.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        text = "\n".join(word for word in pc.unique(leaf).to_pylist() if word)
        return wanted.names(tokens_of(text.encode("utf-8", "replace")))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        files = (value.as_py() for value in leaf if value.is_valid)
        return any(wanted.holds(len(file)) and wanted.names([hashlib.sha256(file).hexdigest()]) for file in files)
    return False


def rewrite_features(folder: Path, wanted: Wanted) -> int:
    """Take clips out of every list of features below a folder; returns how many rows went."""
    count = 0
    for path in list(walk(folder)):
        if path.name != FEATURES:
            continue
        try:
            content: dict[str, Any] = json.loads(path.read_bytes())
            rows, left_out = content["clips"], dict(content.get("left_out", {}))
            stays = [row for row in rows if not wanted.names([row["id"], row["sha256"]])]
        except (ValueError, KeyError, TypeError) as error:
            raise CurationError(
                f"{printable(str(path))} is damaged: delete it and prepare the features again"
            ) from error
        left = {clip: why for clip, why in left_out.items() if not wanted.names([clip])}
        if len(stays) == len(rows) and left == left_out:
            continue
        count += len(rows) - len(stays) + len(left_out) - len(left)
        with plain_errors(path.parent):
            write_json(path, {**content, "clips": stays, "left_out": left})
    return count

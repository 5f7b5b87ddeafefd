"""Caches outside the manifest: every file that is a removed clip, or is named after one, or speaks of one."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from curation.errors import CurationError
from curation.takedown.disk import Gone
from manifests.files import file_hash, plain_errors, write_json
from manifests.text import printable

FEATURES: Final = "features.json"  # the list of clips that training reads features of
_TOKEN: Final = re.compile(rb"[a-z]_[0-9a-f]{16}(?![0-9a-f])|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_OVERLAP: Final = 128
_BLOCK: Final = 1 << 24


def files_in(folder: Path, words: frozenset[str], sizes: dict[int, set[str]]) -> list[Gone]:
    """The files of a cache that go; a list of features stays and is rewritten.

    Args:
        folder: of the cache.
        words: ids, and hashes of files, of what goes.
        sizes: size in bytes -> sha256 of removed clips of that size.

    Raises:
        CurationError: there is no such folder.
    """
    if not folder.is_dir():
        raise CurationError(f"there is no cache {printable(str(folder))}: give an existing folder")
    found = []
    for path in walk(folder):
        if path.name != FEATURES and speaks_of(path, words, sizes):
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


def speaks_of(path: Path, words: frozenset[str], sizes: dict[int, set[str]]) -> bool:
    """Whether a file's name or bytes hold one of the words, or it is one of the clips."""
    if any(token in words for token in tokens_of(os.fsencode(path.name))):
        return True
    if any(token in words for token in tokens_of(os.fsencode(path.parent.name))):
        return True
    hashes = sizes.get(path.stat().st_size)
    if hashes and file_hash(path).sha256 in hashes:
        return True
    if path.suffix == ".parquet":
        return not words.isdisjoint(_texts(path))
    return _holds(path, words)


def tokens_of(content: bytes) -> set[str]:
    """Everything in some bytes that looks like an id or a sha256."""
    return {token.decode("ascii") for token in _TOKEN.findall(content)}


def _holds(path: Path, words: frozenset[str]) -> bool:
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if not words.isdisjoint(tokens_of(rest + block)):
                return True
            rest = block[-_OVERLAP:]
    return False


def _texts(path: Path) -> set[str]:
    """All text of a Parquet file, lists of text too; nothing of a damaged one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: set[str] = set()
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for column in batch.columns:
                    flat = column.flatten() if pa.types.is_list(column.type) else column
                    if pa.types.is_string(flat.type):
                        found |= {word for word in flat.unique().to_pylist() if word}
    except (pa.ArrowException, OSError):
        return set()
    return {token for text in found for token in {text, *tokens_of(text.encode())}}


def rewrite_features(folder: Path, clips: frozenset[str], words: frozenset[str]) -> int:
    """Take clips out of every list of features below a folder; returns how many rows went."""
    count = 0
    for path in list(walk(folder)):
        if path.name != FEATURES:
            continue
        try:
            content: dict[str, Any] = json.loads(path.read_bytes())
            rows, left_out = content["clips"], dict(content.get("left_out", {}))
            stays = [row for row in rows if row["id"] not in clips and row["sha256"] not in words]
        except (ValueError, KeyError, TypeError) as error:
            raise CurationError(
                f"{printable(str(path))} is damaged: delete it and prepare the features again"
            ) from error
        left = {clip: why for clip, why in left_out.items() if clip not in clips}
        if len(stays) == len(rows) and left == left_out:
            continue
        count += len(rows) - len(stays) + len(left_out) - len(left)
        with plain_errors(path.parent):
            write_json(path, {**content, "clips": stays, "left_out": left})
    return count

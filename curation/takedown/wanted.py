"""What is looked for in caches and publications: ids and hashes that are known, or only their salted digests."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from manifests.files import file_hash
from manifests.schema import PREFIXES
from manifests.tombstones import Tombstones

_KINDS: Final = {PREFIXES[kind]: kind for kind in ("source", "track", "clip", "identity")}
_SMALL: Final = 1 << 20  # bytes


class Wanted(Protocol):
    """What went: it can be asked of words and of hashes."""

    def names(self, words: Iterable[str]) -> bool:
        """Whether one of the words is an id, or a sha256, of what went."""

    def holds(self, size: int) -> bool:
        """Whether a file of so many bytes may be one that went."""


@dataclass(frozen=True)
class Known:
    """What goes in this takedown.

    Attributes:
        words: ids, and hashes of files. sizes: size in bytes -> sha256 of removed clips of that size.
    """

    words: frozenset[str]
    sizes: dict[int, set[str]] = field(default_factory=dict)

    def names(self, words: Iterable[str]) -> bool:
        """Whether one of the words is an id, or a sha256, of what goes."""
        return not self.words.isdisjoint(words)

    def holds(self, size: int) -> bool:
        """Whether a file of so many bytes may be one that goes."""
        return size in self.sizes


@dataclass(frozen=True)
class Remembered:
    """What earlier takedowns removed, of which only tombstones are left."""

    stones: Tombstones

    def names(self, words: Iterable[str]) -> bool:
        """Whether one of the words is an id, or a sha256, of what went."""
        return any(self._is_gone(word) for word in words)

    def holds(self, size: int) -> bool:
        """Any file may be one that went: its size is not remembered."""
        return size > 0

    def _is_gone(self, word: str) -> bool:
        kind = _KINDS.get(word[:1]) if word[1:2] == "_" else "content"
        return kind is not None and self.stones.has(kind, word)


def is_copy(path: Path, size: int, wanted: Wanted) -> bool:
    """Whether a file of so many bytes is one of those that went, whatever its name."""
    if not wanted.holds(size):
        return False
    small = size <= _SMALL  # a million small clips are read whole: a large buffer for each takes longer than reading
    return wanted.names([hashlib.sha256(path.read_bytes()).hexdigest() if small else file_hash(path).sha256])

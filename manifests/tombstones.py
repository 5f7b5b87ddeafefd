"""What is gone for good: digests of the ids, contents, addresses and names that must never come back, no names."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from manifests.errors import ManifestError
from manifests.files import json_mapping, make_folder, plain_errors, write_json
from manifests.text import printable

FILE: Final = "tombstones.json"
FORMAT: Final = 1
KINDS: Final = ("source", "content", "url", "uploader", "identity", "given", "part", "clip", "track")
"""What a digest is of: the id of a source, the sha256 of its file or of a clip's, its address, who published it, a
person found in it, the name that a data set gives a person (`given_name`), a source that stays without one of its
persons, a clip, and a face track."""


@dataclass(frozen=True)
class Tombstone:
    """One thing that is gone.

    Attributes:
        digest: of the kind and the value, 64 hexadecimal digits (`Tombstones.digest`).
        kind: one of `KINDS`.
        reason: as the one who removed it stated it.
        date: when, YYYY-MM-DD in UTC.
    """

    digest: str
    kind: str
    reason: str
    date: str


class Tombstones:
    """The tombstones of one folder: it can be asked whether a value is among them, not which values are.

    The digests are salted with a value of the folder's own, so that two folders cannot be joined by them and no table
    of known addresses can be looked up in several folders at once. Who holds a value can test it: that is their use.
    """

    def __init__(self, salt: str, rows: Iterable[Tombstone] = ()) -> None:
        self.salt = salt
        self.rows = {row.digest: row for row in rows}

    @classmethod
    def read(cls, root: Path) -> "Tombstones":
        """Read those of a folder; none where nothing was taken down.

        Raises:
            ManifestError: the file is damaged or of another version: without it, what was removed could come back.
        """
        path = Path(root) / FILE
        name = printable(str(path))
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return cls(os.urandom(16).hex())
        except OSError as error:
            raise ManifestError(f"{name} cannot be read: {error.strerror}.") from error
        try:
            content = json_mapping(raw, path)
            if content["moee_tombstones"] != FORMAT:
                raise ManifestError(f"{name} was written by another version: use that one.")
            return cls(str(content["salt"]), [Tombstone(**row) for row in content["rows"]])
        except (ManifestError, KeyError, TypeError) as error:
            if isinstance(error, ManifestError) and "version" in str(error):
                raise
            raise ManifestError(
                f"{name} is damaged: restore it from a copy, else what was taken down could come back."
            ) from error

    def __len__(self) -> int:
        return len(self.rows)

    def digest(self, kind: str, value: str) -> str:
        """The digest of a value.

        Raises:
            ManifestError: an unknown kind.
        """
        if kind not in KINDS:
            raise ManifestError(f"There is no tombstone of kind {printable(kind)!r}: known: {', '.join(KINDS)}")
        text = "\x1f".join((self.salt, kind, value))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def has(self, kind: str, value: str | None) -> bool:
        """Whether a value was taken down; None never was."""
        return value is not None and bool(self.rows) and self.digest(kind, value) in self.rows

    def add(self, kind: str, value: str, reason: str, date: str) -> None:
        """Add a value; one that is there keeps its first date and reason."""
        digest = self.digest(kind, value)
        self.rows.setdefault(digest, Tombstone(digest, kind, reason, date))

    def write(self, root: Path) -> None:
        """Write them into a folder, whole or not at all."""
        rows = [asdict(self.rows[digest]) for digest in sorted(self.rows)]
        with plain_errors(root):
            make_folder(Path(root))
            write_json(Path(root) / FILE, {"moee_tombstones": FORMAT, "salt": self.salt, "rows": rows})


def given_name(dataset: str, name: str) -> str:
    """What a digest of kind `given` is of: a data set and the name that it gives a person."""
    return f"{dataset}\x1f{name}"

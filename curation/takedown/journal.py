"""A takedown that was begun: what it removes, so that one that was killed is finished as it was meant."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.takedown.disk import Gone
from curation.takedown.find import Request
from curation.takedown.gate import FILE
from curation.takedown.scope import Scope
from manifests.errors import ManifestError
from manifests.files import plain_errors, read_json, write_json


@dataclass
class Journal:
    """Everything that is needed to finish a takedown without its former state.

    Attributes:
        request: digest of what was asked.
        reason, date: for the tombstones.
        scope: what goes.
        content: manifest.json as it was.
        files: of the folder, with their hashes.
        cached: cache folder -> its files, with their hashes.
        published: places that are published again.
        revisions: place on the Hub -> commits and tags that held what goes, to be asked for in the end.
        rows: table -> rows that go.
        near: persons who stay and look alike.
    """

    request: str
    reason: str
    date: str
    scope: Scope
    content: dict[str, Any]
    files: list[Gone] = field(default_factory=list)
    cached: dict[str, list[Gone]] = field(default_factory=dict)
    published: tuple[str, ...] = ()
    revisions: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    near: list[str] = field(default_factory=list)

    def write(self, root: Path) -> None:
        """Write it, whole or not at all."""
        made = {**vars(self), "scope": self.scope.as_dict(), "files": [asdict(gone) for gone in self.files]}
        made["cached"] = {folder: [asdict(gone) for gone in files] for folder, files in self.cached.items()}
        with plain_errors(root):
            write_json(root / FILE, made)

    @classmethod
    def read(cls, root: Path) -> "Journal | None":
        """The takedown that was begun in a folder, or None.

        Raises:
            CurationError: it is damaged.
        """
        try:
            content = read_json(root / FILE)
            content["scope"] = Scope.of(content["scope"])
            content["files"] = [Gone(**row) for row in content["files"]]
            content["cached"] = {name: [Gone(**row) for row in rows] for name, rows in content["cached"].items()}
            content["published"] = tuple(content["published"])
            return cls(**content)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ManifestError, KeyError, TypeError) as error:
            raise CurationError(f"{FILE} is damaged: delete it and give the same moee takedown again") from error

    @staticmethod
    def end(root: Path) -> None:
        """The takedown is finished."""
        (root / FILE).unlink(missing_ok=True)


def digest_of(request: Request, published: tuple[str, ...], caches: tuple[str, ...]) -> str:
    """Names a command line."""
    text = json.dumps([asdict(request), published, caches])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

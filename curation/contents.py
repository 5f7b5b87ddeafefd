"""The content of inputs: hashed once, remembered by size and time, so that a rerun reads nothing twice."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from curation.sources.inputs import Input, Object
from manifests.schema import make_id

READ_BYTES = 1 << 20
FILE = ".contents.jsonl"


@dataclass(frozen=True)
class Content:
    """An input with its content known, or why it cannot be.

    Args:
        input: what was given.
        sha256: of its bytes, hex; empty when it cannot be read.
        bytes: its size.
        mtime_ns: when it was written last.
        sound_sha256: of the file that holds its sound, when that is another one.
        error: one sentence, when it cannot be read.
    """

    input: Input
    sha256: str = ""
    bytes: int = 0
    mtime_ns: int = 0
    sound_sha256: str | None = None
    error: str | None = None

    @property
    def id(self) -> str:
        """Content names a source, so a moved or renamed file is the same source; without any, its place does."""
        if self.sha256:
            return make_id("source", self.sha256, *([self.sound_sha256] if self.sound_sha256 else []))
        return make_id("source", "unreadable", self.input.origin)

    @property
    def duplicate_id(self) -> str:
        """Names an input whose content another input of the run already has."""
        return make_id("source", "duplicate", self.id, self.input.origin)


class Contents:
    """Hashes of files, kept in the manifest's folder: a line per file, the last one counts, a cut-off one does not."""

    def __init__(self, folder: Path, taken_down: Callable[[str], bool] = lambda sha256: False) -> None:
        self.path = folder / FILE
        self.taken_down = taken_down  # of which nothing is written
        self.known: dict[str, tuple[int, int, str]] = {}
        self.unreadable: dict[str, str] = {}
        for row in self._lines():
            self.known[row["path"]] = (row["bytes"], row["mtime_ns"], row["sha256"])

    def _lines(self) -> Iterator[dict]:
        if not self.path.is_file():
            return
        for line in self.path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # a run was killed while it wrote this line
                continue
            if isinstance(row, dict) and row.keys() == {"path", "bytes", "mtime_ns", "sha256"}:
                yield row

    def of(self, inputs: Sequence[Input], threads: int, tick: Callable[[int], None]) -> list[Content]:
        """The content of every input, in the same order.

        Args:
            inputs: files; a URL must have been fetched.
            threads: files read at once.
            tick: called with the number of inputs done.
        """
        found = []
        with self.path.open("a", encoding="utf-8") as file, ThreadPoolExecutor(max(1, threads)) as pool:
            for content, lines in pool.map(self._content, inputs):
                for line in lines:
                    file.write(json.dumps(line) + "\n")
                if lines:
                    file.flush()
                found.append(content)
                tick(len(found))
        return found

    def unknown(self, inputs: Sequence[Input]) -> list[Object]:
        """Objects whose content is not known: any worker may read them (`hash_object`)."""
        objects = [item.object for item in inputs if item.object is not None and not item.error]
        return [found for found in objects if self._known(found) is None]

    def learn(self, found: Object, sha256: str | None, error: str) -> None:
        """What a worker read."""
        if not sha256:
            self.unreadable[found.url] = error
            return
        name = repr(found.url)
        row = {"path": name, "bytes": found.bytes, "mtime_ns": found.mtime_ns, "sha256": sha256}
        self.known[name] = (found.bytes, found.mtime_ns, sha256)
        if not self.taken_down(sha256):
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def _known(self, found: Object) -> str | None:
        known = self.known.get(repr(found.url))
        return known[2] if known and known[:2] == (found.bytes, found.mtime_ns) else None

    def _content(self, item: Input) -> tuple[Content, list[dict]]:
        if item.object is not None and not item.error:
            sha256 = self._known(item.object)
            if sha256 is None:
                return Content(item, error=self.unreadable.get(item.object.url) or "it was not read"), []
            return Content(item, sha256, item.object.bytes, item.object.mtime_ns), []
        if item.error or item.path is None:
            return Content(item, error=item.error or "it was not fetched"), []
        new: list[dict] = []
        try:
            size, mtime_ns, sha256 = self._hash(item.path, new)
            sound = self._hash(item.sound, new)[2] if item.sound else None
        except OSError as error:
            return Content(item, error=f"the file cannot be read ({error.strerror})"), new
        return Content(item, sha256, size, mtime_ns, sound), new

    def _hash(self, path: Path, new: list[dict]) -> tuple[int, int, str]:
        facts = path.stat()
        name = repr(str(path))  # a name need not be valid text
        known = self.known.get(name)
        if known and known[:2] == (facts.st_size, facts.st_mtime_ns):
            return known
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
        found = (facts.st_size, facts.st_mtime_ns, digest.hexdigest())
        if not self.taken_down(found[2]):
            new.append({"path": name, "bytes": found[0], "mtime_ns": found[1], "sha256": found[2]})
        return found


def hash_object(found: Object) -> str:
    """The sha256 of an object's bytes, read by a worker.

    Raises:
        StorageError: it cannot be read.
    """
    from curation.storage.bucket import split

    bucket, name = split(found.url)
    digest = hashlib.sha256()
    for block in bucket.blocks(name):
        digest.update(block)
    return digest.hexdigest()

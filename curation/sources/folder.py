"""Video files and folders of them, as inputs in a fixed order."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from curation.errors import CurationError
from curation.sources.inputs import Input, printable

# What a manifest's folder holds of its own: curating it again would eat the clips that it made.
MANIFEST_FILE = "manifest.json"
OWN = frozenset(
    {"clips", "frames", "expressions", "heads", "parts", "ledger", "fetched", "pages"}
    | {MANIFEST_FILE, "certificate.json", "report.html"}
)


def list_inputs(sources: Sequence[Path], out: Path) -> list[Input]:
    """All files below the given files and folders, sorted by name, each once.

    Links to folders are followed, once each. Left out: hidden files, the folder `out`, and the folders of other
    manifests. What is there but cannot be read (a closed folder, a link to nothing, a pipe) is an input that failed.

    Raises:
        CurationError: a source does not exist, or is a folder of clips that a manifest made.
    """
    inputs: dict[str, Input] = {}
    for source in sources:
        if not os.path.lexists(source):
            raise CurationError(f"there is no file or folder {printable(source)!r}: check the SOURCE argument")
        root = source.absolute()
        if root.resolve().is_relative_to((out / "clips").resolve()):
            raise CurationError(f"{printable(source)!r} holds clips that were curated before: give the raw videos")
        found = _Walk(root, out.resolve()).inputs() if root.is_dir() else iter([_file(root, printable(root.name))])
        for item in found:
            inputs.setdefault(item.origin, item)
    return sorted(inputs.values(), key=lambda item: (item.name, item.origin))


class _Walk:
    """One folder, walked without recursion and without going in circles."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root = root
        self.out = out
        self.seen: set[tuple[int, int]] = set()

    def inputs(self) -> Iterator[Input]:
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            try:
                facts = folder.stat()
                if (facts.st_dev, facts.st_ino) in self.seen:
                    continue
                self.seen.add((facts.st_dev, facts.st_ino))
                children = sorted((entry.name for entry in folder.iterdir()), key=os.fsencode)
            except OSError as error:
                yield Input(folder, self._name(folder), f"the folder cannot be read ({error.strerror})")
                continue
            if self._is_manifest(folder, children) or folder.resolve() == self.out:
                if folder != self.root:
                    continue
                children = [name for name in children if name not in OWN and not name.endswith(".parquet")]
            for name in children:
                path = folder / name
                if is_hidden(name):
                    continue
                if os.path.isdir(path):  # noqa: PTH112 (never raises, also not for links in a circle)
                    waiting.append(path)
                else:
                    yield _file(path, self._name(path))

    def _is_manifest(self, folder: Path, children: Sequence[str]) -> bool:
        return MANIFEST_FILE in children and "heads" in children

    def _name(self, path: Path) -> str:
        return printable(path.relative_to(self.root)) if path != self.root else printable(path.name)


def _file(path: Path, name: str) -> Input:
    """A regular file, or why there is none."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return Input(path, name, "the link points to no file")
    except OSError as error:
        return Input(path, name, f"the file cannot be read ({error.strerror})")
    return Input(path, name) if stat.S_ISREG(kind) else Input(path, name, "it is no regular file")


def is_hidden(name: str) -> bool:
    """Whether a name is hidden by convention (`.DS_Store`, `._clip.mp4`); `..clip.mp4` is odd, and an input."""
    return name.startswith(".") and not name.startswith("..")

"""Video files and folders of them, as inputs in a fixed order."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from curation.errors import CurationError
from curation.sources.inputs import Input, printable


def list_inputs(sources: Sequence[Path], out: Path) -> list[Input]:
    """All regular files below the given files and folders, sorted by name; hidden files and `out` are left out.

    A folder that may not be read is an input of its own that has failed.

    Raises:
        CurationError: a source does not exist.
    """
    inputs: dict[str, Input] = {}
    for source in sources:
        if not os.path.lexists(source):
            raise CurationError(f"there is no file or folder {printable(source)!r}: check the SOURCE argument")
        root = source.absolute()
        found = _walk(root, root, out.resolve()) if root.is_dir() else iter([Input(root, printable(root.name))])
        for item in found:
            inputs.setdefault(item.origin, item)
    return sorted(inputs.values(), key=lambda item: (item.name, item.origin))


def _walk(folder: Path, root: Path, out: Path) -> Iterator[Input]:
    try:
        with os.scandir(folder) as entries:
            children = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        yield Input(folder, _name(folder, root), f"the folder cannot be read ({error.strerror})")
        return
    for entry in children:
        path = Path(entry.path)
        if is_hidden(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if path.resolve() != out:
                yield from _walk(path, root, out)
        elif entry.is_file():
            yield Input(path, _name(path, root))
        elif entry.is_symlink():
            yield Input(path, _name(path, root), "the link points to no file")


def is_hidden(name: str) -> bool:
    """Whether a name is hidden by convention (`.DS_Store`, `._clip.mp4`); `..clip.mp4` is odd, and an input."""
    return name.startswith(".") and not name.startswith("..")


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root)) if path != root else printable(root.name)

"""The video files below the given folders, for data sets whose names say what they show."""

from collections.abc import Callable, Sequence
from pathlib import Path

from curation.sources.folder import list_inputs
from curation.sources.inputs import Input

VIDEOS = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".flv", ".mpg", ".mpeg", ".ts", ".wmv", ".3gp", ".ogv"}
)
Note = Callable[[str], None]


def quiet(note: str) -> None:
    """Nobody wants to know."""


def videos(sources: Sequence[Path], out: Path, note: Note) -> list[Input]:
    """All inputs that are video by name, and those that cannot be read; the others are counted in a note."""
    found = list_inputs(sources, out)
    taken = [item for item in found if item.error or (item.path and item.path.suffix.lower() in VIDEOS)]
    if len(taken) < len(found):
        note(f"{len(found) - len(taken)} files that are no videos by their name were left out")
    return taken

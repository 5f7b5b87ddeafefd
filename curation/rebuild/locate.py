"""Finds each source: in a folder by its bytes or its name, where it lay, or on the web through the download stage."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from curation.errors import CurationError
from curation.fetched import FOLDER
from curation.rebuild.result import NOT_FOUND, SourceFound
from manifests.text import printable

if TYPE_CHECKING:
    from curation.download import Downloaded, Settings

HIGHEST: Final = 8640  # px; what is asked for where nothing as low as the published stream is left
LOWEST: Final = 144


@dataclass(frozen=True)
class Located:
    """Where a source's files are, if they are, and what is said of it."""

    found: SourceFound
    path: Path | None = None
    sound: Path | None = None


def in_folder(rows: Sequence[dict[str, Any]], folder: Path) -> list[Located]:
    """Look for sources in a folder: by bytes, else by name, so that a changed file is compared and not lost.

    Args:
        rows: of `sources`.
        folder: is searched with all folders in it.

    Raises:
        CurationError: there is no such folder.
    """
    if not folder.is_dir():
        raise CurationError(f"there is no folder {printable(str(folder))}: --sources names a folder of video files")
    held = _Folder(folder)
    return [_of_folder(row, held) for row in rows]


def _of_folder(row: dict[str, Any], held: "_Folder") -> Located:
    path = held.find(row["sha256"], row["bytes"], row["name"], row["origin"])
    base = SourceFound(row["id"], row["name"], NOT_FOUND, format_id=row["format_id"])
    if path is None:
        return Located(replace(base, error="no file of the folder has its bytes or its name"))
    sound = None
    if row["sound_sha256"] is not None:
        sound = held.find(row["sound_sha256"], None, "", row["sound_origin"] or "")
        if sound is None:
            return Located(replace(base, error="no file of the folder has the bytes of its sound"))
    same = held.sha256(path) == row["sha256"]
    return Located(replace(base, outcome="ok", same=same), path, sound)


class _Folder:
    """The files of a folder, by size and name; each is hashed at most once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sizes: dict[int, list[Path]] = defaultdict(list)
        self.names: dict[str, list[Path]] = defaultdict(list)
        self.hashes: dict[Path, str] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self.sizes[path.stat().st_size].append(path)
                self.names[path.name].append(path)
                self.names[path.stem].append(path)

    def find(self, sha256: str | None, size: int | None, name: str, origin: str) -> Path | None:
        """The file with these bytes, else the one that alone has the name, or lies where the name says."""
        from curation.download import Remote

        wanted = [path for paths in self.sizes.values() for path in paths] if size is None else self.sizes[size]
        if sha256 is not None:
            same = next((path for path in wanted if self.sha256(path) == sha256), None)
            if same is not None:
                return same
        exact = self.folder / name if name and ".." not in PurePosixPath(name).parts else None
        if exact is not None and exact.is_file() and not PurePosixPath(name).is_absolute():
            return exact
        for known in (Remote(origin).key, PurePosixPath(name or origin).name):
            if known and len(self.names[known]) == 1:
                return self.names[known][0]
        return None

    def sha256(self, path: Path) -> str | None:
        """Of a file's bytes; None for one that cannot be read."""
        from manifests.files import file_hash

        if path not in self.hashes:
            try:
                self.hashes[path] = file_hash(path).sha256
            except OSError:
                return None
        return self.hashes[path]


def where_they_lay(rows: Sequence[dict[str, Any]]) -> list[Located]:
    """Look for local sources of a manifest's own folder where they lay when it was made."""
    from manifests.files import file_hash

    found = []
    for row in rows:
        path, sound = Path(row["origin"]), Path(row["sound_origin"]) if row["sound_origin"] else None
        base = SourceFound(row["id"], row["name"], NOT_FOUND, format_id=row["format_id"])
        if not path.is_file() or (sound is not None and not sound.is_file()):
            note = "it was a local file: name the folder where it is with --sources DIR"
            found.append(Located(replace(base, error=note)))
            continue
        same = file_hash(path).sha256 == row["sha256"]
        found.append(Located(replace(base, outcome="ok", same=same), path, sound))
    return found


def is_address(origin: str) -> bool:
    """Whether a source can be asked for on the web."""
    return origin.lower().startswith(("http://", "https://"))


def on_the_web(
    rows: Sequence[dict[str, Any]], out: Path, settings: "Settings", say: Callable[[int, int], None]
) -> list[Located]:
    """Fetch sources through the download stage; what its ledger knows to be gone for good is not asked again.

    The highest stream up to the published one's height is asked for, which is that stream while the site has it; only
    where nothing so low is left, a higher one.

    Args:
        rows: of `sources`, all of the web.
        out: the rebuilt folder; files and ledger lie in its `fetched`.
        settings: how to ask.
        say: called with (URLs settled, URLs in all).
    """
    from curation.download import Remote, download_all
    from curation.download.ledger import Ledger

    folder = out / FOLDER
    known = dict(Ledger(folder).records) if folder.is_dir() else {}
    heights: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        heights[_height(row, settings.max_height)].append(row["origin"])
    settled = 0
    ends: dict[str, Downloaded] = {}

    def count(_: "Downloaded") -> None:
        nonlocal settled
        settled += 1
        say(min(settled, len(rows)), len(rows))

    for height, urls in sorted(heights.items()):
        asked = replace(settings, max_height=height)
        ends |= download_all([Remote(url) for url in urls], folder, asked, count)
    higher = [url for url, end in ends.items() if end.outcome == "no-format" and known.get(url) != end]
    if higher:
        asked = replace(settings, max_height=HIGHEST, retry_permanent=True)
        ends |= download_all([Remote(url) for url in higher], folder, asked, count)
    return [_of_web(row, ends[row["origin"]], known.get(row["origin"])) for row in rows]


def _height(row: dict[str, Any], otherwise: int) -> int:
    sides = [side for side in (row["width"], row["height"]) if side]
    return max(LOWEST, min(sides)) if sides else otherwise


def _of_web(row: dict[str, Any], end: "Downloaded", before: "Downloaded | None") -> Located:
    base = SourceFound(
        row["id"],
        row["name"],
        end.outcome,
        format_id=row["format_id"],
        format_id_now=end.format_id,
        error=end.error,
        asked=end != before,
    )
    if not end.ok or end.path is None:
        return Located(base)
    return Located(replace(base, same=end.sha256 == row["sha256"]), end.path)

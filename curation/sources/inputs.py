"""What every kind of source gives: inputs, with what a dataset says of them."""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class Label:
    """What a dataset says of a source, or of one span of it.

    Args:
        dataset: who says so (`mead`, `hdtf`, the list's file name).
        start: s on the source's clock, exact, or None for the whole source.
        end: s, exclusive, or None.
        crop: x0, y0, x1, y1 in [0, 1] of the displayed picture, or None.
        crop_size: width and height in px of the picture that the crop was made for, or None.
        identity: the person's name in the dataset.
        emotion: one of `manifests.emotions` (basic, neutral or contempt).
        compound: one of its compounds.
        intensity: as the dataset counts (MEAD: 1 to 3).
        take: number or name of the take.
        view: camera position (MEAD: `front`, `left_30`, ...).
        text: what is said or shown.
    """

    dataset: str
    start: Fraction | None = None
    end: Fraction | None = None
    crop: tuple[float, float, float, float] | None = None
    crop_size: tuple[int, int] | None = None
    identity: str | None = None
    emotion: str | None = None
    compound: str | None = None
    intensity: int | None = None
    take: str | None = None
    view: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a downloaded file from where it came; all printable, none of it ever becomes a path."""

    title: str | None = None
    uploader: str | None = None
    licence: str | None = None
    upload_date: str | None = None
    language: str | None = None
    format_id: str | None = None


@dataclass(frozen=True)
class Object:
    """A file in shared storage: its address, its size, and when it was written (ns)."""

    url: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Input:
    """One thing to curate: a file, or a URL that becomes one.

    Args:
        path: the file, absolute; None until a URL is downloaded.
        name: relative to the SOURCE argument, or the URL; printable (bytes that are no text are escaped).
        error: why it cannot even be read, or None.
        url: where to fetch it, or None for a local file.
        sound: the file that holds its sound when that is another one (MEAD), or None.
        labels: what a dataset says of it; with spans, the clips are these spans.
        facts: what its site said of it.
        object: where it lies in shared storage, when it lies there.
        refused: the download's outcome when asking again would change nothing (`removed`, `private`, ...).
    """

    path: Path | None
    name: str
    error: str | None = None
    url: str | None = None
    sound: Path | None = None
    labels: tuple[Label, ...] = ()
    facts: Facts = Facts()
    refused: str | None = None
    object: Object | None = None

    @property
    def origin(self) -> str:
        """Its URL or address, or its absolute path as printable text."""
        return self.url or (self.object.url if self.object else None) or printable(self.path or self.name)


def printable(path: str | os.PathLike[str]) -> str:
    """A path as text that any table and terminal can hold: undecodable bytes become backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")

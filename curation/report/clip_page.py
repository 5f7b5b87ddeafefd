"""The page of one clip: its frames with landmarks, its curves on one time axis, and all that is known of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.report import clip_facts
from curation.report.album import Album, View, span
from curation.report.document import document
from curation.report.downloads import downloads
from curation.report.filmstrip import Place, stills
from curation.report.one_clip import OneClip, onsets, read
from curation.report.thumbnails import places
from curation.report.timeline import timeline
from curation.report.words import shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

FACES: Final = 8  # frames of a page
FOLDER: Final = "pages"
_ID: Final = re.compile(r"c_[0-9a-f]{16}")
_SOURCES: Final = ("id", "name", "origin", "bytes")


@dataclass(frozen=True)
class ClipPage:
    """A rendered page, and how many of its pictures show a frame."""

    html: str
    pictures: int
    placeholders: int


def href(clip: str) -> str:
    """The address of a clip's page from the report; empty for an id that can name no file."""
    return f"{FOLDER}/{clip}.html" if _ID.fullmatch(clip) else ""


def check(clips: Iterable[str]) -> list[str]:
    """Return these ids, each once.

    Raises:
        manifests.errors.ManifestError: one is not written as the id of a clip.
    """
    from manifests.errors import ManifestError
    from manifests.text import printable

    once = list(dict.fromkeys(clips))
    for clip in once:
        if not _ID.fullmatch(clip):
            raise ManifestError(f"{shown(printable(clip), 80)} is no clip: an id is c_ and 16 hexadecimal digits.")
    return once


def render_clip(manifest: "Manifest", clip: str, report: str = "") -> ClipPage:
    """Return the page of a clip as one HTML document.

    Args:
        manifest: an opened one.
        clip: its id.
        report: address of the report, to link to; empty when there is none.

    Raises:
        manifests.errors.ManifestError: no such clip, or a damaged table.
    """
    from manifests.emotions import EMOTIONS

    found = read(manifest, clip, FACES)
    files = _places(manifest, found)
    sound = onsets(found, _sounds(found) + [(place.path, place.start) for place in files])
    shots = stills(found, files)
    drawn = timeline(found, sound)
    select = manifest.recipe.get("select") or {}
    row = found.row
    content: dict[str, Any] = {
        "clip": shown(row["id"], 40),
        "report": report,
        "recipe": shown(manifest.recipe.get("name") or "", 120),
        "label": clip_facts.label_of(row),
        "caption": shown(row["caption"] or "", 600),
        "caption_model": shown(row["caption_model"] or "", 120),
        "said": clip_facts.said(row),
        "given": clip_facts.given(row),
        "emotions": EMOTIONS,
        "members": clip_facts.members(row),
        "units": clip_facts.units(row),
        "measures": clip_facts.measures(row, select),
        "origin": clip_facts.origin(found),
        "models": clip_facts.models(found),
        "stills": shots,
        "timeline": drawn,
        "length": found.length,
        "sound": sound is not None,
        "lag": row["av_lag"] is not None,
    }
    had = sum(still.picture.data is not None for still in shots)
    return ClipPage(document("clip.html.j2", content), had, len(shots) - had)


def _places(manifest: "Manifest", clip: OneClip) -> list[Place]:
    """The exported file, then the source, as far as they are there."""
    sources = manifest.table("sources", _SOURCES)
    album = Album(manifest, sources, downloads(manifest, sources).files)
    album.meet([clip.row["source"]])
    wanted = album.wanted(View(clip.row))
    found = [Place(path, moment - wanted.half, not whole) for path, moment, whole in places(manifest.root, wanted)]
    exported = [place for place in found if place.path != wanted.source]
    return exported + [place for place in found if place.path == wanted.source]


def _sounds(clip: OneClip) -> list[tuple[Path, Any]]:
    """The file that holds the sound when that is another one than the source's."""
    other = (clip.source or {}).get("sound_origin") or ""
    path = Path(other)
    try:
        return [(path, span(clip.row)[0])] if other.startswith("/") and path.is_file() else []
    except (OSError, ValueError):
        return []

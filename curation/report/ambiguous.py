"""The clips whose label is most doubtful: why, what each member says, and the panel's curves over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from curation.report.album import Album, Card, View
from curation.report.album import span as span_of
from curation.report.clip_facts import label_of
from curation.report.clip_page import href
from curation.report.curves import binned
from curation.report.one_clip import expressions
from curation.report.rows import one
from curation.report.timeline import BOLD
from curation.report.words import doubt, number, shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

MOST: Final = 8  # clips that are shown
HEIGHT: Final = 100.0
_POINTS: Final = 150  # of a curve
_MEMBERS: Final = 12
_WHOLE: Final = 600.0  # s; of longer clips the frames are not read for the report


@dataclass(frozen=True)
class Doubtful:
    """A clip that is hard to label.

    Args:
        id: of the clip.
        card: its picture.
        page: address of its page, empty without one.
        label: the panel's.
        given: the data set's, empty without one.
        why: reasons in words.
        choices: (member, first choice).
        curves: (emotion as the style names it, path) on a drawing of 1000 by HEIGHT; empty without frames.
        about: the curves in words.
        mean_of: frames that a point is the mean of, at most.
    """

    id: str
    card: Card
    page: str
    label: str
    given: str
    why: list[str]
    choices: list[tuple[str, str]]
    curves: list[tuple[str, str]]
    about: str
    mean_of: int


def doubtful(manifest: "Manifest", album: Album, ids: list[str]) -> list[Doubtful]:
    """Return these clips in their order, each with a picture of its face.

    Args:
        manifest: an opened one.
        album: of the manifest.
        ids: of its clips.
    """
    rows = [row for clip in ids if (row := one(manifest, "clips", clip)) is not None]
    album.meet(row["source"] for row in rows)
    views = [View(row, face=True) for row in rows]
    return [
        _doubtful(manifest, row, album.card(view, picture, _facts(row)))
        for row, view, picture in zip(rows, views, album.pictures(views), strict=True)
    ]


def _facts(row: Mapping[str, Any]) -> str:
    entropy = f"entropy {number(row['emotion_entropy'])} bit"
    return f"{row['status']}, {entropy}, intensity {number(row['intensity'])}"


def _doubtful(manifest: "Manifest", row: Mapping[str, Any], card: Card) -> Doubtful:
    choices = zip((row["members"] or [])[:_MEMBERS], row["member_emotions"] or [], strict=False)
    curves, about, mean_of = _curves(manifest, row)
    return Doubtful(
        id=shown(row["id"], 40),
        card=card,
        page=href(row["id"]),
        label=label_of(row),
        given=shown(row["given_compound"] or row["given_emotion"] or "", 60),
        why=[doubt(code) for code in (row["ambiguous"] or [])[:12]],
        choices=[(shown(member, 40), shown(choice or "–", 40)) for member, choice in choices],
        curves=curves,
        about=about,
        mean_of=mean_of,
    )


def _curves(manifest: "Manifest", row: Mapping[str, Any]) -> tuple[list[tuple[str, str]], str, int]:
    from manifests.emotions import EMOTIONS

    start, end = span_of(row)
    length = max(float(end - start), 1e-3)
    if length > _WHOLE:
        return [], "", 1
    seconds, emotions, _ = expressions(manifest, row)
    if not np.isfinite(emotions).any():
        return [], "", 1
    made = binned(seconds, emotions, length, _POINTS)
    means = np.nanmean(emotions, axis=0)
    order = np.argsort(-means, kind="stable").tolist()
    said = ", ".join(f"{EMOTIONS[place]} {number(float(means[place]), 2)}" for place in order[:BOLD])
    paths = [
        (
            EMOTIONS[place] + (" faint" if place in order[BOLD:] else ""),
            made.path(place, 0, 1, length, HEIGHT, 0),
        )
        for place in reversed(order)
    ]
    return paths, f"Probabilities over {number(length)} s, highest on average {said}", made.mean_of

"""Face tracks that may belong to somebody else: those to which the next person is hardly farther than their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import Album, Card, View
from curation.report.words import number, shown

TRACKS: Final = 12  # that are shown


@dataclass(frozen=True)
class Doubt:
    """A track with a face of it, and its person; `anchor` is empty for one without a page."""

    person: str
    anchor: str
    card: Card


def doubtful(identities: pa.Table, clips: pa.Table, album: Album, anchors: Mapping[str, str]) -> list[Doubt]:
    """Return the TRACKS tracks with the smallest margins, smallest first, of those that a candidate clip shows.

    Args:
        identities: the columns `id`, `identity` and `margin`.
        clips: the columns `track` and `status`, of the album's manifest.
        album: to take pictures of.
        anchors: of the persons that have a page.
    """
    seen = pc.is_in(identities.column("id"), value_set=clips.column("track").combine_chunks())
    mine = identities.filter(pc.and_(seen, pc.is_finite(identities.column("margin")).fill_null(False)))
    if not mine.num_rows:
        return []
    least = pc.select_k_unstable(mine, TRACKS, [("margin", "ascending"), ("id", "ascending")])
    chosen = mine.select(["id", "identity", "margin"]).take(least).to_pylist()
    place_of = _places(clips, [row["id"] for row in chosen])
    rows = album.rows(place_of.values())
    views = [View(rows[place_of[row["id"]]], face=True) for row in chosen]
    taken = album.pictures(views)
    return [
        Doubt(
            shown(row["identity"], 80),
            anchors.get(row["identity"], ""),
            album.card(view, picture, f"margin {number(row['margin'])}, {view.row['status']}"),
        )
        for row, view, picture in zip(chosen, views, taken, strict=True)
    ]


def _places(clips: pa.Table, tracks: list[str]) -> dict[str, int]:
    """The place of each track's first clip, a kept one where there is one."""
    there = np.flatnonzero(pc.is_in(clips.column("track"), value_set=pa.array(tracks, pa.string())).to_numpy())
    held = clips.select(["track", "status"]).take(pa.array(there)).to_pylist()
    found: dict[str, int] = {}
    for place, row in sorted(zip(there.tolist(), held, strict=True), key=lambda item: item[1]["status"] != "kept"):
        found.setdefault(row["track"], place)
    return found

"""Clips as a report shows them: their rows, where their frames lie, and the cards with their pictures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.thumbnails import SIDE, Picture, Wanted, pictures
from curation.report.words import clock, shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

NAME: Final = 120  # characters of a name under a picture
COLUMNS: Final = (
    "id", "source", "start_pts", "end_pts", "time_base_num", "time_base_den", "crop_x0", "crop_y0", "crop_x1",
    "crop_y1", "status", "reasons", "file", "seconds", "face_size", "speech_share",
)  # fmt: skip
Row = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """A frame of a clip that is to be shown.

    Args:
        row: the clip's COLUMNS.
        moment: s on the source's clock, the clip's middle when None.
        face: show the square around the face alone, where the whole picture can be had.
        outline: draw that square over the whole picture.
    """

    row: Row
    moment: Fraction | None = None
    face: bool = False
    outline: bool = True


@dataclass(frozen=True)
class Card:
    """A clip as it is shown; `crop` is x, y, width and height on a picture of `width` by `height` px."""

    clip: str
    name: str
    span: str
    facts: str
    others: str
    alt: str
    picture: Picture
    width: int
    height: int
    crop: tuple[float, float, float, float] | None


class Album:
    """The clips and sources of one manifest, to take pictures of.

    Args:
        manifest: an opened one.
        sources: the columns `id`, `name`, `origin`, `bytes`.
        files: where the file of a source's URL lies.
    """

    def __init__(self, manifest: "Manifest", sources: pa.Table, files: Mapping[str, Path]) -> None:
        self._manifest, self._table, self._files = manifest, sources, files
        self._known: dict[str, Row] = {}
        self._cropped = (manifest.recipe.get("export") or {}).get("crop", "none") != "none"

    def rows(self, places: Iterable[int], more: Iterable[str] = ()) -> dict[int, Row]:
        """Return the clips at these positions of the table: COLUMNS and `more`."""
        ordered = sorted(set(places))
        columns = list(dict.fromkeys((*COLUMNS, *more)))
        chosen = self._manifest.table("clips", columns).take(pa.array(ordered, pa.int64())).to_pylist()
        self.meet(row["source"] for row in chosen)
        return dict(zip(ordered, chosen, strict=True))

    def meet(self, sources: Iterable[str]) -> None:
        """Look these sources up, all at once."""
        asked = pa.array(sorted(set(sources) - set(self._known)), pa.string())
        if len(asked):
            mine = self._table.filter(pc.is_in(self._table.column("id"), value_set=asked))
            self._known.update({row["id"]: row for row in mine.to_pylist()})

    def name(self, source: str) -> str:
        """A source's name, printable and short; its id where it has none."""
        return shown(self._known.get(source, {}).get("name") or source, NAME)

    def pictures(self, views: Sequence[View]) -> list[Picture]:
        """Return the picture of each view, in the same order."""
        return pictures(self._manifest.root, [self.wanted(view) for view in views])

    def wanted(self, view: View) -> Wanted:
        """Return where the frame of a view lies."""
        row = view.row
        source = self._known.get(row["source"], {})
        origin = source.get("origin") or ""
        start, end = span(row)
        moment = (start + end) / 2 if view.moment is None else view.moment
        return Wanted(
            source=self._files.get(origin) or (Path(origin) if origin.startswith("/") else None),
            bytes=source.get("bytes"),
            middle=moment,
            half=moment - start,
            file=row["file"] if row["status"] == "kept" else None,
            cropped=self._cropped,
            face=corners(row) if view.face else None,
        )

    def card(self, view: View, picture: Picture, facts: str, others: str = "") -> Card:
        """Return the card of a view whose picture was taken."""
        row, name = view.row, self.name(view.row["source"])
        start, end = span(row)
        width, height = (picture.width, picture.height) if picture.data else (SIDE, SIDE * 3 // 4)
        outline = picture.data and picture.whole and view.outline and not view.face
        moment = (start + end) / 2 if view.moment is None else view.moment
        return Card(
            clip=shown(row["id"], NAME),
            name=name,
            span=f"{clock(float(start))} to {clock(float(end))}",
            facts=facts,
            others=others,
            alt=f"{'Face' if view.face else 'Frame'} at {clock(float(moment))} of {name}",
            picture=picture,
            width=width,
            height=height,
            crop=_outline(row, width, height) if outline else None,
        )


def span(row: Row) -> tuple[Fraction, Fraction]:
    """First and last moment of a clip on its source's clock, s."""
    base = Fraction(row["time_base_num"], row["time_base_den"])
    return row["start_pts"] * base, row["end_pts"] * base


def corners(row: Row) -> tuple[float, float, float, float] | None:
    """x0, y0, x1, y1 of the crop in shares of the picture; None where a clip has none."""
    x0, y0, x1, y1 = (row[f"crop_{name}"] for name in ("x0", "y0", "x1", "y1"))
    if any(corner is None or not 0 <= corner <= 1 for corner in (x0, y0, x1, y1)) or x1 <= x0 or y1 <= y0:
        return None
    return x0, y0, x1, y1


def _outline(row: Row, width: int, height: int) -> tuple[float, float, float, float] | None:
    crop = corners(row)
    if crop is None:
        return None
    x0, y0, x1, y1 = crop
    return round(x0 * width, 1), round(y0 * height, 1), round((x1 - x0) * width, 1), round((y1 - y0) * height, 1)

"""The shown clips with their pictures, captions and alternative texts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from curation.report.choice import Group
from curation.report.thumbnails import SIDE, Picture, Wanted, pictures
from curation.report.words import REASONS, beside, bounds, clock, shown, spoken_unit, title

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_NAME: Final = 120  # characters of a name under a picture
_OTHERS: Final = 8  # further reasons that are named
COLUMNS: Final = (
    "id", "source", "start_pts", "end_pts", "time_base_num", "time_base_den", "crop_x0", "crop_y0", "crop_x1",
    "crop_y1", "status", "reasons", "file", "seconds", "face_size", "speech_share",
)  # fmt: skip


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


@dataclass(frozen=True)
class Shelf:
    """Clips that are shown together: why they are, how many there are, and those that are shown."""

    reason: str | None
    rule: str
    total: int
    cards: list[Card]


def shelves(
    manifest: "Manifest",
    groups: list[Group],
    sources: pa.Table,
    files: Mapping[str, Path],
    select: Mapping[str, Any],
) -> list[Shelf]:
    """Return the groups with their pictures.

    Args:
        manifest: to read the chosen rows from.
        groups: of `choose`.
        sources: the columns `id`, `name`, `origin`, `bytes`.
        files: where the file of a source's URL lies.
        select: the recipe's thresholds.
    """
    from manifests.schema import measured

    columns = list(dict.fromkeys((*COLUMNS, *measured())))
    places = sorted({row for group in groups for row in group.rows})
    chosen = manifest.table("clips", columns).take(pa.array(places, pa.int64())).to_pylist()
    rows = dict(zip(places, chosen, strict=True))
    of_source = _sources(sources, {row["source"] for row in chosen})
    cropped = (manifest.recipe.get("export") or {}).get("crop", "none") != "none"
    wanted = [_wanted(rows[place], of_source, files, cropped) for place in places]
    taken = dict(zip(places, pictures(manifest.root, wanted), strict=True))
    return [
        Shelf(
            group.reason,
            _rule(group, select),
            group.total,
            [_card(rows[place], of_source, taken[place], group, select) for place in group.rows],
        )
        for group in groups
    ]


def _sources(sources: pa.Table, ids: set[str]) -> dict[str, dict[str, Any]]:
    import pyarrow.compute as pc

    mine = pc.is_in(sources.column("id"), value_set=pa.array(sorted(ids), pa.string()))
    return {row["id"]: row for row in sources.filter(mine).to_pylist()}


def _wanted(
    row: dict[str, Any], sources: dict[str, dict[str, Any]], files: Mapping[str, Path], cropped: bool
) -> Wanted:
    base = Fraction(row["time_base_num"], row["time_base_den"])
    half = Fraction(row["end_pts"] - row["start_pts"], 2) * base
    source = sources.get(row["source"], {})
    origin = source.get("origin") or ""
    return Wanted(
        source=files.get(origin) or (Path(origin) if origin.startswith("/") else None),
        bytes=source.get("bytes"),
        middle=row["start_pts"] * base + half,
        half=half,
        file=row["file"] if row["status"] == "kept" else None,
        cropped=cropped,
    )


def _rule(group: Group, select: Mapping[str, Any]) -> str:
    """What the recipe asks of the columns that decide this reason."""
    rules = [
        f"{title(column)}, wanted: {bounds(select[column].get('min'), select[column].get('max'), spoken_unit(column))}"
        for column in group.columns
    ]
    return "; ".join(rules) or REASONS.get(group.reason or "", "")


def _card(
    row: dict[str, Any],
    sources: dict[str, dict[str, Any]],
    picture: Picture,
    group: Group,
    select: Mapping[str, Any],
) -> Card:
    name = shown(sources.get(row["source"], {}).get("name") or row["source"], _NAME)
    base = Fraction(row["time_base_num"], row["time_base_den"])
    start, end = float(row["start_pts"] * base), float(row["end_pts"] * base)
    others = [shown(reason, 80) for reason in row["reasons"] if reason != group.reason][:_OTHERS]
    width, height = (picture.width, picture.height) if picture.data else (SIDE, SIDE * 3 // 4)
    return Card(
        clip=shown(row["id"], _NAME),
        name=name,
        span=f"{clock(start)} to {clock(end)}",
        facts=_facts(row, group, select),
        others=", ".join(others),
        alt=f"Frame at {clock((start + end) / 2)} of {name}",
        picture=picture,
        width=width,
        height=height,
        crop=_crop(row, width, height) if picture.data and picture.whole else None,
    )


def _facts(row: dict[str, Any], group: Group, select: Mapping[str, Any]) -> str:
    """The values that fail the thresholds of this reason; of other clips what a reader wants first."""
    failed = [column for column in group.columns if _fails(row[column], select[column])]
    if failed:
        return ", ".join(f"{title(column)} {_measure(row, column, select[column].values())}" for column in failed)
    words = [_measure(row, "seconds")]
    words += [f"{word} {_measure(row, name)}" for name, word in (("face_size", "face"), ("speech_share", "speech"))]
    return ", ".join(words)


def _fails(value: float | None, bound: Mapping[str, float | None]) -> bool:
    low, high = bound.get("min"), bound.get("max")
    return value is None or (low is not None and value < low) or (high is not None and value > high)


def _measure(row: dict[str, Any], column: str, ends: Iterable[float | None] = ()) -> str:
    if row[column] is None:
        return "not measured"
    unit = spoken_unit(column)
    return beside(row[column], ends) + (f" {unit}" if unit else "")


def _crop(row: dict[str, Any], width: int, height: int) -> tuple[float, float, float, float] | None:
    corners = [row[f"crop_{name}"] for name in ("x0", "y0", "x1", "y1")]
    if any(corner is None or not 0 <= corner <= 1 for corner in corners):
        return None
    x0, y0, x1, y1 = corners
    return round(x0 * width, 1), round(y0 * height, 1), round((x1 - x0) * width, 1), round((y1 - y0) * height, 1)

"""The shown clips with their pictures, captions and alternative texts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from curation.report.album import Album, Card, Row, View
from curation.report.choice import Group
from curation.report.thumbnails import Picture
from curation.report.words import REASONS, beside, bounds, shown, spoken_unit, title

_OTHERS: Final = 8  # further reasons that are named


@dataclass(frozen=True)
class Shelf:
    """Clips that are shown together: why they are, how many there are, and those that are shown."""

    reason: str | None
    rule: str
    total: int
    cards: list[Card]


def shelves(album: Album, groups: list[Group], select: Mapping[str, Any]) -> list[Shelf]:
    """Return the groups with their pictures.

    Args:
        album: of the manifest that the groups were chosen from.
        groups: of `choose`.
        select: the recipe's thresholds.
    """
    from manifests.schema import measured

    rows = album.rows((row for group in groups for row in group.rows), measured())
    views = {place: View(row) for place, row in rows.items()}
    taken = dict(zip(views, album.pictures(list(views.values())), strict=True))
    return [
        Shelf(
            group.reason,
            _rule(group, select),
            group.total,
            [_card(album, views[place], taken[place], group, select) for place in group.rows],
        )
        for group in groups
    ]


def _rule(group: Group, select: Mapping[str, Any]) -> str:
    """What the recipe asks of the columns that decide this reason."""
    rules = [
        f"{title(column)}, wanted: {bounds(select[column].get('min'), select[column].get('max'), spoken_unit(column))}"
        for column in group.columns
    ]
    return "; ".join(rules) or REASONS.get(group.reason or "", "")


def _card(album: Album, view: View, picture: Picture, group: Group, select: Mapping[str, Any]) -> Card:
    others = [shown(reason, 80) for reason in view.row["reasons"] if reason != group.reason][:_OTHERS]
    return album.card(view, picture, _facts(view.row, group, select), ", ".join(others))


def _facts(row: Row, group: Group, select: Mapping[str, Any]) -> str:
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


def _measure(row: Row, column: str, ends: Iterable[float | None] = ()) -> str:
    if row[column] is None:
        return "not measured"
    unit = spoken_unit(column)
    return beside(row[column], ends) + (f" {unit}" if unit else "")

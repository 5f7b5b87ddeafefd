"""The pages of a site as HTML: path inside the site -> document."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmark.leaderboard.model import Cell, Facet, Row, Site
from benchmark.leaderboard.names import slug
from benchmark.leaderboard.plots import dot_plots, words
from benchmark.leaderboard.systems import SystemPage
from benchmark.show import number
from manifests.pages import document

TEMPLATES: Final = Path(__file__).parent / "templates"
KINDS: Final = {
    "system": "systems", "floor": "ground truth and floors", "not comparable": "not comparable", "reported": "reported",
}  # fmt: skip
GROUPS: Final = ("pictures", "lips and sound", "face and motion", "emotion", "other")
_MAY: Final = ("media-src 'self'",)  # from disk Chromium takes 'self' to be files below file:, on a server the site


def render(site: Site, systems: Mapping[str, SystemPage]) -> dict[str, str]:
    """All pages.

    Args:
        site: what they say. systems: path of a system's page -> what it shows.
    """
    common: dict[str, Any] = {"site": site, "kinds": KINDS, "groups": GROUPS}
    pages = {"index.html": _page("index.html.j2", common | {"root": ""}, ("table.js",))}
    for dataset in site.datasets:
        plots = [(board, dot_plots(board)) for board in dataset.boards]
        content = common | {"dataset": dataset, "plots": plots, "root": ""}
        pages[dataset.page] = _page("dataset.html.j2", content, ("table.js",))
        facets: dict[str, list[Facet]] = {}
        for board in dataset.boards:
            for facet in board.facets:
                facets.setdefault(facet.page, []).append(facet)
        for page, held in facets.items():
            content = common | {"dataset": dataset, "facet": held[0], "root": "../"}
            pages[page] = _page("facet.html.j2", content, ("table.js",))
    for page, system in systems.items():
        dataset = next(one for one in site.datasets if one.page == f"{page.partition('/')[0]}.html")
        content = common | {"dataset": dataset, "page": system, "root": "../"}
        pages[page] = _page("system.html.j2", content, ("step.js",))
    return pages


def _page(template: str, content: Mapping[str, Any], scripts: tuple[str, ...]) -> str:
    return document(
        TEMPLATES, template, content, styles=("board.css",), scripts=scripts, filters=dict(_FILTERS), may=_MAY
    )


def ordinal(cell: Cell) -> str:
    """A rank as it stands in a table: `2`, or `2=` where others share it."""
    return "" if cell.rank is None else f"{cell.rank}{'=' if cell.shared else ''}"


def explained(cell: Cell) -> str:
    """A cell in full, for whoever points at it."""
    if cell.reason:
        return cell.reason
    parts = [cell.name or "", cell.method]
    if cell.n is not None:
        parts.insert(1, f"n = {cell.n}")
    if cell.rank is not None:
        parts.append("not told apart from " + ", ".join(cell.tied) if cell.tied else "told apart from all others")
    return "; ".join(part for part in parts if part)


def sortable(cell: Cell) -> str:
    """What a column is sorted by: a number, `worst`, or nothing."""
    if cell.infinite:
        return "worst"
    shown = cell.value is not None and (cell.comparable or cell.printed is not None)
    return repr(float(cell.value)) if shown and cell.value is not None else ""


def several(count: int, word: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def interval(cell: Cell) -> str:
    """An interval in brackets' place: `1.2 – 1.5`; empty where neither end is known."""
    low, high = (number(end) if end is not None else "?" for end in cell.interval)
    return "" if low == high == "?" else f"{low} – {high}"


def ranked(rows: tuple[Row, ...]) -> int:
    """How many rows are ranked systems."""
    return sum(row.kind == "system" for row in rows)


_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "number": number, "ordinal": ordinal, "explained": explained, "sortable": sortable, "several": several,
    "interval": interval, "words": words, "slug": functools.partial(slug), "ranked": ranked,
}  # fmt: skip

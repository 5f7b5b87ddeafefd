"""What the site says, from sound bundles, studies and published numbers: a page per data set, boards on it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark import published
from benchmark.leaderboard.board import board as make_board
from benchmark.leaderboard.entries import Entry, ListKey
from benchmark.leaderboard.facets import facets
from benchmark.leaderboard.media import Videos
from benchmark.leaderboard.model import Board, Dataset, Row, Site, Unshown
from benchmark.leaderboard.names import DATASETS, slug
from benchmark.leaderboard.opinion import opinions
from benchmark.leaderboard.reported import add_reported, elsewhere, only_reported, sources
from benchmark.leaderboard.systems import SystemPage, system_page, video
from benchmark.protocol import load_protocol, protocol_names
from benchmark.statistics.ranks import LEVEL
from benchmark.study.bundle import OpinionBundle
from manifests.text import printable


def make_content(
    lists: dict[ListKey, list[Entry]], studies: Sequence[OpinionBundle], unshown: Sequence[Unshown],
    videos: Videos,
) -> tuple[Site, dict[str, SystemPage]]:  # fmt: skip
    """All that the site says, and its pages of systems: path inside the site -> page.

    Args:
        lists: of `by_list`. studies: bundles of rater studies. unshown: bundles that are not shown. videos: of clips.
    """
    numbers = published.load()
    names = dict.fromkeys([*DATASETS, *sorted(key[0] for key in lists), *sorted(
        study.study.protocol for study in studies if study.study.protocol)])  # fmt: skip
    datasets: list[Dataset] = []
    systems: dict[str, SystemPage] = {}
    for name in names:
        own = _official_first([(key, entries) for key, entries in lists.items() if key[0] == name])
        boards = []
        for place, (key, entries) in enumerate(own):
            made, pages = _board(key, entries, place, videos)
            boards.append(add_reported(made, numbers, name) if place == 0 else made)
            systems |= pages
        if not boards:
            alone = only_reported(name, numbers)
            boards = [alone] if alone is not None else []
        title, about = _about(name, own)
        datasets.append(Dataset(
            name=printable(name), title=title, about=about, page=f"{slug(name)}.html", boards=tuple(boards),
            opinions=opinions(name, studies, numbers), elsewhere=elsewhere(name, numbers),
        ))  # fmt: skip
    site = Site(
        level=LEVEL, datasets=tuple(datasets), studies=opinions(None, studies, numbers), sources=sources(numbers),
        unshown=tuple(unshown),
    )  # fmt: skip
    return site, systems


def _official_first(own: list[tuple[ListKey, list[Entry]]]) -> list[tuple[ListKey, list[Entry]]]:
    """Complete lists under this program's own protocol stand first, then those with more systems."""
    known = {name: load_protocol(name).sha256 for name in protocol_names()}

    def order(one: tuple[ListKey, list[Entry]]) -> tuple[bool, bool, int, ListKey]:
        key, entries = one
        return known.get(key[0]) != key[2], not entries[0].bundle.results.test_list.complete, -len(entries), key

    return sorted(own, key=order)


def _board(key: ListKey, entries: list[Entry], place: int, videos: Videos) -> tuple[Board, dict[str, SystemPage]]:
    suffix = f"-list{place + 1}" if place else ""
    folder = slug(key[0])
    pages: dict[str, str] = {}
    for entry in entries:
        own = f"{folder}/system-{slug(entry.bundle.results.system.name)}"
        twice = f"{own}{suffix}.html" in pages.values()
        pages[entry.seal] = f"{own}{'-' + entry.seal[:8] if twice else ''}{suffix}.html"
    made = make_board(key, entries, key[0], f"list-{place + 1}", pages)
    made = made.model_copy(update={"facets": facets(made, _as_rows(made, entries), suffix)})
    return made, {
        pages[entry.seal]: system_page(
            made, _row(made, entry), entry, entries, [video(one) for one in videos.of(entries, entry)]
        )
        for entry in entries
    }


def _as_rows(made: Board, entries: Sequence[Entry]) -> list[Entry]:
    """Entries in the order of the board's rows."""
    by_seal = {entry.seal: entry for entry in entries}
    return [by_seal[str(row.seal)] for row in made.rows]


def _row(made: Board, entry: Entry) -> Row:
    return next(row for row in made.rows if row.seal == entry.seal)


def _about(name: str, own: Sequence[tuple[ListKey, list[Entry]]]) -> tuple[str, str]:
    """Title and description of a protocol: this program's, else the bundle's own."""
    if name in protocol_names():
        protocol = load_protocol(name)
        return protocol.title, protocol.description
    said = own[0][1][0].bundle.results.protocol.resolved if own else {}
    return printable(str(said.get("title") or name))[:200], printable(str(said.get("description") or ""))[:2000]

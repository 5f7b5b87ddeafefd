"""What the leaderboard says, typed: the content of leaderboard.json, from which pages and CSV are written too."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from benchmark.results import Direction

LEADERBOARD_VERSION: Final = 1
"""Of leaderboard.json."""

Kind = Literal["system", "floor", "not comparable", "reported"]


class Part(BaseModel):
    """Frozen, without unknown keys and without numbers that JSON cannot hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Column(Part):
    """A metric of one name.

    key: `psnr`. name: `psnr/rgb-mse@v1/v1`; None where only reported numbers stand in the column.
    group: of metrics, such as `pictures`.
    comparable: false where its network ran on seeded weights.
    """

    key: str
    name: str | None
    title: str
    direction: Direction
    unit: str
    group: str
    comparable: bool = True


class Cell(Part):
    """A number of a row in a column, or why there is none.

    value: None where infinitely bad (`infinite`) or absent (`reason`).
    interval: 95 %; an end is None where it is infinite or not known.
    n: clips behind it, failed ones included; None where it is not known.
    method: how the interval was made.
    comparable: false for reported numbers and for networks on seeded weights.
    printed: as a paper prints it.
    rank: see `benchmark.statistics.ranks`: systems share one unless they are told apart; None for what is not ranked.
    shared: whether others have the same rank.
    tied: ranked systems that it does not differ from; p: ranked system -> p-value after Holm's correction.
    """

    value: float | None = None
    infinite: bool = False
    interval: tuple[float | None, float | None] = (None, None)
    n: int | None = None
    method: str = ""
    name: str | None = None
    comparable: bool = True
    printed: str | None = None
    reason: str | None = None
    rank: int | None = None
    shared: bool = False
    tied: tuple[str, ...] = ()
    p: dict[str, float] = {}


class Mark(Part):
    """Something that must be known of a row: in a few words, and in full."""

    short: str
    full: str


class Row(Part):
    """A system, a floor, or what a paper reports.

    does: what a floor does to the ground truth.
    page: of the system; bundle: folder of the site's copy; earlier: folders of bundles that this one replaced.
    source: key of `Site.sources`, for reported rows.
    cells: a cell for each column of the board.
    """

    system: str
    kind: Kind
    does: str = ""
    marks: tuple[Mark, ...] = ()
    page: str | None = None
    bundle: str | None = None
    seal: str | None = None
    made_at: str | None = None
    earlier: tuple[str, ...] = ()
    source: str | None = None
    cells: tuple[Cell, ...]


class Facet(Part):
    """The clips of one emotion or of one person: means over them; a metric of whole sets is not defined for so few.

    rows: (system, kind, a cell per column); page: that shows it.
    """

    kind: Literal["emotion", "identity"]
    name: str
    page: str
    clips: int
    columns: tuple[Column, ...]
    undefined: tuple[str, ...]
    rows: tuple[Row, ...]


class Board(Part):
    """Systems on one list of clips under one protocol.

    differs: whether the protocol's settings are others than those that this program has under the same name.
    """

    anchor: str
    dataset: str
    version: int | None
    protocol_sha256: str | None
    test_list_sha256: str | None
    clips: int
    persons: int
    complete: bool
    shortfalls: tuple[str, ...]
    differs: bool
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    facets: tuple[Facet, ...] = ()


class OpinionRow(Part):
    """Opinion scores of a system, 1 to 5: question -> cell. `cells` stand in the order of `Opinions.questions`."""

    system: str
    kind: Literal["study", "reported"]
    study: str | None = None
    source: str | None = None
    cells: tuple[Cell, ...]


class Study(Part):
    """A rater study whose scores are shown.

    alpha: question -> Krippendorff's alpha, None where undefined. excluded: rater -> why. preferences: sentences.
    """

    name: str
    bundle: str
    dataset: str | None
    test_list_sha256: str | None
    alpha: dict[str, float | None]
    excluded: dict[str, str]
    marks: tuple[str, ...]
    preferences: tuple[str, ...] = ()


class Opinions(Part):
    """The table of opinion scores of a data set."""

    questions: tuple[str, ...]
    rows: tuple[OpinionRow, ...]
    studies: tuple[Study, ...]


class Elsewhere(Part):
    """A table of reported numbers that stand beside no measured ones."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Dataset(Part):
    """A page of the site."""

    name: str
    title: str
    about: str
    page: str
    boards: tuple[Board, ...]
    opinions: Opinions | None
    elsewhere: Elsewhere | None


class Unshown(Part):
    """A bundle that is not shown: the name of its folder, and why, at most five sentences of `total`."""

    folder: str
    sentences: tuple[str, ...]
    total: int


class Source(Part):
    """Where reported numbers are printed, and what their protocol leaves open."""

    title: str
    where: str
    url: str
    open: tuple[str, ...]


class Site(Part):
    """The content of leaderboard.json. level: of ranks, see `benchmark.statistics.ranks`."""

    leaderboard_version: int = LEADERBOARD_VERSION
    level: float
    datasets: tuple[Dataset, ...]
    studies: Opinions | None
    sources: dict[str, Source]
    unshown: tuple[Unshown, ...]

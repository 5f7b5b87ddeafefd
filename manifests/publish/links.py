"""Link rot: how many sources have a public address, when they were fetched, and what their sites answered since."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.files import file_hash
from manifests.publish.markdown import count, many, text
from manifests.publish.places import without_password

ASKED: Final = Path("fetched") / "link_rot.parquet"  # what moee curate --refresh writes: url, asked_at, outcome
_COLUMNS: Final = ["url", "asked_at", "outcome"]
_ROWS: Final = 20


@dataclass(frozen=True)
class Links:
    """Where sources lie.

    Attributes:
        addresses: sources with a public address. files: sources that were given as files.
        fetched: first and last day on which the sources with an address were fetched; None where no time is kept.
        outcomes: newest answer of a site -> addresses. asked: first and last day of these answers.
    """

    addresses: int = 0
    files: int = 0
    fetched: tuple[str, str] | None = None
    outcomes: dict[str, int] = field(default_factory=dict)
    asked: tuple[str, str] | None = None


def key(root: Path) -> str | None:
    """Return what changes when sites were asked again; None where they never were."""
    path = root / ASKED
    return file_hash(path).sha256 if path.is_file() else None


def gather_links(root: Path, sources: pa.Table) -> Links:
    """Count the addresses of published sources.

    Args:
        root: of the manifest.
        sources: rows of the published clips, with `origin` (null unless it is a public address) and `retrieved_at`.
    """
    public = sources.filter(sources.column("origin").is_valid())
    newest: dict[str, tuple[datetime, str]] = {}
    for url, at, outcome in _answers(root / ASKED, public.column("origin")):
        if url not in newest or newest[url][0] <= at:
            newest[url] = (at, outcome)
    outcomes = Counter(outcome for _, outcome in newest.values())
    return Links(
        public.num_rows,
        sources.num_rows - public.num_rows,
        _days(public.column("retrieved_at").drop_null().to_pylist()),
        dict(sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))),
        _days([at for at, _ in newest.values()]),
    )


def section(links: Links) -> Iterator[str]:
    """Yield the lines of the card."""
    yield from ("## Link rot", "")
    yield f"- {many(links.addresses, 'source')} with a public address{_between(links.fetched, ', fetched')}."
    if links.files:
        yield (
            f"- {many(links.files, 'source')} that were given as files: they have no address, so whoever has no copy "
            "cannot make their clips again."
        )
    if links.outcomes:
        answers = ", ".join(f"{text(name)} {count(number)}" for name, number in list(links.outcomes.items())[:_ROWS])
        asked = sum(links.outcomes.values())
        yield f"- Asked again{_between(links.asked, '')}: {count(asked)} of {count(links.addresses)}: {answers}."
    elif links.addresses:
        yield "- No site was asked since whether they are still there: `moee curate --refresh` asks."
    yield (
        "- `moee rebuild` makes the clips again and says of each whether it is identical, equivalent, drifted or "
        "missing. `sha256` in `sources` says what was cut."
    )
    yield ""


def _answers(path: Path, wanted: pa.ChunkedArray) -> Iterator[tuple[str, datetime, str]]:
    """Answers of the sites of these addresses; none where the file is missing or is none of ours."""
    try:
        rows = pq.read_table(path, columns=_COLUMNS)
    except (OSError, pa.ArrowException):
        return
    urls = pa.array([without_password(url) for url in rows.column("url").to_pylist()], pa.string())
    rows = rows.set_column(rows.schema.get_field_index("url"), "url", urls)
    rows = rows.filter(pc.is_in(rows.column("url"), value_set=wanted.combine_chunks()))
    for row in rows.to_pylist():
        yield row["url"], row["asked_at"], row["outcome"]


def _days(times: list[datetime]) -> tuple[str, str] | None:
    return (f"{min(times):%Y-%m-%d}", f"{max(times):%Y-%m-%d}") if times else None


def _between(days: tuple[str, str] | None, word: str) -> str:
    if days is None:
        return ""
    return f"{word} on {days[0]}" if days[0] == days[1] else f"{word} from {days[0]} to {days[1]}"

"""The page: facts, charts and pictures of a manifest, laid out by the templates."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.report import again, certificate, charts, doubt, duplicates, facts, given, people, speakers, splits, words
from curation.report.album import Album, Card
from curation.report.choice import MOST, choose
from curation.report.downloads import downloads
from curation.report.gallery import shelves
from curation.report.histograms import Histogram, histograms

if TYPE_CHECKING:
    import jinja2

    from manifests.manifest import Manifest

TEMPLATES: Final = Path(__file__).parent / "templates"
MOST_PICTURES: Final = (
    MOST
    + (people.LARGEST + people.DOUBTFUL) * people.FACES
    + (duplicates.LARGEST + duplicates.DOUBTFUL) * duplicates.SHOWN
    + certificate.FACES * 2
    + doubt.TRACKS
)
_SOURCES: Final = (
    "id", "name", "origin", "bytes", "licence", "retrieved_at", "container", "video_codec", "width", "height",
    "audio_codec", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A rendered report and how many of its pictures show a frame."""

    html: str
    pictures: int
    placeholders: int


def render(manifest: "Manifest") -> Page:
    """Return the report of an opened manifest as one HTML document.

    Raises:
        manifests.errors.ManifestError: a damaged table.
    """
    content = _content(manifest)
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(**content, style=style, script=script, policy=_policy(style, script))
    )
    taken = [card.picture for card in _cards(content)]
    had = sum(picture.data is not None for picture in taken)
    return Page(html, had, len(taken) - had)


def _cards(content: dict[str, Any]) -> Iterator[Card]:
    for shelf in content["shelves"]:
        yield from shelf.cards
    for track in content["people"].doubtful if content["people"] else ():
        yield track.card
    for person in content["people"].pages if content["people"] else ():
        yield from person.cards
    for group in content["duplicates"].groups if content["duplicates"] else ():
        yield from (side.card for side in group.sides)
    said = content["splits"].certificate if content["splits"] else None
    for pair in said.faces if said else ():
        yield from pair.cards


def _content(manifest: "Manifest") -> dict[str, Any]:
    from manifests.schema import measured

    select = manifest.recipe.get("select") or {}
    summary = manifest.summary()
    sources = manifest.table("sources", _SOURCES)
    columns = ["id", "source", "track", "status", "reasons", *measured(), *given.COLUMNS]
    columns += [*people.COLUMNS, *speakers.COLUMNS, *duplicates.COLUMNS, *splits.COLUMNS]
    clips = manifest.table("clips", list(dict.fromkeys(columns)))
    drawn = {histogram.column: _drawn(histogram) for histogram in histograms(clips, select)}
    spoken = speakers.speakers(manifest, clips, sources)
    troubles, left = facts.troubles(summary)
    fetched = downloads(manifest, sources)
    album = Album(manifest, sources, fetched.files)
    who = people.people(manifest, clips, album)
    divided = splits.splits(manifest, clips, album)
    twice = duplicates.duplicates(manifest, clips, album)
    reasons = {reason for stage in summary.stages for reason in stage.reasons}
    return {
        "recipe": facts.recipe_of(manifest),
        "recipe_hash": _recipe_hash(manifest),
        "seen": facts.seen(sources),
        "state": words.shown(str(manifest.content.get("state", ""))[:16]),
        "summary": summary,
        "figures": facts.figures(summary),
        "funnel": facts.funnel(summary),
        "input_reasons": facts.frequent(summary.input_reasons),
        "clip_reasons": facts.frequent(summary.clip_reasons),
        "input_bars": facts.bars(summary.inputs),
        "clip_bars": facts.bars(summary.clips),
        "glossary": facts.glossary(reasons, select),
        "charts": [made for column, made in drawn.items() if not spoken or column not in speakers.COLUMNS],
        "speakers": spoken,
        "speaking_charts": [drawn[column] for column in speakers.COLUMNS if spoken and column in drawn],
        "shelves": shelves(album, choose(clips, select), select),
        "people": who,
        "people_charts": [_drawn(who.distances)] if who and who.distances else [],
        "duplicates": twice,
        "rule": duplicates.rule(manifest.recipe),
        "duplicate_charts": [_drawn(twice.score)] if twice and twice.score else [],
        "splits": divided,
        "labels": given.labels(clips),
        "troubles": troubles,
        "troubles_left": left,
        "flags": facts.flags(sources),
        "materials": facts.materials(sources),
        "downloads": fetched,
        "costs": facts.costs(summary),
        "again": again.again(manifest, sources),
    }


def _drawn(histogram: Histogram) -> tuple[Histogram, charts.Chart, list[charts.Row]]:
    return histogram, charts.draw(histogram), charts.rows(histogram)


def _recipe_hash(manifest: "Manifest") -> str:
    """The hash that the clips carry; several when a manifest mixes them, none without clips."""
    import pyarrow.compute as pc

    hashes = pc.unique(manifest.table("clips", ["recipe"]).column("recipe")).to_pylist()
    return ", ".join(words.shown(text) for text in sorted(hashes)[:3] if text)


def _policy(style: str, script: str) -> str:
    """A content security policy that lets in this style, this script and data URIs of pictures, nothing else."""

    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"

    rules = ("default-src 'none'", "img-src data:", f"style-src {allowed(style)}", f"script-src {allowed(script)}")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=words.count,
        number=words.number,
        several=words.several,
        plural=words.plural,
        duration=words.duration,
        size=words.size,
        title=words.title,
        bounds=words.bounds,
        exact=words.exact,
        shown=words.shown,
        unit=words.spoken_unit,
    )
    return environment

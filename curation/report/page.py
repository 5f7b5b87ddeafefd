"""The page: facts, charts and pictures of a manifest, laid out by the templates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from curation.report import (
    again,
    ambiguous,
    certificate,
    charts,
    doubt,
    duplicates,
    emotions,
    facts,
    given,
    people,
    speakers,
    splits,
    words,
)
from curation.report.album import Album, Card
from curation.report.choice import MOST, choose
from curation.report.document import document
from curation.report.downloads import downloads
from curation.report.gallery import shelves
from curation.report.histograms import Histogram, histograms

if TYPE_CHECKING:
    from manifests.manifest import Manifest

MOST_PICTURES: Final = (
    MOST
    + (people.LARGEST + people.DOUBTFUL) * people.FACES
    + (duplicates.LARGEST + duplicates.DOUBTFUL) * duplicates.SHOWN
    + certificate.FACES * 2
    + doubt.TRACKS
    + ambiguous.MOST
)
_SOURCES: Final = (
    "id", "name", "origin", "bytes", "licence", "retrieved_at", "container", "video_codec", "width", "height",
    "audio_codec", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A rendered report, how many of its pictures show a frame, and the clips whose pages it links to."""

    html: str
    pictures: int
    placeholders: int
    clips: tuple[str, ...] = ()


def render(manifest: "Manifest") -> Page:
    """Return the report of an opened manifest as one HTML document.

    Raises:
        manifests.errors.ManifestError: a damaged table.
    """
    content = _content(manifest)
    html = document("report.html.j2", content)
    taken = [card.picture for card in _cards(content)]
    had = sum(picture.data is not None for picture in taken)
    said = content["emotions"].doubtful if content["emotions"] else []
    return Page(html, had, len(taken) - had, tuple(clip.id for clip in said if clip.page))


def _cards(content: dict[str, Any]) -> Iterator[Card]:
    for shelf in content["shelves"]:
        yield from shelf.cards
    for clip in content["emotions"].doubtful if content["emotions"] else ():
        yield clip.card
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
    from manifests.emotions import EMOTIONS
    from manifests.schema import measured

    select = manifest.recipe.get("select") or {}
    summary = manifest.summary()
    sources = manifest.table("sources", _SOURCES)
    columns = ["id", "source", "track", "status", "reasons", *measured(), *given.COLUMNS]
    columns += [*people.COLUMNS, *speakers.COLUMNS, *duplicates.COLUMNS, *splits.COLUMNS, *emotions.COLUMNS]
    clips = manifest.table("clips", list(dict.fromkeys(columns)))
    drawn = {histogram.column: _drawn(histogram) for histogram in histograms(clips, select)}
    spoken = speakers.speakers(manifest, clips, sources)
    troubles, left = facts.troubles(summary)
    fetched = downloads(manifest, sources)
    album = Album(manifest, sources, fetched.files)
    who = people.people(manifest, clips, album)
    anchors = {entry.id: entry.anchor for entry in who.table if entry.anchor} if who else {}
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
        "emotions": emotions.emotions(manifest, clips, album, anchors),
        "emotion_names": EMOTIONS,
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

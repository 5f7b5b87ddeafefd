"""The page: facts, charts and pictures of a manifest, laid out by the templates."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.report import again, charts, facts, given, words
from curation.report.choice import MOST, choose
from curation.report.downloads import downloads
from curation.report.gallery import shelves
from curation.report.histograms import histograms

if TYPE_CHECKING:
    import jinja2

    from manifests.manifest import Manifest

TEMPLATES: Final = Path(__file__).parent / "templates"
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
    cards = [card for shelf in content["shelves"] for card in shelf.cards]
    had = sum(card.picture.data is not None for card in cards)
    return Page(html, had, len(cards) - had)


def _content(manifest: "Manifest") -> dict[str, Any]:
    from manifests.schema import measured

    select = manifest.recipe.get("select") or {}
    summary = manifest.summary()
    sources = manifest.table("sources", _SOURCES)
    columns = ["source", "status", "reasons", *measured(), *given.COLUMNS]
    clips = manifest.table("clips", list(dict.fromkeys(columns)))
    drawn = [(histogram, charts.draw(histogram), charts.rows(histogram)) for histogram in histograms(clips, select)]
    troubles, left = facts.troubles(summary)
    fetched = downloads(manifest, sources)
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
        "charts": drawn,
        "shelves": shelves(manifest, choose(clips, select), sources, fetched.files, select),
        "labels": given.labels(clips),
        "troubles": troubles,
        "troubles_left": left,
        "flags": facts.flags(sources),
        "materials": facts.materials(sources),
        "downloads": fetched,
        "costs": facts.costs(summary),
        "again": again.again(manifest, sources),
        "most": MOST,
    }


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
        duration=words.duration,
        size=words.size,
        title=words.title,
        bounds=words.bounds,
        exact=words.exact,
        shown=words.shown,
        unit=words.spoken_unit,
    )
    return environment

"""A page of the report: its templates, styles, scripts and how they write numbers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from curation.report import words
from manifests import pages

TEMPLATES: Final = Path(__file__).parent / "templates"
_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "count": words.count,
    "number": words.number,
    "several": words.several,
    "plural": words.plural,
    "duration": words.duration,
    "size": words.size,
    "title": words.title,
    "bounds": words.bounds,
    "exact": words.exact,
    "shown": words.shown,
    "unit": words.spoken_unit,
}


def document(template: str, content: Mapping[str, Any]) -> str:
    """Return a page.

    Args:
        template: its file name.
        content: what the template shows.
    """
    return pages.document(
        TEMPLATES, template, content, styles=("report.css", "expressions.css"), scripts=("report.js",), filters=_FILTERS
    )

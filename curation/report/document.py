"""A page as one HTML document that loads nothing: the templates, their style and script, and the policy they allow."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from curation.report import words

if TYPE_CHECKING:
    import jinja2

TEMPLATES: Final = Path(__file__).parent / "templates"
_STYLES: Final = ("report.css", "expressions.css")


def document(template: str, content: Mapping[str, Any]) -> str:
    """Return a page.

    Args:
        template: its file name.
        content: what the template shows.
    """
    style = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in _STYLES)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    page = _environment().get_template(template)
    return page.render(**content, style=style, script=script, policy=_policy(style, script))


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

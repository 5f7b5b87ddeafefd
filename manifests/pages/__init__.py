"""A page as one HTML document: a template, the house's style and script with the page's own, and what they may load."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import jinja2

HERE: Final = Path(__file__).parent
Filter = Callable[..., Any]


def document(
    templates: Path,
    template: str,
    content: Mapping[str, Any],
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    filters: Mapping[str, Filter] | None = None,
    may: Sequence[str] = (),
) -> str:
    """Render a page; the template puts `style`, `script` and `policy` into its head and its end.

    Args:
        templates: folder of templates, styles and scripts of a room.
        template: its file name.
        content: what the template shows; everything is escaped.
        styles, scripts: file names in that folder, put behind `page.css` and `theme.js`.
        filters: of the templates.
        may: what the page may load beside its own style and script and data URIs of pictures, as directives of a
            content security policy such as `media-src 'self'`; a directive given here replaces its default.

    Raises:
        jinja2.UndefinedError: the template names something that `content` lacks.
    """
    style = "\n".join(path.read_text(encoding="utf-8") for path in _files(templates, "page.css", styles))
    script = "\n".join(path.read_text(encoding="utf-8") for path in _files(templates, "theme.js", scripts))
    page = _environment(templates, tuple((filters or {}).items())).get_template(template)
    return page.render(**content, style=style, script=script, policy=_policy(style, script, may))


def _files(templates: Path, first: str, others: Sequence[str]) -> list[Path]:
    return [HERE / first, *(templates / name for name in others)]


def _policy(style: str, script: str, may: Sequence[str]) -> str:
    """A content security policy that lets in this style, this script, pictures as data URIs, and what is allowed."""

    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"

    rules = {"default-src": "'none'", "img-src": "data:", "style-src": allowed(style), "script-src": allowed(script)}
    rules |= {"base-uri": "'none'", "form-action": "'none'"}
    rules |= dict(rule.split(" ", 1) for rule in may)
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def _environment(templates: Path, filters: tuple[tuple[str, Filter], ...]) -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    return environment

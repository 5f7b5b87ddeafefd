"""Text from anywhere as Markdown that stays text: nothing in a title or a licence becomes a link, a heading or HTML."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from manifests.text import printable

# CommonMark lets a backslash stand before any ASCII punctuation; a full stop too, else www.example.org is a link.
_PUNCTUATION: Final = re.compile(r"""([!"#$%&'()*+./:;<=>?@\[\\\]^_`{|}~])""")
_LONGEST: Final = 120


def text(value: object, longest: int = _LONGEST) -> str:
    """Return a value as one line of Markdown that shows exactly its characters.

    Args:
        value: from anywhere.
        longest: characters; the middle of a longer one is left out.
    """
    line = " ".join(printable(str(value)).split())
    if len(line) > longest:
        half = (longest - 3) // 2
        line = f"{line[:half]} … {line[-half:]}"
    escaped = _PUNCTUATION.sub(_escaped, line)
    return f"\\{escaped}" if escaped.startswith("-") else escaped


def _escaped(found: re.Match[str]) -> str:
    # Entities for what begins HTML: a reader that knows no backslashes must not see a tag either.
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[1], f"\\{found[1]}")


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; its cells are Markdown already (see `text`)."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "|".join("---" for _ in titles) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


def many(number: float, word: str, plural: str | None = None) -> str:
    """1 clip, 2 clips, 1,234 clips."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def hours(seconds: float) -> str:
    """Seconds as hours, with enough digits for small sets."""
    return f"{seconds / 3600:.2f}" if seconds >= 360 else f"{seconds / 3600:.4f}"

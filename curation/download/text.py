"""Text that a site gave, made harmless: printable, without direction marks, of bounded length."""

import unicodedata
from typing import Any


def clean(text: Any, most: int = 1000) -> str:
    """Text that any terminal and table can hold; control and half characters, direction marks are escaped."""
    return "".join(c if c.isprintable() else _harmless(c) for c in str(text)[:most]).strip()


def clean_or_none(text: Any, most: int = 1000) -> str | None:
    """The same, None for nothing."""
    return clean(text, most) or None if text is not None else None


def _harmless(character: str) -> str:
    if unicodedata.category(character)[0] == "Z":
        return " "
    return character.encode("unicode_escape").decode("ascii")

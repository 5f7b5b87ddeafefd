"""Words for people: names made printable, and the nearest right word for a wrong one."""

import difflib
import unicodedata
from collections.abc import Iterable

# Line breaks, terminal commands, text direction marks, half characters, private and unassigned characters.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ZERO_WIDTH_JOINER = "\u200d"  # a format character, but families and flags of emoji need it


def printable(text: str) -> str:
    """Return `text` as one line of valid Unicode that cannot move a terminal's cursor.

    Args:
        text: any str, also a file name that is not valid UTF-8 (as `os.fsdecode` gives it).

    Returns:
        The same text with control, direction and half characters written as escapes (`\\n` becomes `\\x0a`).
    """
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a half character that no file name holds
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character == _ZERO_WIDTH_JOINER or unicodedata.category(character) not in _UNPRINTABLE:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a clause that names the nearest right word, or all right words when none is near.

    Args:
        word: what was given.
        known: the right words.
    """
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return "known: " + ", ".join(words) if words else "none is known here"

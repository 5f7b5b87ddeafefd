"""Languages as the Hub codes them (ISO 639-1, or 639-3 where that has none): what sources and who publishes state."""

import re
from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.text import printable

_TAG: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9_-]*)?")
_NONE: Final = ("und", "zxx", "mul", "mis", "qaa")  # ISO 639 codes that name no language
_LONGER: Final = {
    "eng": "en",
    "deu": "de",
    "fra": "fr",
    "spa": "es",
    "zho": "zh",
    "cmn": "zh",
    "jpn": "ja",
    "rus": "ru",
}


def code_of(stated: str | None) -> str | None:
    """Return the Hub's code of a language that somebody states as a tag (`en`, `en-US`, `zh_Hans`); else None."""
    found = _TAG.fullmatch((stated or "").strip())
    code = "" if found is None else found[1].lower()
    return None if not code or code in _NONE else _LONGER.get(code, code)


def checked(languages: Iterable[str]) -> tuple[str, ...]:
    """Return the codes of what is stated of the whole, sorted.

    Raises:
        ManifestError: something is no code of a language.
    """
    codes = {words: code_of(words) for words in languages}
    wrong = next((words for words, code in codes.items() if code is None), None)
    if wrong is not None:
        raise ManifestError(f"--language {printable(wrong)} is no code of a language: write en, de or zh (ISO 639-1).")
    return tuple(sorted({code for code in codes.values() if code}))


def of_clips(clips: pa.Table, sources: pa.Table) -> pa.Array:
    """Return for each clip the language that its source states: a code, other words as they are, or null.

    Args:
        clips: with the column `source`.
        sources: with `id` and `language`.
    """
    stated = sources.column("language").to_pylist()
    shown = [None if words is None or words.lower() in _NONE else code_of(words) or words.strip() for words in stated]
    at = pc.index_in(clips.column("source"), value_set=sources.column("id").combine_chunks())
    return pa.array([word or None for word in shown], pa.string()).take(at.combine_chunks())

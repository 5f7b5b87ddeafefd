"""Where each value of a recipe comes from: what stands beside it in the recipes that come with the project."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from manifests.recipe import RECIPES

_LINE: Final = re.compile(r"^( *)([A-Za-z_][\w-]*):\s*([^#]*?)\s*(?:#\s*(.*))?$")
OWN: Final = "who wrote the recipe"
DEFAULT: Final = "the program's default"
_PARTS: Final = ("stages", "select", "fetch", "export")
_LONGEST: Final = 400  # settings that are listed


def rows(recipe: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return setting, value and origin for every setting of a resolved recipe.

    Args:
        recipe: as a manifest keeps it.
    """
    chain = _chain(str(recipe.get("name", "")))
    listed = []
    for path, value in _settings({part: recipe.get(part) for part in _PARTS}, ()):
        if value is None:
            continue
        listed.append((".".join(path), str(value), _origin(path, value, chain)))
    return listed[:_LONGEST]


def _settings(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _settings(inner, (*path, str(name)))
    else:
        yield path, value


def _origin(path: tuple[str, ...], value: Any, chain: list[dict[tuple[str, ...], tuple[str, str]]]) -> str:
    for said in chain:
        if path in said:
            words, about = said[path]
            return about or OWN if _same(words, value) else OWN
    return DEFAULT if path[0] in ("stages", "fetch", "export") else OWN


def _same(words: str, value: Any) -> bool:
    if words == str(value):
        return True
    try:
        return float(words) == float(value)
    except (TypeError, ValueError):
        return False


def _chain(name: str) -> list[dict[tuple[str, ...], tuple[str, str]]]:
    """What a recipe of the project says, then what it extends; nothing for a recipe of somebody else."""
    chain: list[dict[tuple[str, ...], tuple[str, str]]] = []
    while re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) and (RECIPES / f"{name}.yaml").is_file() and len(chain) < 9:
        said = _said((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
        chain.append(said)
        name = said.get(("extends",), ("", ""))[0]
    return chain


def _said(content: str) -> dict[tuple[str, ...], tuple[str, str]]:
    """Path of a key -> its value as written and the remark behind it."""
    said: dict[tuple[str, ...], tuple[str, str]] = {}
    above: list[tuple[int, str]] = []
    for line in content.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        indent = len(found[1])
        above = [entry for entry in above if entry[0] < indent]
        path = (*(name for _, name in above), found[2])
        above.append((indent, found[2]))
        said[path] = (found[3], found[4] or "")
    return said

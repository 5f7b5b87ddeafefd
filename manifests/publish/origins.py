"""Where each value of a recipe comes from: what stands beside it in the recipes that come with the project."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from manifests.recipe import RECIPES, recipe_names

_LINE: Final = re.compile(r"^( *)([A-Za-z_][\w-]*):\s*([^#]*?)\s*(?:#\s*(.*))?$")
_FIRST: Final = "talking-head"  # the default recipe
OWN: Final = "who wrote the recipe"
DEFAULT: Final = "the program's default"
_PARTS: Final = ("stages", "select", "fetch", "export")
_LONGEST: Final = 400  # settings that are listed


def rows(recipe: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return setting, value and origin for every setting of a resolved recipe.

    The origin is the remark in the recipe of the project that has this value; of somebody's own recipe, which does not
    say what it extends, in the one that most of its settings agree with, and then that one is named.

    Args:
        recipe: as a manifest keeps it.
    """
    own = [
        (path, value) for path, value in _settings({part: recipe.get(part) for part in _PARTS}, ()) if value is not None
    ]
    name = str(recipe.get("name", ""))
    like = name if name in recipe_names() else _nearest(own)
    prefix = "" if like == name else f"as in {like}: "
    chain = _chain(like)
    return [(".".join(path), str(value), _origin(path, value, chain, prefix)) for path, value in own[:_LONGEST]]


def _nearest(own: list[tuple[tuple[str, ...], Any]]) -> str:
    """The recipe of the project that most settings agree with: somebody's own mostly extends one, and does not say."""

    def agree(name: str) -> int:
        chain = _chain(name)
        said = ((next((said[path][0] for said in chain if path in said), None), value) for path, value in own)
        return sum(words is not None and _same(words, value) for words, value in said)

    names = sorted(recipe_names(), key=lambda name: (len(_chain(name)), name != _FIRST, name))
    return max(names, key=agree)  # of equals the one that extends the fewest


def _settings(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _settings(inner, (*path, str(name)))
    else:
        yield path, value


def _origin(path: tuple[str, ...], value: Any, chain: list[dict[tuple[str, ...], tuple[str, str]]], prefix: str) -> str:
    for said in chain:
        if path in said:
            words, about = said[path]
            return f"{prefix}{about}" if about and _same(words, value) else OWN
    return DEFAULT if path[0] in ("stages", "fetch", "export") else OWN


def _same(words: str, value: Any) -> bool:
    if words == str(value):
        return True
    try:
        return float(words) == float(value)
    except (TypeError, ValueError):
        return False


def _chain(name: str) -> list[dict[tuple[str, ...], tuple[str, str]]]:
    """What a recipe of the project says, then what it extends."""
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

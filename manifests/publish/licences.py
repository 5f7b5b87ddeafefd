"""The models that made the columns, each with its licence: what the project's registry says, and what is not in it."""

import importlib.util
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from manifests.publish.markdown import table, text

ABSENT: Final = ("@absent", "@unusable")  # what stands for the hash of a model that did not work on the machine
_ROWS: Final = 60
_HASH: Final = 16  # characters of a hash that are shown
_OWN: Final = "Apache-2.0 (constants of MoEE)"


@dataclass(frozen=True)
class Terms:
    """The licence of a model, and whether it, or that of its data, forbids commercial use."""

    licence: str
    noncommercial: bool


# Models that users bring: they are in no registry. Their facts are those of `perception` (tests compare them).
OTHERS: Final[Mapping[str, Terms]] = {
    "deepface": Terms("MIT", False),
    "emotiefflib": Terms("Apache-2.0", True),
    "libreface": Terms("USC research licence", True),
    "opengraphau": Terms("Apache-2.0", True),
    "insightface": Terms("for research only, as its makers say", True),
    "facs": Terms(_OWN, False),
    "facs-norms": Terms(_OWN, False),
    "facs-mesh": Terms(_OWN, False),
    "facs-blendshapes": Terms(_OWN, False),
}


def registered() -> dict[str, Terms]:
    """Return the models of the weights registry.

    The registry is read as data: this package imports nothing of the project. Where its package is missing there are
    no entries, and the flags in the tables are all that is known.
    """
    found = importlib.util.find_spec("perception")  # found, not loaded
    folders = (found.submodule_search_locations if found else None) or []
    path = next((path for folder in folders if (path := Path(folder) / "weights.toml").is_file()), None)
    words = "model = []" if path is None else path.read_text(encoding="utf-8")
    entries = tomllib.loads(words)["model"]
    return {entry["name"]: Terms(entry["licence"], entry["noncommercial"]) for entry in entries}


def terms_of(name: str, known: Mapping[str, Terms]) -> Terms | None:
    """Return what is known of a model without its hash (`libreface/expression`: of its family); None for nothing."""
    family = name.partition("/")[0]
    return known.get(name) or OTHERS.get(name) or OTHERS.get(family)


def plain(model: str) -> str:
    """A model's name without the hash of its file."""
    return model.partition("@")[0]


def lines(models: Iterable[str], members: Iterable[str], noncommercial: Iterable[str]) -> Iterator[str]:
    """Yield the card's table of the models that worked on the clips.

    Args:
        models: as outcomes name them: `name@hash`.
        members: of the panel that judges emotions; they are listed once, though they stand among the models too.
        noncommercial: models that the tables flag, whatever is known of their licence.
    """
    known, flagged = registered(), {plain(model) for model in noncommercial}
    hashes = {plain(model): model.partition("@")[2] for model in models if not model.endswith(ABSENT)}
    names = sorted({*hashes, *members})
    if not names:
        return
    rows = []
    for name in names[:_ROWS]:
        terms = terms_of(name, known)
        licence = "not known here: look at it before use" if terms is None else text(terms.licence)
        forbids = name in flagged or (terms is not None and terms.noncommercial)
        use = "forbidden" if forbids else "not known" if terms is None else "allowed"
        rows.append((text(name), text(hashes.get(name, "")[:_HASH]), licence, use))
    yield from table(("model", "SHA-256 of its file", "licence", "commercial use"), rows)
    if len(names) > _ROWS:
        yield from ("", f"And {len(names) - _ROWS} more: see the column `models` of the manifest's outcomes.")
    yield ""

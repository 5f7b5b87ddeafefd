"""What may not be public without being named: rows whose source has no licence, models that forbid commercial use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import ManifestError
from manifests.publish.licences import ABSENT, plain, registered, terms_of
from manifests.publish.markdown import many
from manifests.publish.places import public_name
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

UNLICENSED: Final = "unlicensed"
_ALSO: Final = 4  # more models that a refusal names
_NONE: Final = ("", "unknown", "none", "not stated", "n/a", "noassertion", "unlicensed")  # what is no licence


@dataclass(frozen=True)
class Found:
    """What stands in the way of a public push.

    Attributes:
        unlicensed: id of a source without a known licence -> (its name, its published clips).
        models: model that forbids commercial use -> what it made.
    """

    unlicensed: dict[str, tuple[str, int]] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)


def look(manifest: "Manifest", clips: pa.Table) -> Found:
    """Return what stands in the way of publishing these clips to everybody."""
    return Found(_unlicensed(manifest, clips), _models(manifest, clips))


def check(found: Found, allowed: Sequence[str]) -> None:
    """Stop a public push of what was not named.

    Args:
        found: as `look` gives it. allowed: `unlicensed`, and names of models.

    Raises:
        ManifestError: a row or a model that is not allowed, named.
    """
    unknown = [name for name in allowed if name != UNLICENSED and name not in found.models]
    if unknown:
        known = ", ".join(map(printable, [UNLICENSED, *found.models]))
        raise ManifestError(
            f"--allow {printable(unknown[0])} names nothing that stands in the way here; what can be named: {known}."
        )
    stops = {name: words for name, words in _stops(found) if name not in allowed}
    if stops:
        first, *others = stops.values()
        also = f"; also, {'; '.join(others[:_ALSO])}" if others else ""
        also += f"; and {len(others) - _ALSO} more" if len(others) > _ALSO else ""
        options = " ".join(f"--allow {printable(name)}" for name in stops)
        raise ManifestError(
            f"{first[0].upper()}{first[1:]}{also}: publish with --private, or say {options} if you may share it."
        )


def is_licence(stated: str | None) -> bool:
    """Whether what a source states is a licence, and not that none is known."""
    return " ".join((stated or "").lower().split()) not in _NONE


def _stops(found: Found) -> Iterator[tuple[str, str]]:
    """What --allow calls it, and what it is."""
    if found.unlicensed:
        source, (name, clips) = next(iter(found.unlicensed.items()))
        more = f", and {many(len(found.unlicensed) - 1, 'more source')}" if len(found.unlicensed) > 1 else ""
        yield UNLICENSED, f"the source {printable(name)} ({source}, {many(clips, 'clip')}) has no known licence{more}"
    for model, made in found.models.items():
        yield model, f"the model {printable(model)} forbids commercial use and made {made}"


def _unlicensed(manifest: "Manifest", clips: pa.Table) -> dict[str, tuple[str, int]]:
    used = {row["values"]: row["counts"] for row in pc.value_counts(clips.column("source")).to_pylist()}
    rows = manifest.table("sources", ["id", "name", "licence"]).to_pylist()
    known = {row["id"] for row in rows if is_licence(row["licence"])}
    names = {row["id"]: row["name"] for row in rows}
    found = {source: (public_name(names.get(source) or source), used[source]) for source in used if source not in known}
    return dict(sorted(found.items(), key=lambda item: (-item[1][1], item[1][0], item[0])))


def _models(manifest: "Manifest", clips: pa.Table) -> dict[str, str]:
    embedded = manifest.table("embeddings", ["model", "noncommercial"])
    faces = pc.unique(embedded.filter(embedded.column("noncommercial")).column("model")).to_pylist()
    found = {plain(model): "the column identity" for model in sorted(faces)}
    found |= dict.fromkeys(_members(clips), "the columns of emotions or action units")
    flagged = {name for name, terms in registered().items() if terms.noncommercial}
    used = pc.unique(pc.list_flatten(manifest.table("outcomes", ["models"]).column("models"))).to_pylist()
    for model in sorted(used):
        if plain(model) in flagged and not model.endswith(ABSENT):
            found.setdefault(plain(model), "columns of the clips")
    return found


def _members(clips: pa.Table) -> list[str]:
    """Who may have made the expressions that are flagged: none of a row without the flag, none known to be free."""
    said = clips.select(["expression_noncommercial", "members", "action_units_model"])
    flag = pc.fill_null(said.column("expression_noncommercial"), False)
    named = [_named(said.filter(mask)) for mask in (flag, pc.invert(flag))]
    candidates, known = named[0] - named[1] or named[0], registered()
    free = {name for name in candidates if (terms := terms_of(name, known)) is not None and not terms.noncommercial}
    return sorted(candidates - free or candidates)


def _named(rows: pa.Table) -> set[str]:
    members = pc.unique(pc.list_flatten(rows.column("members"))).to_pylist()
    units = pc.unique(rows.column("action_units_model")).to_pylist()
    return {name for name in (*members, *units) if name}

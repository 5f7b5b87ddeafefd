"""How the same manifest is made again: the command, the recipe, and what each stage ran with."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.words import shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_MODELS: Final = 20  # of one stage
_ROOTS: Final = 4  # SOURCE arguments that are written out


@dataclass(frozen=True)
class Ran:
    """A stage as it ran: its version, the hash of its settings and the models that it depends on."""

    stage: str
    versions: str
    configs: str
    models: list[tuple[str, str]]


@dataclass(frozen=True)
class TableFile:
    """A table of the manifest: rows and hash."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Again:
    """All that it takes: recipe as YAML, command, stages, tables."""

    command: str
    recipe_file: str
    recipe: str
    stages: list[Ran]
    tables: list[TableFile]


def again(manifest: "Manifest", sources: pa.Table) -> Again:
    """Return how to make the manifest again.

    Args:
        manifest: an opened one.
        sources: the columns `name` and `origin`.
    """
    name = shown(manifest.recipe.get("name") or "recipe", 64)
    file = f"{name}.yaml"
    command = ["moee", "curate", *roots(sources), "--recipe", f"./{file}", "--out", "dataset"]
    entries = manifest.content["tables"]
    return Again(
        command=shown(" ".join(map(_quoted, command)), 2000),
        recipe_file=file,
        recipe=recipe_text(manifest.recipe),
        stages=stages(manifest),
        tables=[TableFile(shown(key), int(entries[key]["rows"]), shown(entries[key]["sha256"])) for key in entries],
    )


def roots(sources: pa.Table) -> list[str]:
    """The SOURCE arguments that give these inputs: the folders that names are relative to."""
    found: set[str] = set()
    for name, origin in zip(sources.column("name").to_pylist(), sources.column("origin").to_pylist(), strict=True):
        if origin.startswith(("http://", "https://")):
            found.add("LIST")
        else:
            found.add(origin.removesuffix(name).rstrip("/") or origin if origin.endswith("/" + name) else origin)
        if len(found) > _ROOTS:
            return ["SOURCE..."]
    return sorted(found) or ["SOURCE..."]


def _quoted(word: str) -> str:
    return word if word in ("SOURCE...", "LIST") else shlex.quote(word)


def recipe_text(recipe: dict[str, Any]) -> str:
    """The resolved recipe as YAML that `moee curate --recipe` reads."""
    import yaml

    from manifests.text import printable

    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=False, width=100)
    return "\n".join(printable(line) for line in text.splitlines())


def stages(manifest: "Manifest") -> list[Ran]:
    """Return the stages in their order with what they ran with; several versions stand side by side."""
    outcomes = manifest.table("outcomes", ["stage", "version", "config", "models"])
    made = outcomes.select(["stage", "version", "config"]).group_by(["stage", "version", "config"]).aggregate([])
    order = {stage: place for place, stage in enumerate(manifest.stages)}
    rows = made.to_pylist()
    found = []
    for stage in sorted({row["stage"] for row in rows}, key=lambda stage: (order.get(stage, len(order)), stage)):
        mine = [row for row in rows if row["stage"] == stage]
        here = outcomes.filter(pc.equal(outcomes.column("stage"), stage)).column("models")
        models = sorted(model for model in pc.unique(pc.list_flatten(here)).to_pylist() if model)
        found.append(
            Ran(
                shown(stage),
                ", ".join(str(version) for version in sorted({row["version"] for row in mine})),
                ", ".join(shown(config) for config in sorted({row["config"] for row in mine})[:3]),
                [
                    (shown(name, 80), shown(sha, 80))
                    for name, _, sha in (model.partition("@") for model in models[:_MODELS])
                ],
            )
        )
    return found

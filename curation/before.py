"""What the last snapshot of a folder says, so that a rerun knows what need not be done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.missing import ABSENT
from curation.stage import Stage
from curation.whole import STAGES

JUDGES = {  # stages whose networks may come and go, and what they do
    "emotions": "judged by other members of the panel",
    "captions": "captioned by another model",
}


@dataclass
class Before:
    """Facts of the last snapshot, per source.

    Args:
        keys: of the stages that said something.
        files: exported files with their sizes.
        failed: clips that could not be exported.
        flags: what is odd about the file.
        models: weights that the face tracks of any source depend on.
        recipe: resolved, or None without a snapshot.
        version: of the tables, or None without a snapshot.
        judges: stage -> the networks that judged emotions, or wrote captions, of any source.
    """

    keys: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    embedded: set[str] = field(default_factory=set)
    recipe: dict[str, Any] | None = None
    version: int | None = None
    judges: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, out: Path) -> "Before":
        """Read it; no snapshot, or a damaged one, says nothing: then workers look for themselves."""
        import pyarrow as pa

        import manifests
        from manifests.errors import ManifestError

        if not (out / "manifest.json").is_file():
            return cls()
        try:
            return cls._of(manifests.open(out))
        except (ManifestError, OSError, pa.ArrowException):
            return cls(version=_version(out))

    @classmethod
    def _of(cls, manifest: Any) -> "Before":
        import pyarrow as pa
        import pyarrow.compute as pc

        before = cls(recipe=manifest.recipe, version=manifest.content["schema_version"])
        outcomes = manifest.table("outcomes", ["source", "stage", "key", "models"])
        outcomes = outcomes.filter(pc.invert(pc.is_in(outcomes.column("stage"), value_set=pa.array(STAGES))))
        for group in outcomes.select(["source", "key"]).group_by("source").aggregate([("key", "distinct")]).to_pylist():
            before.keys[group["source"]] = set(group["key_distinct"])
        for row in outcomes.select(["stage", "models"]).to_pylist():
            if row["stage"] == "faces":
                before.models.update(row["models"])
            elif row["stage"] == "embeddings":
                before.embedded.update(model for model in row["models"] if not model.endswith(ABSENT))
            elif row["stage"] in JUDGES:
                before.judges.setdefault(row["stage"], set()).update(row["models"])
        for row in manifest.table("clips", ["source", "status", "file", "file_bytes"]).to_pylist():
            if row["status"] == "kept":
                before.files.setdefault(row["source"], {})[row["file"]] = row["file_bytes"]
            elif row["status"] == "failed":
                before.failed[row["source"]] = before.failed.get(row["source"], 0) + 1
        for row in manifest.table("sources", ["id", "flags"]).to_pylist():
            before.flags[row["id"]] = tuple(row["flags"])
        return before

    def other_judges(self, stages: Iterable[Stage]) -> Iterator[str]:
        """One sentence for each of these stages whose networks are not the former ones: what is there keeps its own."""
        for stage in stages:
            former = self.judges.get(stage.name)
            if former is not None and former != set(stage.models()):
                yield (
                    f"other sources of this folder were {JUDGES[stage.name]}: give them again, so that all clips have "
                    "the same"
                )


def _version(out: Path) -> int | None:
    """The version of a snapshot's tables, where manifest.json says one."""
    from manifests.errors import ManifestError
    from manifests.files import read_json

    try:
        version = read_json(out / "manifest.json").get("schema_version")
    except (ManifestError, OSError):
        return None
    return version if isinstance(version, int) else None

"""What the last snapshot of a folder says, so that a rerun knows what need not be done."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.missing import ABSENT
from curation.whole import STAGES


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
    """

    keys: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    flags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    embedded: set[str] = field(default_factory=set)
    recipe: dict[str, Any] | None = None

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
            return cls()

    @classmethod
    def _of(cls, manifest: Any) -> "Before":
        import pyarrow as pa
        import pyarrow.compute as pc

        before = cls(recipe=manifest.recipe)
        outcomes = manifest.table("outcomes", ["source", "stage", "key", "models"])
        outcomes = outcomes.filter(pc.invert(pc.is_in(outcomes.column("stage"), value_set=pa.array(STAGES))))
        for group in outcomes.select(["source", "key"]).group_by("source").aggregate([("key", "distinct")]).to_pylist():
            before.keys[group["source"]] = set(group["key_distinct"])
        for row in outcomes.select(["stage", "models"]).to_pylist():
            if row["stage"] == "faces":
                before.models.update(row["models"])
            elif row["stage"] == "embeddings":
                before.embedded.update(model for model in row["models"] if not model.endswith(ABSENT))
        for row in manifest.table("clips", ["source", "status", "file", "file_bytes"]).to_pylist():
            if row["status"] == "kept":
                before.files.setdefault(row["source"], {})[row["file"]] = row["file_bytes"]
            elif row["status"] == "failed":
                before.failed[row["source"]] = before.failed.get(row["source"], 0) + 1
        for row in manifest.table("sources", ["id", "flags"]).to_pylist():
            before.flags[row["id"]] = tuple(row["flags"])
        return before

"""What the finished snapshot says of each source, after the stages over the whole manifest had their say."""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from curation.result import Result


@dataclass
class After:
    """Facts of the snapshot, per source.

    Args:
        inputs: all of the folder.
        kept: clips.
        twice: clips dropped because another clip shows the same.
        files: of the kept clips.
    """

    inputs: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    twice: Counter[str] = field(default_factory=Counter)
    files: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, out: Path) -> "After":
        """Read the finished snapshot; a million rows take seconds."""
        import pyarrow.compute as pc

        import manifests

        manifest = manifests.open(out)
        after = cls(inputs=manifest.content["tables"]["sources"]["rows"])
        clips = manifest.table("clips", ["source", "status", "file", "duplicate_of"])
        kept = clips.filter(pc.equal(clips.column("status"), "kept"))
        after.kept.update(kept.column("source").to_pylist())
        for row in kept.select(["source", "file"]).to_pylist():
            after.files.setdefault(row["source"], []).append(row["file"])
        twice = clips.filter(
            pc.and_(pc.equal(clips.column("status"), "dropped"), clips.column("duplicate_of").is_valid())
        )
        after.twice.update(twice.column("source").to_pylist())
        return after

    def result(self, result: Result) -> Result:
        """An input's result with its duplicates taken out."""
        if result.status == "failed":
            return result
        if self.kept[result.id]:
            return dataclasses.replace(result, status="kept", clips=self.kept[result.id])
        if not self.twice[result.id]:
            return result
        reasons = tuple(sorted({*result.reasons, "duplicate"}))
        return dataclasses.replace(result, status="dropped", clips=0, reasons=reasons)

    def without_file(self, present: dict[str, int]) -> set[str]:
        """The sources of which a kept clip has no file.

        Args:
            present: file relative to the manifest's folder -> size.
        """
        return {source for source, files in self.files.items() if any(file not in present for file in files)}

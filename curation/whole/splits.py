"""Training, validation and test over the whole manifest, without a person in two of them."""

from dataclasses import dataclass
from typing import ClassVar

from curation.stage import ManifestStage, Tables, Whole


@dataclass(frozen=True)
class Splits(ManifestStage):
    """Gives each kept clip a split, see `manifests.splits`; clips of the last snapshot stay where they are.

    Args:
        seed: another one gives another split.
        validation: share of the clips, 0..1.
        test: likewise; the rest is for training.
    """

    name: ClassVar[str] = "splits"
    version: ClassVar[int] = 1
    rests_on: ClassVar[tuple[str, ...]] = ("identities",)  # other persons: other units

    seed: int = 0
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError("validation and test must be 0 or more and leave something for training")

    def run(self, manifest: Whole) -> Tables:
        """The table `splits`, and each clip's split or why it has none."""
        from manifests.splits import columns, split

        made = split(
            manifest.table("clips", columns()),
            manifest.table("identities", ["id", "bridges"]),
            manifest.previous("splits"),
            self.validation,
            self.test,
            self.seed,
        )
        return {"splits": made.units, "clips": made.clips}

"""The recipe's thresholds, applied to the candidates: no media, seconds for a million rows."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from curation.stage import SourceWork, Stage


@dataclass(frozen=True)
class Select(Stage):
    """Marks candidates kept or dropped, with every reason.

    Args:
        thresholds: the recipe's `select` section, resolved.
        recipe: the recipe's hash, written into each row.
    """

    name: ClassVar[str] = "select"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("clips", "speaking", "expressions")  # the stages that fill `clips`

    thresholds: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""

    def run(self, work: SourceWork) -> None:
        """Replace the `clips` table by one with status and reasons."""
        import pyarrow as pa

        from manifests.recipe import Bound
        from manifests.select import select

        bounds = {column: Bound(**bound) for column, bound in self.thresholds.items()}
        clips = select(work.tables["clips"], bounds)
        index = clips.schema.get_field_index("recipe")
        recipe = pa.array([self.recipe] * clips.num_rows, clips.schema.field(index).type)
        work.add("clips", clips.set_column(index, clips.schema.field(index), recipe))

"""What a dataset says of a source, as a table: stages and people read it, nothing here is measured."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from curation.sources.inputs import Label
from curation.stage import SourceWork, Stage


@dataclass(frozen=True)
class Labels(Stage):
    """Writes the `labels` table."""

    name: ClassVar[str] = "labels"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("input",)

    def run(self, work: SourceWork) -> None:
        """One row per label, in the order of the dataset."""
        from manifests.schema import table_from_rows

        rows = [_row(work.id, index, label) for index, label in enumerate(work.labels)]
        work.add("labels", table_from_rows("labels", rows))


def _row(source: str, index: int, label: Label) -> dict[str, Any]:
    from manifests.schema import make_id

    row: dict[str, Any] = {
        "id": make_id("label", source, index),
        "source": source,
        "index": index,
        "dataset": label.dataset,
    }
    if label.start is not None and label.end is not None:
        ticks = math.lcm(label.start.denominator, label.end.denominator)
        row |= {"start_pts": int(label.start * ticks), "end_pts": int(label.end * ticks)}
        row |= {"time_base_num": 1, "time_base_den": ticks}
    if label.crop is not None:
        row |= dict(zip(("crop_x0", "crop_y0", "crop_x1", "crop_y1"), label.crop, strict=True))
    if label.crop_size is not None:
        row |= {"crop_width": label.crop_size[0], "crop_height": label.crop_size[1]}
    for name in ("identity", "emotion", "compound", "intensity", "take", "view", "text"):
        row[name] = getattr(label, name)
    return row


def labels_hash(labels: Sequence[Label]) -> str:
    """Changes when any label does; empty for none."""
    return hashlib.sha256(repr(tuple(labels)).encode()).hexdigest()[:16] if labels else ""

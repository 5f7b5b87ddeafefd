"""How much was kept of each identity and emotion that the datasets name."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.words import duration, shown

_ROWS: Final = 30
COLUMNS: Final = {
    "given_identity": "Identity",
    "given_emotion": "Emotion",
    "given_compound": "Compound emotion",
    "given_intensity": "Intensity",
    "given_view": "View",
    "dataset": "Dataset",
}


@dataclass(frozen=True)
class Amount:
    """Kept and dropped clips with one label, and the length of the kept ones; `bar` is in percent of the longest."""

    label: str
    kept: int
    dropped: int
    length: str
    bar: float


@dataclass(frozen=True)
class Labels:
    """One kind of label: the longest first, and how many labels are left out."""

    title: str
    rows: list[Amount]
    left: int


def labels(clips: pa.Table) -> list[Labels]:
    """Return the amounts per label of every given column that has values.

    Args:
        clips: the columns `status`, `seconds` and those of COLUMNS.
    """
    kept = pc.equal(clips.column("status"), "kept")
    table = pa.table(
        {
            **{name: clips.column(name).cast(pa.string()) for name in COLUMNS},
            "kept": kept.cast(pa.int64()),
            "seconds": pc.if_else(kept, clips.column("seconds"), 0.0),
        }
    )
    return [made for name in COLUMNS if (made := _labels(table, name)) is not None]


def _labels(table: pa.Table, column: str) -> Labels | None:
    named = table.filter(table.column(column).is_valid())
    if not named.num_rows:
        return None
    sums = [("kept", "sum"), ("kept", "count"), ("seconds", "sum")]
    found = named.group_by(column).aggregate(sums).to_pylist()
    found.sort(key=lambda row: (-row["seconds_sum"], row[column]))
    longest = max(row["seconds_sum"] for row in found) or 1.0
    amounts = [
        Amount(
            shown(row[column], 80),
            row["kept_sum"],
            row["kept_count"] - row["kept_sum"],
            duration(row["seconds_sum"]),
            round(100 * row["seconds_sum"] / longest, 2),
        )
        for row in found[:_ROWS]
    ]
    return Labels(COLUMNS[column], amounts, len(found) - len(amounts))

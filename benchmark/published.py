"""Numbers that papers print (`published.yaml`), typed: who reported what, where, what their protocol leaves open."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE: Final = Path(__file__).parent / "published.yaml"
Table = Literal["results", "ablation", "opinion", "elsewhere"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where numbers are printed.

    title: of the paper. where: venue and number. url: of the paper.
    open: what its protocol does not say, a clause each: why the numbers cannot be compared with measured ones.
    """

    title: str
    where: str
    url: str
    open: Annotated[tuple[str, ...], Field(min_length=1)]


class Row(_Part):
    """What one table says of one method on one data set.

    dataset: name of a protocol, such as `mead`.
    table: `results`; `opinion` (mean opinion scores, 1 to 5); `ablation` of the paper's own method; `elsewhere`:
        of another list of clips.
    printed: column as printed -> number as printed, in the order of print.
    source: key of `Published.sources`.
    """

    dataset: str
    method: str
    table: Table
    printed: dict[str, Annotated[str, Field(pattern=r"^\d+\.\d+$")]]
    source: str

    @property
    def values(self) -> dict[str, float]:
        """The same as numbers."""
        return {column: float(text) for column, text in self.printed.items()}


class Published(_Part):
    """All published numbers.

    columns: column as printed -> metric of this benchmark with the same name in print.
    opinions: column as printed -> question of a rater study.
    """

    columns: dict[str, str]
    opinions: dict[str, str]
    sources: dict[str, Source]
    rows: tuple[Row, ...]

    @model_validator(mode="after")
    def _known(self) -> Published:
        for row in self.rows:
            names = self.opinions if row.table == "opinion" else self.columns
            unknown = [name for name in row.printed if name not in names]
            if unknown or row.source not in self.sources:
                raise ValueError(f"{row.method} names {unknown or row.source}, which is not explained")
        return self

    def of(self, dataset: str, table: Table) -> tuple[Row, ...]:
        """The rows of a data set that stand in a table, in the order of print."""
        return tuple(row for row in self.rows if row.dataset == dataset and row.table == table)


@cache
def load() -> Published:
    """Read the published numbers."""
    content = yaml.load(FILE.read_text(encoding="utf-8"), yaml.BaseLoader)  # keeps 39.420 as it stands
    content["rows"] = [row for block in content["rows"] for row in _rows(block)]
    return Published.model_validate(content)


def _rows(block: dict[str, object]) -> list[dict[str, object]]:
    """The methods of a printed table, a row each."""
    methods, columns = block["methods"], block["columns"]
    assert isinstance(methods, dict) and isinstance(columns, list)
    said = {key: block[key] for key in ("table", "dataset", "source")}
    return [
        said | {"method": method, "printed": dict(zip(columns, values, strict=True))}
        for method, values in methods.items()
    ]

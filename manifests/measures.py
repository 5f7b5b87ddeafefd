"""Columns of `clips` that say how good picture and sound are: name, unit, and the reason of a drop."""

from typing import Final

import pyarrow as pa


def described(
    name: str, kind: pa.DataType, about: str, unit: str = "", reason: str = "", null: bool = False
) -> pa.Field:
    """A column with its description, unit and reason in its metadata."""
    notes = {"description": about, "unit": unit, "reason": reason}
    return pa.field(name, kind, nullable=null, metadata={key: text for key, text in notes.items() if text})


MEASURES: Final[tuple[pa.Field, ...]] = ()

"""What a stage over the whole manifest sees: the tables in the making, and what it decided before."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from manifests.whole import Found, Ledger, Read


class View:
    """The snapshot in the making, for one stage.

    Args:
        read: gives the tables made per source.
        found: what earlier stages over the whole manifest found.
        ledger: what was decided before.
        key: of the stage's settings.
    """

    def __init__(self, read: "Read", found: "Found", ledger: "Ledger", key: str) -> None:
        self._read = read
        self._found = found
        self._ledger = ledger
        self._key = key

    def table(self, name: str, columns: Sequence[str] | None = None) -> "pa.Table":
        """A table, sorted by id; `clips` with what earlier stages set, `identities` and the like once they are made.

        Raises:
            manifests.errors.ManifestError: an unknown or damaged table.
        """
        from manifests.schema import WHOLE_COLUMNS, WHOLE_TABLES, empty
        from manifests.whole import joined

        if name in WHOLE_TABLES:
            made = self._found.tables.get(name, empty(name))
            return made if columns is None else made.select(list(columns))
        if name != "clips" or columns is None:
            table = self._read(name, columns)
            return joined(table, self._found) if name == "clips" else table
        needed = {"id", *columns}
        if needed & {"status", "reasons", *WHOLE_COLUMNS}:
            needed |= {"status", "reasons"}
        table = joined(self._read(name, sorted(needed)), self._found)
        return table.select(list(columns))

    def previous(self, name: str) -> "pa.Table | None":
        """The stage's own table as it was decided last, if the same settings made it: old ids stay."""
        return self._ledger.previous(name, self._key)

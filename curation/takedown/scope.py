"""What a takedown removes: whole sources, and of shared ones the person's tracks, clips and what hangs on them."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

_BY_ID: Final = ("tracks", "embeddings", "speaking", "identities")  # their id is that of a track


@dataclass(frozen=True)
class Span:
    """Where a removed person is seen in a shared source: frames [start, end), and s on the source's clock."""

    start_frame: int
    end_frame: int
    start: float
    end: float


@dataclass(frozen=True)
class Scope:
    """What goes; plain values, so that a killed takedown finds it again.

    Attributes:
        sources: sources that go whole.
        tracks: face tracks that go from sources that stay.
        clips: every clip that goes, of whole sources too.
        shared: those of them that show another person, with the removed one beside them.
        identities: persons of whom nothing stays.
        given: (data set, name) of these persons.
        spans: shared source -> where the person is seen in it.
        values: kind -> what becomes tombstones (`manifests.tombstones.KINDS`).
        files: sha256 of the exported clips that go.
    """

    sources: frozenset[str] = frozenset()
    tracks: frozenset[str] = frozenset()
    clips: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    identities: frozenset[str] = frozenset()
    given: frozenset[tuple[str, str]] = frozenset()
    spans: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not (self.sources or self.tracks or self.clips)

    @property
    def touched(self) -> set[str]:
        """Every source of which something goes."""
        return {*self.sources, *self.spans}

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        sets = {
            name: sorted(getattr(self, name))
            for name in ("sources", "tracks", "clips", "shared", "identities", "given")
        }
        spans = {source: [asdict(span) for span in found] for source, found in self.spans.items()}
        values = {kind: list(found) for kind, found in self.values.items()}
        return {**sets, "spans": spans, "values": values, "files": self.files}

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Scope":
        """The inverse of `as_dict`."""
        return cls(
            **{name: frozenset(content[name]) for name in ("sources", "tracks", "clips", "shared", "identities")},
            given=frozenset((dataset, name) for dataset, name in content["given"]),
            spans={source: tuple(Span(**span) for span in found) for source, found in content["spans"].items()},
            values={kind: tuple(found) for kind, found in content["values"].items()},
            files=dict(content["files"]),
        )


def remaining(name: str, table: "pa.Table", scope: Scope) -> "pa.Table":
    """The rows of a table that stay, and these without what they say of what goes.

    Args:
        name: of the table, of a snapshot or of a result of one source.
        table: with all columns or, as in `outcomes` of the store, enough of them.
        scope: what goes.
    """
    import pyarrow.compute as pc

    gone = gone_rows(name, table, scope)
    table = table.filter(pc.invert(gone)) if pc.any(gone).as_py() else table
    if name == "identities":
        return _without_bridges(table, scope)
    if name == "speech":
        return _without_turns(table, scope)
    if name == "fingerprints":
        return _without_pictures(table, scope)
    if name == "sources":
        return _without_titles(table, scope)
    return table


def gone_rows(name: str, table: "pa.Table", scope: Scope) -> "pa.ChunkedArray":
    """[rows] bool: which rows of a table go as a whole."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def among(column: str, values: "frozenset[str]") -> Any:
        return pc.is_in(table.column(column), value_set=pa.array(sorted(values), pa.string()))

    gone = among("id" if name == "sources" else "source", scope.sources) if name != "splits" else _units(table, scope)
    if name == "duplicates":
        gone = pc.or_(gone, among("other", scope.sources))
    if name in _BY_ID:
        gone = pc.or_(gone, among("id", scope.tracks))
    if "track" in table.column_names:
        gone = pc.or_(gone, among("track", scope.tracks))
    if name == "clips":
        gone = pc.or_(gone, among("id", scope.clips))
    if name == "outcomes":
        gone = pc.or_(gone, among("item", scope.clips))
    if name == "labels" and scope.given:
        gone = pc.or_(gone, named(table, "dataset", "identity", scope))
    return gone


def named(table: "pa.Table", dataset: str, name: str, scope: Scope) -> Any:
    """[rows] bool: whom a data set gives the name of a removed person."""
    import pyarrow as pa
    import pyarrow.compute as pc

    said = pc.binary_join_element_wise(table.column(dataset), table.column(name), "\x1f")
    wanted = pa.array(sorted("\x1f".join(pair) for pair in scope.given), pa.string())
    return pc.fill_null(pc.is_in(said, value_set=wanted), False)


def _units(table: "pa.Table", scope: Scope) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = {f"given:{dataset}/{name}" for dataset, name in scope.given}
    gone = sorted({*scope.sources, *scope.identities, *names})
    return pc.is_in(table.column("id"), value_set=pa.array(gone, pa.string()))


def _replaced(table: "pa.Table", name: str, values: Any) -> "pa.Table":
    import pyarrow as pa

    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    return table.set_column(index, field, pa.array(values, field.type) if isinstance(values, list) else values)


def _without_bridges(table: "pa.Table", scope: Scope) -> "pa.Table":
    """No other track says any more that it is near a person who is gone."""
    bridges = table.column("bridges").to_pylist()
    kept = [[person for person in near if person not in scope.identities] for near in bridges]
    return table if kept == bridges else _replaced(table, "bridges", kept)


def _without_turns(table: "pa.Table", scope: Scope) -> "pa.Table":
    """No turn of speech while the removed person is seen: it may be theirs."""
    if not scope.spans or not table.num_rows:
        return table
    import pyarrow as pa

    rows = table.select(["source", "start_pts", "end_pts", "time_base_num", "time_base_den"]).to_pylist()
    stays = [
        not any(
            span.start < row["end_pts"] * row["time_base_num"] / row["time_base_den"]
            and row["start_pts"] * row["time_base_num"] / row["time_base_den"] < span.end
            for span in scope.spans.get(row["source"], ())
        )
        for row in rows
    ]
    return table if all(stays) else table.filter(pa.array(stays))


def _without_pictures(table: "pa.Table", scope: Scope) -> "pa.Table":
    """No fingerprint of a picture that shows the removed person, and none of the sound of a shared source."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pc.is_in(table.column("source"), value_set=pa.array(sorted(scope.spans), pa.string()))
    if not pc.any(mask).as_py():
        return table
    changed = table.filter(mask).to_pylist()
    for row in changed:
        width = len(row["picture"]) // max(1, len(row["pts"]))
        tick = row["time_base_num"] / row["time_base_den"]
        spans = scope.spans[row["source"]]
        kept = [place for place, pts in enumerate(row["pts"]) if not any(s.start <= pts * tick < s.end for s in spans)]
        row["picture"] = b"".join(row["picture"][place * width : (place + 1) * width] for place in kept)
        row["pts"] = [row["pts"][place] for place in kept]
        row["sound_start"] = row["sound"] = None
    rest = table.filter(pc.invert(mask))
    return pa.concat_tables([rest, pa.Table.from_pylist(changed, schema=table.schema)]).sort_by("id")


def _without_titles(table: "pa.Table", scope: Scope) -> "pa.Table":
    """The title of a shared source often names who is in it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pc.is_in(table.column("id"), value_set=pa.array(sorted(scope.spans), pa.string()))
    if not pc.any(mask).as_py():
        return table
    return _replaced(table, "title", pc.if_else(mask, pa.scalar(None, pa.string()), table.column("title")))

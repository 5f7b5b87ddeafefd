"""What a dataset card tells of the published clips: counts, licences, emotions, persons, models, what is missing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from manifests.publish import gate
from manifests.publish.expressions import Seen, gather_seen, given_label, measured_label
from manifests.publish.languages import code_of, of_clips
from manifests.publish.links import Links, gather_links
from manifests.publish.places import published_sources
from manifests.publish.plan import SPLITS, Plan

if TYPE_CHECKING:
    from manifests.manifest import Manifest
    from manifests.show import Summary

UNKNOWN: Final = "not stated"
NOT_MEASURED: Final = "not measured"
_NOT_MEASURES: Final = ("dataset", "crop_from", "split_note", "duplicate_group", "duplicate_of")


@dataclass(frozen=True)
class SplitFacts:
    """The clips of one split: how many, how long, of how many persons, and what the plots show."""

    name: str
    clips: int
    seconds: float
    identities: int
    without_identity: int
    emotions: dict[str, int]
    persons: list[int]  # clips of each person
    lengths: list[float]  # s
    faces: list[float]  # px
    measured: dict[str, int] = field(default_factory=dict)  # emotions as seen in the face
    languages: dict[str, int] = field(default_factory=dict)  # as the sources state them


@dataclass(frozen=True)
class Licence:
    """How much of the set has one licence."""

    name: str
    sources: int
    clips: int
    seconds: float

    @property
    def unknown(self) -> bool:
        """Whether these are the sources that state none."""
        return self.name == UNKNOWN


@dataclass(frozen=True)
class Stated:
    """What who publishes states: licence and languages of the whole, its name, what may be public all the same."""

    licence: str | None = None
    pretty_name: str | None = None
    allowed: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What a card tells beside the manifest: the certificate of the splits, and what is stated."""

    certificate: dict[str, Any] | None = None
    stated: Stated = Stated()


@dataclass(frozen=True)
class Facts:
    """See the fields; everything from outside is as it came, the card escapes it."""

    recipe: dict[str, Any]
    recipe_hashes: list[str]
    state: str
    summary: "Summary"
    splits: list[SplitFacts]
    licences: list[Licence]
    datasets: dict[str, int]
    models: list[str]
    noncommercial: list[str]
    unmeasured: list[str]
    left_out: dict[str, list[str]]
    unsplit: bool
    identities: int  # persons in all splits together
    straddling: int  # persons with clips in two splits
    schema_version: int
    certificate: dict[str, Any] | None = None
    stated: Stated = Stated()
    kept: int | None = None  # kept clips of the manifest, where this folder may hold fewer than the certificate counts
    columns: list[tuple[str, str, str, str]] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    in_the_way: gate.Found = field(default_factory=gate.Found)
    links: Links = field(default_factory=Links)

    @property
    def clips(self) -> int:
        """All published clips."""
        return sum(split.clips for split in self.splits)

    @property
    def languages(self) -> list[str]:
        """Codes of the languages that the sources of published clips or who publishes state."""
        stated = {code_of(name) for split in self.splits for name in split.languages if name != UNKNOWN}
        return sorted({code for code in stated if code} | set(self.stated.languages))

    @property
    def seconds(self) -> float:
        """Their length."""
        return sum(split.seconds for split in self.splits)


def gather(manifest: "Manifest", plan: Plan, told: Told) -> Facts:
    """Return the facts of what is published, counted in Arrow."""
    from manifests.schema import SCHEMA_VERSION, schema

    clips, persons, sources = plan.clips, _persons(plan), published_sources(manifest, plan)
    models = manifest.table("outcomes", ["models"]).column("models")
    embeddings = manifest.table("embeddings", ["model", "noncommercial"])
    flagged = embeddings.filter(embeddings.column("noncommercial")).column("model")
    notes = [(item.name, item.type, item.metadata or {}) for item in schema("clips") if item.name != "schema_version"]
    return Facts(
        recipe=manifest.recipe,
        recipe_hashes=sorted(pc.unique(clips.column("recipe")).to_pylist()),
        state=str(manifest.content.get("state", "")),
        summary=manifest.summary(),
        splits=[_split_facts(name, plan.of(name), sources) for name in plan.splits],
        licences=_licences(sources, clips),
        datasets=_counted(clips.column("dataset")),
        models=sorted(pc.unique(pc.list_flatten(models)).to_pylist()),
        noncommercial=sorted(pc.unique(flagged).to_pylist()),
        unmeasured=[
            item.name
            for item in schema("clips")
            if item.nullable and item.name not in _NOT_MEASURES and clips.column(item.name).null_count == len(clips)
        ],
        left_out=plan.left_out,
        unsplit=plan.unsplit,
        identities=len(persons),
        straddling=sum(number > 1 for number in persons.values()),
        schema_version=SCHEMA_VERSION,
        certificate=told.certificate,
        stated=told.stated,
        columns=[
            (name, _type(kind), note.get(b"unit", b"").decode(), note.get(b"description", b"").decode())
            for name, kind, note in notes
        ],
        seen=gather_seen(clips),
        in_the_way=gate.look(manifest, clips),
        links=gather_links(manifest.root, sources),
    )


def _type(kind: pa.DataType) -> str:
    return f"list of {kind.value_type}" if pa.types.is_list(kind) else str(kind)


def _split_facts(name: str, clips: pa.Table, sources: pa.Table) -> SplitFacts:
    identities = clips.column("identity")
    known = pc.drop_null(identities)
    persons = [row["counts"] for row in pc.value_counts(known).to_pylist()]
    return SplitFacts(
        name=name,
        clips=clips.num_rows,
        seconds=pc.sum(clips.column("seconds")).as_py() or 0.0,
        identities=len(persons),
        without_identity=identities.null_count,
        emotions=_counted(given_label(clips)),
        persons=sorted(persons),
        lengths=clips.column("seconds").to_pylist(),
        faces=pc.drop_null(clips.column("face_size")).to_pylist(),
        measured=_counted(measured_label(clips), NOT_MEASURED),
        languages=_counted(of_clips(clips, sources)),
    )


def _persons(plan: Plan) -> Counter[str]:
    """Person -> splits with a clip of that person; clips that are in no split do not count as one."""
    found: Counter[str] = Counter()
    for split in plan.splits:
        persons = pc.drop_null(pc.unique(plan.of(split).column("identity"))).to_pylist()
        found.update(persons if split in SPLITS else dict.fromkeys(persons, 0))
    return found


def _licences(sources: pa.Table, clips: pa.Table) -> list[Licence]:
    names = dict(zip(sources.column("id").to_pylist(), sources.column("licence").to_pylist(), strict=True))
    sums = clips.group_by("source").aggregate([([], "count_all"), ("seconds", "sum")]).to_pylist()
    found: dict[str, list[float]] = {}
    for row in sums:
        entry = found.setdefault(names.get(row["source"]) or UNKNOWN, [0, 0, 0.0])
        entry[0] += 1
        entry[1] += row["count_all"]
        entry[2] += row["seconds_sum"]
    listed = [Licence(name, int(sources), int(count), seconds) for name, (sources, count, seconds) in found.items()]
    return sorted(listed, key=lambda licence: (licence.name == UNKNOWN, -licence.clips, licence.name))


def _counted(column: pa.ChunkedArray | pa.Array, nothing: str = UNKNOWN) -> dict[str, int]:
    counts = Counter({row["values"] or nothing: row["counts"] for row in pc.value_counts(column).to_pylist()})
    return dict(sorted(counts.items(), key=lambda item: (item[0] == nothing, item[0])))

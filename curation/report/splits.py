"""How clips are divided into train, validation and test, what is set aside, and what the certificate says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.report.album import Album
from curation.report.certificate import CERTIFICATE, Certificate, certificate
from curation.report.people import settings_of
from curation.report.words import duration, several, share, shown

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_ORDER: Final = ("train", "validation", "test")
_SPLITS: Final = 8
_EMOTIONS: Final = 16
_NOTES: Final = 12
COLUMNS: Final = ("split", "split_note", "identity", "given_emotion")


@dataclass(frozen=True)
class Split:
    """A split's kept clips; `share` and `bar`, in percent, are of the clips, as the recipe's shares are."""

    name: str
    clips: int
    share: str
    bar: float
    length: str
    identities: int
    sources: int


@dataclass(frozen=True)
class Emotion:
    """Kept clips with one label in each split, with their share of that split's clips."""

    label: str
    counts: list[tuple[int, str]]


@dataclass(frozen=True)
class Splits:
    """The division of the kept clips.

    Args:
        splits: in their order.
        shared: identities that have clips in several splits.
        emotions: per label, for each of the splits.
        emotions_left: labels that are not listed.
        aside: kept clips in no split by why: note, clips, length.
        settings: of the stage, as the recipe gives them.
        certificate: None where there is none.
    """

    splits: list[Split]
    shared: int
    emotions: list[Emotion]
    emotions_left: int
    aside: list[tuple[str, int, str]]
    settings: str
    certificate: Certificate | None


def splits(manifest: "Manifest", clips: pa.Table, album: Album) -> Splits | None:
    """Return the splits of a manifest; None where there are none.

    Args:
        manifest: an opened one.
        clips: the columns `id`, `source`, `status`, `seconds` and COLUMNS, sorted by id.
        album: of the manifest.
    """
    kept = clips.filter(pc.equal(clips.column("status"), "kept"))
    given = kept.filter(kept.column("split").is_valid())
    said = certificate(manifest.root / CERTIFICATE, clips, album)
    if not given.num_rows and kept.column("split_note").null_count == kept.num_rows and said is None:
        return None
    names = sorted(pc.unique(given.column("split")).to_pylist(), key=_place)[:_SPLITS]
    emotions, left = _emotions(given, names)
    return Splits(
        splits=_splits(given, names),
        shared=_shared(given),
        emotions=emotions,
        emotions_left=left,
        aside=_aside(kept),
        settings=settings_of(manifest.recipe, "splits"),
        certificate=said,
    )


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _splits(given: pa.Table, names: list[str]) -> list[Split]:
    sums = [([], "count_all"), ("seconds", "sum"), ("identity", "count_distinct"), ("source", "count_distinct")]
    rows = given.group_by("split").aggregate(sums).to_pylist()
    whole = given.num_rows
    return [
        Split(
            shown(row["split"], 60),
            row["count_all"],
            share(row["count_all"], whole),
            round(100 * row["count_all"] / whole, 2),
            duration(row["seconds_sum"]),
            row["identity_count_distinct"],
            row["source_count_distinct"],
        )
        for row in sorted(rows, key=lambda row: _place(row["split"]))
        if row["split"] in names
    ]


def _shared(given: pa.Table) -> int:
    named = given.filter(given.column("identity").is_valid())
    counts = named.group_by("identity").aggregate([("split", "count_distinct")]).column("split_count_distinct")
    return pc.sum(pc.greater(counts, 1)).as_py() or 0


def _emotions(given: pa.Table, names: list[str]) -> tuple[list[Emotion], int]:
    """The most frequent labels and how many there are besides; nothing where no clip has one."""
    named = given.filter(given.column("given_emotion").is_valid())
    counts: dict[str, dict[str, int]] = {}
    for row in named.group_by(["given_emotion", "split"]).aggregate([([], "count_all")]).to_pylist():
        counts.setdefault(row["given_emotion"], {})[row["split"]] = row["count_all"]
    totals = {name: sum(found.get(name, 0) for found in counts.values()) for name in names}
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    found = [
        Emotion(shown(label, 60), [(of.get(name, 0), share(of.get(name, 0), totals[name])) for name in names])
        for label, of in ordered[:_EMOTIONS]
    ]
    return found, len(ordered) - len(found)


def _aside(kept: pa.Table) -> list[tuple[str, int, str]]:
    """Kept clips in no split by why, the most first."""
    left = kept.filter(kept.column("split").is_null())
    # A note ends with the persons that it is about, after a colon: the same sentence is counted once.
    notes = pc.replace_substring_regex(left.column("split_note"), ": .*$", "")
    left = left.set_column(left.schema.get_field_index("split_note"), "split_note", notes)
    rows = left.group_by("split_note").aggregate([([], "count_all"), ("seconds", "sum")]).to_pylist()
    rows.sort(key=lambda row: (-row["count_all"], row["split_note"] or ""))
    found = [
        (shown(row["split_note"] or "no reason is stored", 200), row["count_all"], duration(row["seconds_sum"]))
        for row in rows[:_NOTES]
    ]
    rest = rows[_NOTES:]
    if rest:
        clips, seconds = (sum(row[name] for row in rest) for name in ("count_all", "seconds_sum"))
        found.append((several(len(rest), "other reason"), clips, duration(seconds)))
    return found

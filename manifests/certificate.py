"""What speaks for a split and against it: who is where, and how near the splits come to each other, as plain JSON."""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from manifests.intervals import wilson
from manifests.nearness import Faces, nearest_pairs, within
from manifests.splits import SEED, SPLITS, STRATA, TEST, VALIDATION, missed

if TYPE_CHECKING:
    from manifests.manifest import Manifest

VERSION: Final = 1
FILE: Final = "certificate.json"
THRESHOLDS: Final = {"dlib-face": 0.50, "insightface": 1.20}  # where the recipe says nothing else
SHOWN: Final = 10
_PLACES: Final = 4  # of stored distances and shares

# dlib, means of whole clips: 103 pairs of clips of one person, 4,933 of two (docs/thresholds.md: identity):
# distance -> pairs of one person that lie farther apart, share of pairs of two persons that lie within it.
SAME_PAIRS: Final = 103
BEYOND: Final = {0.50: 4, 0.55: 1, 0.60: 0}
DIFFERENT_WITHIN: Final = {0.50: 0.008, 0.55: 0.020, 0.60: 0.044}
WIDEST: Final = 0.60
_MODEL: Final = "dlib"

Sounds = Callable[[Sequence[str], Sequence[str]], Iterable[tuple[str, str, float]]]


class Tables(Protocol):
    """An opened manifest (`manifests.open`), or a snapshot in the making."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some of its columns."""


def certificate(
    manifest: Tables,
    recipe: dict[str, Any] | None = None,
    clips: pa.Table | None = None,
    sounds: Sounds | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """What a split is worth.

    Args:
        manifest: its tables clips, identities, embeddings and duplicates are read.
        recipe: the resolved recipe, for what was asked for.
        clips: `id`, `split` and `split_note` in the place of the stored ones, to try another split.
        sounds: the most similar sounds of two lists of sources: pairs and their likeness, 0..1, most alike first. None
            takes the pairs that the table duplicates holds.
        notes: sentences to keep with it.

    Returns:
        Plain JSON values, floats rounded: the same manifest gives the same bytes (`as_json`).
    """
    rows = _clips(manifest, clips)
    placed = rows.filter(rows.column("split").is_valid())
    faces = Faces(manifest.table("embeddings", ["id", "model", "vector"]), placed)
    known = placed.column("identity").is_valid()
    how = _how(recipe or {}, faces.models)
    codes = pc.index_in(placed.column("split"), value_set=pa.array(SPLITS)).to_numpy()
    return {
        "version": VERSION,
        "how": how,
        "splits": {name: _contents(placed.filter(pc.equal(placed.column("split"), name))) for name in SPLITS},
        "set_aside": _tally(rows.column("split_note").drop_null()),
        "shared": _shared(placed, manifest),
        "nearest_faces": _nearest_faces(faces),
        "nearest_sounds": _nearest_sounds(placed, manifest, sounds),
        "leakage": _leakage(faces),
        "unknown": {
            "clips_without_identity": placed.num_rows - (pc.sum(known).as_py() or 0),
            "means": "what these clips show is told by their source and by their data set's names only",
        },
        "notes": list(notes) or missed(codes, tuple(how["shares"].values())),
    }


def stored(manifest: "Manifest") -> dict[str, Any] | None:
    """The certificate in the manifest's folder, if it is one of this version and of these splits; else None."""
    try:
        content = json.loads((manifest.root / FILE).read_bytes())
    except (OSError, ValueError):
        return None
    clips = manifest.table("clips", ["status", "split"])
    placed = clips.filter(pc.equal(clips.column("status"), "kept")).column("split").drop_null()
    counts = dict.fromkeys(SPLITS, 0) | {row["values"]: row["counts"] for row in pc.value_counts(placed).to_pylist()}
    try:
        same = counts == {name: found["clips"] for name, found in content["splits"].items()}
        asked = _how(manifest.recipe, content["how"]["embeddings"])
        return content if same and content["version"] == VERSION and content["how"] == asked else None
    except (KeyError, TypeError, AttributeError):
        return None


def as_json(content: dict[str, Any]) -> str:
    """A certificate as text, the same for the same content."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def _clips(manifest: Tables, decided: pa.Table | None) -> pa.Table:
    """The kept clips with their splits."""
    names = ["id", "source", "track", "status", "seconds", "identity", "dataset", "given_identity", "duplicate_of"]
    rows = manifest.table("clips", [*names, *STRATA, "split", "split_note"])
    if decided is not None:
        where = pc.index_in(rows.column("id"), value_set=decided.column("id").combine_chunks())
        for name in ("split", "split_note"):
            rows = rows.set_column(rows.schema.get_field_index(name), name, decided.column(name).take(where))
    return rows.filter(pc.equal(rows.column("status"), "kept")).sort_by("id")


def _how(recipe: dict[str, Any], models: list[str]) -> dict[str, Any]:
    stages = recipe.get("stages") or {}
    wanted = stages.get("splits") or {}
    validation, test = float(wanted.get("validation", VALIDATION)), float(wanted.get("test", TEST))
    return {
        "embeddings": models,
        "identity_threshold": {model: _threshold(stages.get("identities") or {}, model) for model in models},
        "linkage": "average",
        "seed": int(wanted.get("seed", SEED)),
        "shares": {"train": _round(1 - validation - test), "validation": validation, "test": test},
        "unit": "clips of one person, one name of a data set, one source without persons, or one duplicate go together",
    }


def _threshold(wanted: dict[str, Any], model: str) -> float | None:
    """Largest mean distance of one person's tracks."""
    given = wanted.get("threshold")
    return float(given) if given is not None else THRESHOLDS.get(re.split("[@/]", model)[0])


def _contents(rows: pa.Table) -> dict[str, Any]:
    """What one split holds."""
    emotion = pc.fill_null(pc.coalesce(*(rows.column(name) for name in STRATA)), "unknown")
    return {
        "clips": rows.num_rows,
        "seconds": _round(math.fsum(rows.column("seconds").to_pylist())),
        "identities": pc.count_distinct(rows.column("identity"), mode="only_valid").as_py(),
        "sources": pc.count_distinct(rows.column("source")).as_py(),
        "emotions": _tally(emotion),
    }


def _tally(values: pa.ChunkedArray) -> dict[str, int]:
    return dict(sorted((item["values"], item["counts"]) for item in pc.value_counts(values).to_pylist()))


def _shared(placed: pa.Table, manifest: Tables) -> dict[str, Any]:
    """What is in two splits; persons must not be, sources may."""
    given = pc.binary_join_element_wise(placed.column("dataset"), placed.column("given_identity"), "/")
    sources = _in_several(placed.column("source"), placed.column("split"))
    split_of = dict(zip(placed.column("id").to_pylist(), placed.column("split").to_pylist(), strict=True))
    pairs = zip(placed.column("id").to_pylist(), placed.column("duplicate_of").to_pylist(), strict=True)
    apart = [pair for pair in pairs if split_of.get(pair[1], split_of[pair[0]]) != split_of[pair[0]]]
    return {
        "identities": len(_in_several(placed.column("identity"), placed.column("split"))),
        "given_identities": len(_in_several(given, placed.column("split"))),
        "sources": len(sources),
        "sources_first": sources[:SHOWN],
        "duplicate_clips": len(apart),
    }


def _in_several(who: pa.ChunkedArray, split: pa.ChunkedArray) -> list[str]:
    rows = pa.table({"who": who, "split": split}).filter(who.is_valid())
    counted = rows.group_by("who").aggregate([("split", "count_distinct")])
    return sorted(counted.filter(pc.greater(counted.column("split_count_distinct"), 1)).column("who").to_pylist())


def _nearest_faces(faces: Faces) -> list[dict[str, Any]]:
    found = []
    for first, second in combinations(SPLITS, 2):
        pairs, exact = nearest_pairs(faces, first, second, SHOWN)
        told = [{**pair, "distance": _round(pair["distance"])} for pair in pairs]
        found.append({"splits": [first, second], "pairs": told, "exact": exact})
    return found


def _nearest_sounds(placed: pa.Table, manifest: Tables, sounds: Sounds | None) -> dict[str, Any]:
    """The sources of two splits that sound most alike."""
    pairs_of: list[dict[str, Any]] = []
    every = manifest.table("duplicates", ["source", "other", "how", "score"]).to_pylist()
    heard = [(row["source"], row["other"], row["score"]) for row in every if row["how"] in ("sound", "both")]
    of_split = {
        name: sorted(set(placed.filter(pc.equal(placed.column("split"), name)).column("source").to_pylist()))
        for name in SPLITS
    }
    for first, second in combinations(SPLITS, 2):
        if sounds is not None:
            near = [(a, b, score) for a, b, score in sounds(of_split[first], of_split[second]) if a != b]
        else:
            one, two = set(of_split[first]), set(of_split[second])
            near = [(a, b, score) for a, b, score in heard if a in one and b in two]
            near += [(b, a, score) for a, b, score in heard if b in one and a in two]
        near = sorted(near, key=lambda pair: (-pair[2], pair[0], pair[1]))[:SHOWN]
        pairs = [{"sources": [a, b], "score": _round(score)} for a, b, score in near]
        pairs_of.append({"splits": [first, second], "pairs": pairs})
    how = (
        "all sources; pairs without two seconds that agree are not listed"
        if sounds is not None
        else "pairs that the search for duplicates found"
    )
    return {"how": how, "nearest": pairs_of}


def _leakage(faces: Faces) -> dict[str, Any]:
    """How many held-out persons may be in training under another id."""
    held, near = within(faces, _MODEL, ("validation", "test"), "train", sorted(BEYOND))
    if not held:
        return {"estimate": None, "how": "no held-out person has an embedding for which same-person pairs are known"}
    return {
        "estimate": _round(near[WIDEST] / held),
        "interval": [_round(end) for end in wilson(near[WIDEST], held)],
        "held_out_identities": held,
        "near_training": {
            f"{distance:.2f}": {
                "identities": near[distance],
                "same_person_pairs_within": f"{SAME_PAIRS - missed} of {SAME_PAIRS}",
                "same_person_pairs_beyond_interval": [_round(end) for end in wilson(missed, SAME_PAIRS)],
                "different_person_pairs_within": DIFFERENT_WITHIN[distance],
            }
            for distance, missed in sorted(BEYOND.items())
        },
        "how": (
            f"share of held-out persons with a training person within {WIDEST} on average, the distance within which "
            f"all of {SAME_PAIRS} known pairs of clips of one person lay (dlib, real web clips); 95 % Wilson interval"
        ),
        "limits": (
            f"an upper estimate: {DIFFERENT_WITHIN[WIDEST]:.1%} of known pairs of two persons lie within it too, so it "
            "grows with the number of training persons; children, East Asian faces and tiny faces lie nearer to each "
            f"other than the pairs it rests on; {SAME_PAIRS} pairs are few"
        ),
    }


def _round(value: float) -> float:
    return round(float(value), _PLACES)

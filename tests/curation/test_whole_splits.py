"""Persons and splits of one manifest, one after the other, as a run does it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from curation.whole.identities import Identities
from curation.whole.splits import Splits
from curation.whole.step import merged
from manifests import splits
from manifests.schema import SCHEMAS, empty, make_id
from tests.curation.whole_manifest import Made, manifest_of, track_id


def run(tracks: list[dict[str, Any]], before: dict[str, pa.Table] | None = None) -> dict[str, pa.Table]:
    """Both stages over a manifest; `clips` holds what they set."""
    manifest = manifest_of(tracks, before)
    made = dict(Identities().run(manifest))
    decided = merged(empty("clips").select(["id"]), made["clips"])
    clips = manifest.table("clips")
    for name in ("identity", "identity_distance"):
        clips = clips.set_column(clips.schema.get_field_index(name), clips.schema.field(name), decided.column(name))
    manifest = Made({**manifest.tables, "clips": clips, "identities": made["identities"]}, before)
    then = Splits(validation=0.2, test=0.2).run(manifest)
    return {
        "identities": made["identities"],
        "splits": then["splits"],
        "clips": merged(made["clips"], then["clips"]),
    }


def placed(tables: dict[str, pa.Table]) -> dict[str, tuple[str, str]]:
    """Clip -> person and split, of clips in a split."""
    rows = tables["clips"].to_pylist()
    return {row["id"]: (row["identity"], row["split"]) for row in rows if row["split"] is not None}


def test_old_clips_keep_person_and_split_when_sources_are_added() -> None:
    rng = np.random.default_rng(8)
    people = rng.normal(size=(12, 8)) * 0.6
    tracks = [{"source": f"{n}.mp4", "vector": people[n % 12] + rng.normal(0, 0.02, 8)} for n in range(36)]
    before = run(tracks)
    assert len({person for person, _ in placed(before).values()}) == 12
    assert {split for _, split in placed(before).values()} == {"train", "validation", "test"}
    more = [{"source": f"new {n}.mp4", "vector": people[n % 12] + rng.normal(0, 0.02, 8)} for n in range(10)]
    after = run(tracks + more, {name: before[name] for name in ("identities", "splits")})
    assert placed(before).items() <= placed(after).items()
    assert len(placed(after)) == 46
    again = run(tracks + more, {name: after[name] for name in ("identities", "splits")})
    assert all(again[name].equals(after[name]) for name in after)
    persons: dict[str, set[str]] = {}
    for person, split in placed(after).values():
        persons.setdefault(person, set()).add(split)
    assert all(len(found) == 1 for found in persons.values())


def test_a_face_between_persons_of_two_splits_joins_the_nearer_and_its_clip_is_set_aside() -> None:
    far = [{"source": f"{n}.mp4", "vector": [float(n), 0.0]} for n in range(8)]
    near = [{"source": "p.mp4", "vector": [0.0, 9.0]}, {"source": "q.mp4", "vector": [0.0, 9.8]}]
    before = run(far + near)
    splits_of = dict(placed(before).values())
    persons = dict(
        zip(
            before["identities"].column("id").to_pylist(),
            before["identities"].column("identity").to_pylist(),
            strict=True,
        )
    )
    pair = [splits_of[persons[track_id(name)]] for name in ("p.mp4", "q.mp4")]
    new = {"source": "new.mp4", "vector": [0.0, 9.45]}
    after = run([*far, *near, new], {name: before[name] for name in ("identities", "splits")})
    assert placed(before).items() <= placed(after).items()
    row = next(row for row in after["clips"].to_pylist() if row["id"] == make_id("clip", track_id("new.mp4")))
    assert row["identity"] == persons[track_id("q.mp4")]
    assert pair[0] != pair[1], "the made persons must lie in two splits, else nothing is shown"
    assert row["split"] is None
    assert row["split_note"].startswith(splits.CLASHES)


def test_its_tables_have_their_schemas_and_its_settings_are_those_of_the_function() -> None:
    made = run([{"source": "a", "vector": [0.0, 0.0]}])
    assert made["splits"].schema.equals(SCHEMAS["splits"])
    assert made["identities"].schema.equals(SCHEMAS["identities"])
    stage = Splits()
    assert (stage.validation, stage.test, stage.seed) == (splits.VALIDATION, splits.TEST, splits.SEED)
    with pytest.raises(ValidationError, match="leave something for training"):
        TypeAdapter(Splits).validate_python({"validation": 0.6, "test": 0.4})

"""A million clips are split without a person in two splits, and a hundred more move none of them."""

import resource
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from manifests.certificate import certificate
from manifests.schema import SCHEMAS, empty
from manifests.splits import SPLITS, columns, split

pytestmark = pytest.mark.proof

EMOTIONS = ("angry", "happy", "sad", "neutral", "fear")


def made(clips: int, persons: int, seed: int = 0, first: int = 0) -> pa.Table:
    """Clips of persons of very different frequency, half of them with an emotion, a twentieth without identity."""
    rng = np.random.default_rng(seed)
    who = np.sort((persons * rng.random(clips) ** 2).astype(np.int64))  # neighbours share a source
    numbers = np.arange(first, first + clips)
    identity = np.char.add("i_", np.char.zfill(who.astype("U16"), 16))
    table: dict[str, pa.Array] = {
        "id": pa.array(np.char.add("c_", np.char.zfill(numbers.astype("U16"), 16))),
        "source": pa.array(np.char.add("s_", np.char.zfill((numbers // 4).astype("U16"), 16))),
        "track": pa.array(np.char.add("t_", np.char.zfill(numbers.astype("U16"), 16))),
        "identity": pa.array(identity, mask=rng.random(clips) < 0.05),
        "given_emotion": pa.array(rng.choice(EMOTIONS, clips), mask=rng.random(clips) < 0.5),
        "seconds": pa.array(rng.uniform(2, 10, clips)),
        "status": pa.array(np.where(rng.random(clips) < 0.9, "kept", "dropped")),
    }
    fields = [SCHEMAS["clips"].field(name) for name in columns()]
    filled = [table.get(field.name, pa.nulls(clips, field.type)) for field in fields]
    return pa.Table.from_arrays(filled, schema=pa.schema([field.with_nullable(True) for field in fields]))


def shared(clips: pa.Table, split_of: pa.ChunkedArray) -> int:
    """How many persons are in two splits."""
    rows = pa.table({"who": clips.column("identity"), "split": split_of})
    rows = rows.filter(pc.and_(rows.column("who").is_valid(), rows.column("split").is_valid()))
    counted = rows.group_by("who").aggregate([("split", "count_distinct")])
    return pc.sum(pc.greater(counted.column("split_count_distinct"), 1)).as_py() or 0


@pytest.mark.parametrize("persons", [50_000, 10_000_000])
def test_a_million_clips_are_split(persons: int, table: Callable[[str], None]) -> None:
    clips = made(1_000_000, persons)
    started = time.monotonic()
    found = split(clips)
    seconds = time.monotonic() - started
    column = found.clips.column("split")
    kept = pc.equal(clips.column("status"), "kept")
    told = pc.or_(column.is_valid(), found.clips.column("split_note").is_valid())
    assert told.combine_chunks().equals(kept.combine_chunks())
    aside = found.clips.filter(found.clips.column("split_note").is_valid()).num_rows
    assert shared(clips, column) == 0
    started = time.monotonic()
    more = pa.concat_tables([clips, made(100, persons, seed=1, first=1_000_000)])
    after = split(more, previous=found.units)
    again = time.monotonic() - started
    assert after.clips.column("split").slice(0, clips.num_rows).combine_chunks().equals(column.combine_chunks())
    assert shared(more, after.clips.column("split")) == 0
    counts = {item["values"]: item["counts"] for item in pc.value_counts(column.drop_null()).to_pylist()}
    total = sum(counts.values())
    for name, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert abs(counts[name] / total - share) < 0.01
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    met = ", ".join(f"{name} {counts[name] / total:.4f}" for name in SPLITS)
    table(
        f"1,000,000 clips in {found.units.num_rows:,} units: {seconds:.1f} s, with 100 more {again:.1f} s,"
        f" peak {peak:.0f} MB; {met}; {aside} faces without identity set aside"
    )


def test_a_hundred_more_clips_move_none_over_many_seeds(table: Callable[[str], None]) -> None:
    moved = aside = 0
    for seed in range(60):
        clips = made(1500, 120, seed)
        before = split(clips, seed=seed)
        more = pa.concat_tables([clips, made(100, 130, seed + 1000, first=1_000_000)])
        after = split(more, previous=before.units, seed=seed)
        was, now = (found.clips.column("split").slice(0, 1500).to_pylist() for found in (before, after))
        moved += sum(one is not None and one != other for one, other in zip(was, now, strict=True))
        aside += after.clips.column("split_note").drop_null().length()
        assert shared(more, after.clips.column("split")) == 0
    assert moved == 0
    table(f"60 seeds, 1,500 clips and 100 more each: {moved} moved, {aside} of 6,000 new ones set aside")


def test_the_certificate_of_a_large_split_shows_no_shared_person(table: Callable[[str], None]) -> None:
    clips = made(200_000, 3_000)
    found = split(clips)
    rng = np.random.default_rng(0)
    who = pc.cast(pc.utf8_slice_codeunits(pc.fill_null(clips.column("identity"), "i_0"), 2), pa.int64()).to_numpy()
    few = rng.choice(clips.num_rows, 30_000, replace=False)
    vectors = rng.normal(size=(3_000, 128))[who[few]] * 0.05 + rng.normal(size=(len(few), 128)) * 0.02
    embeddings = {
        "id": clips.column("track").take(pa.array(few)),
        "model": ["dlib-face@0"] * len(few),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), 128).cast(
            pa.list_(pa.float32())
        ),
    }
    tables = {"clips": clips, "embeddings": pa.table(embeddings).sort_by("id"), "duplicates": empty("duplicates")}
    started = time.monotonic()
    content = certificate(_Tables(tables), clips=found.clips)
    seconds = time.monotonic() - started
    assert content["shared"]["identities"] == content["shared"]["given_identities"] == 0
    assert (
        sum(split_["clips"] for split_ in content["splits"].values())
        == found.clips.column("split").drop_null().length()
    )
    near = [pair["distance"] for found_ in content["nearest_faces"] for pair in found_["pairs"]]
    assert len(near) == 30
    leakage = content["leakage"]
    table(
        f"certificate of 200,000 clips, 30,000 embeddings: {seconds:.1f} s; nearest faces {min(near):.2f};"
        f" {leakage['estimate']:.1%} of {leakage['held_out_identities']} held-out persons near training"
    )


class _Tables:
    def __init__(self, tables: dict[str, pa.Table]) -> None:
        self.tables = tables

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """As an opened manifest; what was not made is null."""
        table = self.tables[name]
        if name == "clips":
            lacking = [column for column in columns or () if column not in table.column_names]
            for column in lacking:
                table = table.append_column(column, pa.nulls(table.num_rows, SCHEMAS[name].field(column).type))
        return table if columns is None else table.select(list(columns))

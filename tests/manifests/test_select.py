"""Selection names every failing reason, forgives no missing value and takes seconds for a million clips."""

import math
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.recipe import Bound, load_recipe
from manifests.schema import SCHEMAS, empty, measured, table_from_columns, table_from_rows
from manifests.select import compare, select
from tests.manifests.material import clip_row

_REALS = st.none() | st.sampled_from([float("nan"), float("inf")]) | st.floats(0, 4, width=32)
_COLUMNS = {
    "seconds": st.floats(0, 4),
    "faces": st.none() | st.integers(0, 4),
    "face_size": _REALS,
    "face_share": _REALS,
    "speech_share": _REALS,
    "longest_pause": _REALS,
}
_STATES = st.sampled_from([("kept", []), ("dropped", ["length"]), ("dropped", ["duplicate", "speech"]), ("failed", [])])
_CLIPS = st.lists(st.tuples(st.fixed_dictionaries(_COLUMNS), _STATES), max_size=12)
_BOUND = st.builds(lambda low, span: Bound(min=low, max=low + span), st.integers(0, 3), st.integers(0, 3)) | st.builds(
    lambda low: Bound(min=low), st.floats(0, 4)
)
_THRESHOLDS = st.dictionaries(st.sampled_from(list(_COLUMNS)), _BOUND)


def _table(rows: list[tuple[dict, tuple[str, list[str]]]]) -> pa.Table:
    made = (
        clip_row("s", "h", "t", n, n + 1, **values, status=status, reasons=reasons)
        for n, (values, (status, reasons)) in enumerate(rows)
    )
    return table_from_rows("clips", made)


def _passes(table: pa.Table, row: int, column: str, bound: Bound) -> bool:
    """The promise, one value at a time and in plain Python."""
    value = table.column(column)[row].as_py()
    if value is None or not math.isfinite(value):
        return False
    at = np.float32 if table.column(column).type == pa.float32() else float
    low = bound.min is None or value >= float(at(bound.min))
    return low and (bound.max is None or value <= float(at(bound.max)))


@given(_CLIPS, _THRESHOLDS)
def test_selection_is_the_plain_reading_of_the_thresholds(rows: list, thresholds: dict) -> None:
    before = _table(rows)
    after = select(before, thresholds)
    after.validate(full=True)
    assert after.schema.equals(SCHEMAS["clips"], check_metadata=True)
    assert after.drop_columns(["status", "reasons"]).equals(before.drop_columns(["status", "reasons"])) or rows
    for n, (_, (status, reasons)) in enumerate(rows):
        row = {name: after.column(name)[n].as_py() for name in ("id", "status", "reasons")}
        failing = [
            reason
            for column, reason in measured().items()
            if column in thresholds and not _passes(before, n, column, thresholds[column])
        ]
        failing += [reason for reason in reasons if reason == "duplicate"]  # no column owns it: it stays
        if status == "failed":
            assert (row["status"], row["reasons"]) == (status, reasons)
        else:
            assert (row["status"], row["reasons"]) == ("dropped" if failing else "kept", failing)
        assert row["id"] == before.column("id")[n].as_py()


@given(_CLIPS, _THRESHOLDS, _THRESHOLDS)
def test_only_the_last_thresholds_count_and_twice_is_once(rows: list, first: dict, second: dict) -> None:
    table = _table(rows)
    once = select(table, second).select(["status", "reasons"])
    assert select(select(table, first), second).select(["status", "reasons"]).equals(once)


def test_a_value_at_the_bound_is_inside_at_the_precision_of_its_column() -> None:
    # 0.95 as float32 is 0.949999988: compared as float64 an exact 95 % would fail
    table = table_from_rows("clips", [clip_row("s", "h", "t", 0, 1, face_share=0.95, speech_share=0.35)])
    bounds = {"face_share": Bound(min=0.95), "speech_share": Bound(max=0.35)}
    assert select(table, bounds).column("status").to_pylist() == ["kept"]


def test_every_failing_reason_is_named_in_the_order_of_the_columns() -> None:
    table = table_from_rows("clips", [clip_row("s", "h", "t", 0, 25, speech_share=0.1, faces=None)])
    recipe = load_recipe("talking-head")
    assert select(table, recipe.select).column("reasons").to_pylist() == [["length", "faces", "speech"]]


def test_an_empty_table_and_a_wrong_column() -> None:
    assert select(empty("clips"), {"seconds": Bound(min=1)}).num_rows == 0
    with pytest.raises(ManifestError, match="face_sise is not a measured column of clips: did you mean face_size"):
        select(empty("clips"), {"face_sise": Bound(min=1)})


def test_a_comparison_counts_what_thresholds_change() -> None:
    lengths = [1.0, 2.0, 3.0, 4.0]
    rows = [clip_row("s", "h", "t", n, n + 1, seconds=seconds) for n, seconds in enumerate(lengths)]
    rows.append(clip_row("s", "h", "t", 9, 10, status="failed"))
    before = select(table_from_rows("clips", rows), {"seconds": Bound(min=3)})
    change = compare(before, select(before, {"seconds": Bound(min=1.5, max=3.5)}))
    assert (change.clips, change.failed, change.kept, change.gained, change.lost) == (5, 1, (2, 2), 1, 1)
    assert change.reasons == {"length": (2, 2)}
    with pytest.raises(ManifestError, match="same clips"):
        compare(before, before.slice(1))


def test_a_million_clips_are_selected_in_seconds() -> None:
    table = million()
    started = time.perf_counter()
    after = select(table, load_recipe("talking-head").select)
    seconds = time.perf_counter() - started
    print(f"select of 1,000,000 clips: {seconds:.2f} s")
    assert seconds < 10
    face_share = table.column("face_share").to_numpy()
    expected = (table.column("seconds").to_numpy() >= 2) & (table.column("faces").to_numpy() <= 1)
    expected &= (table.column("face_size").to_numpy() >= 64) & (face_share >= np.float32(0.95))
    expected &= table.column("speech_share").to_numpy() >= np.float32(0.35)
    assert np.array_equal(after.column("status").to_numpy() == "kept", expected) and 0 < expected.sum() < 1_000_000


def million(rows: int = 1_000_000) -> pa.Table:
    """A million measured candidates, a seventeenth of them without a face share."""
    random = np.random.default_rng(7)
    shares = random.random((6, rows), dtype=np.float32)
    shares[0, ::17] = np.nan
    counted = np.arange(rows)
    ids = pa.array([f"c_{number:016x}" for number in random.integers(0, 2**63, rows)])
    same = {
        name: pa.repeat(value, rows)
        for name, value in {"source": "s_1", "shot": "h_1", "track": "t_1", "recipe": "r", "status": "kept"}.items()
    }
    columns = same | {"id": ids, "start_pts": counted, "end_pts": counted + 50}
    columns |= {"time_base_num": np.ones(rows, np.int64), "time_base_den": np.full(rows, 25)}
    columns |= {"start_frame": counted, "end_frame": counted + 50, "frames": np.full(rows, 50)}
    columns |= {"seconds": random.random(rows) * 6, "faces": random.integers(1, 3, rows)}
    columns |= {"source_width": np.full(rows, 640), "source_height": np.full(rows, 480)}
    columns |= {"face_size": shares[1] * 200, "face_share": shares[0], "speech_share": shares[2]}
    columns["reasons"] = pa.ListArray.from_arrays(np.zeros(rows + 1, np.int32), pa.array([], pa.string()))
    return table_from_columns("clips", columns)

"""A row says equal only where numbers are, and a program that fails costs its own rows only."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark.parity.rows import COMPARISONS, Row, Side, rows
from tests.benchmark.parity.made import sides


def changed(sides: dict[str, Side], name: str, **arrays: np.ndarray) -> dict[str, Side]:
    return sides | {name: replace(sides[name], arrays={**sides[name].arrays, **arrays})}


def differing(found: list[Row]) -> set[tuple[str, str, str]]:
    return {(row.part, row.what, row.by) for row in found if row.verdict == "differs"}


def test_equal_sides_are_equal_in_every_row_and_endless_decibels_count_as_a_hundred() -> None:
    found = rows(*sides())
    assert len(found) == len(COMPARISONS)
    assert {row.verdict for row in found} == {"equal"}
    assert all(row.difference is not None and row.difference <= row.tolerance for row in found)


@pytest.mark.parametrize(
    ("part", "array", "step", "rows_that_differ"),
    [
        ("Inception", "fid_torchfidelity", 2e-4, {"FID, torchfidelity"}),
        ("Inception", "pytorchfid", 2e-3, {"features, pytorchfid"}),
        ("Inception", "kid", 2e-6, {"KID, 100 subsets"}),
        ("Frechet distance", "given", 1e-7, {"correlated numbers"}),
        ("LPIPS", "lpips", 2e-4, {"distances of pairs"}),
        ("I3D", "fvd", 0.1, {"FVD, styleganv"}),
        ("MFCC", "sound00", 2e-6, {"coefficients"}),
        ("SSIM and PSNR", "ssim", 2e-6, {"SSIM", "SSIM without the reflected border"}),
        ("SyncNet", "distances", 2e-3, {"distances of all windows and shifts", "Sync-D"}),
    ],
)
def test_a_difference_beyond_its_tolerance_is_seen_there_and_nowhere_else(
    part: str, array: str, step: float, rows_that_differ: set[str]
) -> None:
    ours, theirs = sides()
    moved = rows(changed(ours, part, **{array: ours[part].arrays[array] + step}), theirs)
    assert {what for _, what, _ in differing(moved)} == rows_that_differ
    near = rows(changed(ours, part, **{array: ours[part].arrays[array] + step / 1000}), theirs)
    assert not differing(near)


def test_numbers_that_are_none_and_arrays_of_other_shapes_differ() -> None:
    ours, theirs = sides()
    assert differing(rows(changed(ours, "LPIPS", lpips=np.array([0.1, np.nan])), theirs))
    assert differing(rows(changed(ours, "LPIPS", lpips=np.array([0.1])), theirs))
    assert differing(rows(changed(ours, "LPIPS", lpips=np.zeros(0)), changed(theirs, "with_lpips", lpips=np.zeros(0))))


def test_one_name_or_shape_more_on_either_side_differs() -> None:
    ours, theirs = sides()
    one_more = np.array(["a.weight [2, 2]", "b.bias [2]", "c.bias [1]"])
    for found in (
        rows(changed(ours, "I3D", names=one_more), theirs),
        rows(ours, changed(theirs, "with_cd_fvd", names=one_more)),
    ):
        (row,) = [row for row in found if row.verdict == "differs"]
        assert (row.part, row.difference, row.tolerance) == ("I3D", 1, 0)


def test_an_offset_must_be_the_same_to_the_frame() -> None:
    ours, theirs = sides()
    curves = np.full((3, 4, 31), 10.0)
    curves[:, :, 15] = 5.0
    later = curves.copy()
    later[1] = np.roll(curves[1], 1, axis=1)
    found = rows(changed(ours, "SyncNet", distances=later), changed(theirs, "with_plain_syncnet", distances=curves))
    by_name = {row.what: row for row in found if row.part == "SyncNet"}
    assert (by_name["offset, frames"].difference, by_name["offset, frames"].verdict) == (1, "differs")
    assert by_name["Sync-D"].verdict == by_name["Sync-C"].verdict == "equal"


def test_a_program_that_fails_costs_its_own_rows_and_says_why() -> None:
    ours, theirs = sides()
    found = rows(ours, theirs | {"with_torchmetrics": Side(error="ImportError: no torchmetrics")})
    skipped = [row for row in found if row.verdict == "skipped"]
    assert {comparison.what for comparison in COMPARISONS if comparison.reference == "with_torchmetrics"} == {
        row.what for row in skipped
    }
    assert {(row.by, row.reason, row.difference) for row in skipped} == {
        ("torchmetrics", "ImportError: no torchmetrics", None)
    }
    assert {row.verdict for row in found if row not in skipped} == {"equal"}

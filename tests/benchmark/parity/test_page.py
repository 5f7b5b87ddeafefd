"""The page shows every row with its versions, and what was skipped with its reason."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.parity import Parity, parity
from benchmark.parity.inputs import Inputs
from benchmark.parity.page import number, page, row_cells
from benchmark.parity.published import Value, values
from benchmark.parity.rows import Side, rows
from tests.benchmark.parity.made import sides


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Parity:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    ours, theirs = sides()
    theirs["with_lpips"] = Side(error="ImportError: a | b")
    inputs = Inputs(True, 7, 4, 8, 6, 2)
    seconds = {"environment": 0.0, "inputs": 3.0, "all": 99.0}
    return Parity(rows(ours, theirs), values(), inputs, ours, theirs, seconds)


def test_a_page_has_every_row_and_every_published_number_and_what_was_skipped(found: Parity) -> None:
    text = page(found)
    table = [line for line in text.splitlines() if line.startswith("| ")]
    for row in found.rows:
        assert any(f"| {row.what} | {row.by} |" in line and line.startswith(f"| {row.part} |") for line in table)
    for value in found.values:
        assert any(line.startswith(f"| {value.what} |") and value.reason in line for line in table)
    assert "skipped: ImportError: a \\| b" in text
    assert "pytorch-fid 9.8.7" in text and "8 frames at 256 and 400 px and 4 clips out of 7 real videos" in text
    assert "| ours, SyncNet | 1 |" in text and "| lpips (failed) | 0 |" in text and "| all | 99 |" in text
    counts = f"{len(found.rows) - 2} of {len(found.rows)} comparisons are equal"
    assert counts in text and "0 differ, 2 were skipped" in text


def test_only_a_difference_makes_a_run_unequal(found: Parity) -> None:
    assert found.equal
    worse = replace(found, rows=[*found.rows, replace(found.rows[0], verdict="differs")])
    assert not worse.equal and not json.loads(json.dumps(worse.as_dict()))["equal"]
    missed = Value("x", "y", 1.0, 2.0, 0.1, "differs")
    assert not replace(found, values=[missed]).equal


def test_published_numbers_without_weights_are_skipped_with_what_is_missing_and_ssim_is_run(found: Parity) -> None:
    by_verdict = {verdict: [v for v in found.values if v.verdict == verdict] for verdict in ("equal", "skipped")}
    assert [value.what[:5] for value in by_verdict["equal"]] == ["SSIM,"]
    assert len(by_verdict["skipped"]) == len(found.values) - 1
    assert all(value.reason and value.found is None for value in by_verdict["skipped"])
    noise = next(value for value in found.values if "noise" in value.what)
    assert noise.reason == "weights that are not here: i3d-styleganv"


def test_noise_made_a_video_at_a_time_is_the_noise_that_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.parity import published

    monkeypatch.setattr(published, "NOISE_VIDEOS", 2)
    seen: list[np.ndarray] = []

    def network(video: np.ndarray) -> np.ndarray:
        seen.append(video)
        return np.zeros((1, 400), np.float32)

    assert published._noise_logits(network, 1).shape == (2, 400)
    whole = np.random.RandomState(1).rand(2, 16, 224, 224, 3).astype(np.float32)
    assert np.array_equal(np.concatenate(seen), whole.transpose(0, 4, 1, 2, 3))


def test_numbers_are_whole_where_they_are_and_else_of_eight_digits() -> None:
    assert [number(value) for value in (None, 23850960.0, 18.780308506, 0.0)] == ["-", "23850960", "18.780309", "0"]


def test_a_place_that_cannot_hold_the_page_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "file" / "parity.md"):
        (tmp_path / "file").touch()
        with pytest.raises(BenchmarkError, match="cannot be written: name a file"):
            parity(tmp_path / "none", env=tmp_path / "none", out=out)


def test_a_terminal_gets_the_cells_that_the_page_has(found: Parity) -> None:
    titles, *cells = row_cells(found.rows)
    assert len(cells) == len(found.rows) and {len(row) for row in cells} == {len(titles)}
    assert ("LPIPS", "distances of pairs") in {row[:2] for row in cells if row[-1] == "skipped: ImportError: a | b"}

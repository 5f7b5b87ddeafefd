"""A whole ladder of small videos: files, resuming, fewer clips, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from benchmark.controls import AXES
from benchmark.errors import BenchmarkError
from benchmark.ladder.measure import Climbed, measure
from benchmark.ladder.record import load_ladder
from benchmark.ladder.rows import ladder_lines, ladder_table
from benchmark.ladder.steps import chosen_steps
from benchmark.protocol import load_protocol
from tests.benchmark.ladder.material import METRICS, protocol_file, testset

AXIS = "noise"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder")
    testset(folder / "set", load_protocol(str(protocol_file(folder))))
    return folder


def climb(place: Path, out: Path, notes: list[str] | None = None, **more: object) -> Climbed:
    asked = {"axes": [AXIS], "kinds": [], "steps": 2, "cache": place / "cache", "note": (notes or []).append, **more}
    if notes is not None:
        asked["note"] = notes.append
    return measure(str(place / "blobs.yaml"), place / "set", out, **asked)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def climbed(place: Path) -> Climbed:
    return climb(place, place / "out")


def test_every_metric_answers_noise_as_it_must(climbed: Climbed) -> None:
    assert climbed.ladder is not None
    says = {cell.metric: (cell.says, cell.spearman, cell.wrong) for cell in climbed.ladder.cells}
    assert set(says) == set(METRICS)
    for key in ("psnr", "ssim", "flicker"):
        assert says[key] == ("must", pytest.approx(1.0), None), key


def test_json_and_page_are_written_and_the_videos_of_steps_are_gone(climbed: Climbed, place: Path) -> None:
    out = place / "out"
    assert load_ladder(out) == climbed.ladder
    assert "<h1>" in (out / "ladder.html").read_text()
    assert not (out / "videos" / AXIS / "30").exists()
    assert (out / "videos" / "ground-truth" / "clip0.mp4").exists()


def test_a_step_that_is_there_is_not_scored_again_and_a_damaged_one_is(
    climbed: Climbed, place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(place / "out", out)
    notes: list[str] = []
    assert climb(place, out, notes).ladder == climbed.ladder
    assert [note for note in notes if note.startswith(AXIS)] == [
        f"{AXIS}, {AXES[AXIS].says(step)}: its bundle is there and sound" for step in (6, 30)
    ]
    results = out / "axes" / AXIS / "30" / "results.json"
    results.write_text(results.read_text().replace('"psnr"', '"ssim"', 1))
    record = out / "axes" / AXIS / "6.made.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"version": 0}))
    notes.clear()
    assert climb(place, out, notes).ladder == climbed.ladder
    assert not any("there and sound" in note for note in notes)


def test_fewer_clips_are_marked(place: Path, tmp_path: Path) -> None:
    made = climb(place, tmp_path / "out", clips=3, steps=1).ladder
    assert made is not None and made.clips == 3 and len(made.axes[0].steps) == 1
    assert made.marks == ["only 3 of the 8 clips were taken (--clips)"]
    assert any("only 3 of the 8 clips" in line for line in ladder_lines(made))


def test_the_printed_table_has_every_metric_and_axis(climbed: Climbed) -> None:
    assert climbed.ladder is not None
    rows = ladder_table(climbed.ladder)
    assert rows[0] == ("metric", AXIS) and [row[0] for row in rows[1:]] == list(METRICS)
    assert ("psnr", "1.00 m") in rows


def test_only_controls_make_no_ladder(place: Path, tmp_path: Path) -> None:
    made = climb(place, tmp_path / "out", axes=[], kinds=["ground-truth"])
    assert made.ladder is None and list(made.floors) == ["ground-truth"]
    assert not (tmp_path / "out" / "ladder.json").exists()


def test_steps_are_spread_and_the_grossest_is_among_them() -> None:
    for axis, found in AXES.items():
        for most in range(1, 6):
            steps = chosen_steps(axis, most)
            assert steps[-1] == found.steps[-1] and len(steps) == min(most, len(found.steps)) == len(set(steps))
            assert list(steps) == [step for step in found.steps if step in steps]


@pytest.mark.parametrize(("axis", "most", "said"), [("blurr", 2, "blur"), ("blur", 0, "1 step")])
def test_what_is_not_there_is_refused_in_a_sentence(axis: str, most: int, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        chosen_steps(axis, most)


def test_no_clips_are_refused(place: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="--clips 1 or more"):
        climb(place, tmp_path / "out", clips=0)

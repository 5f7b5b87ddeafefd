"""`perf.curation` counts rightly: parts add up, ratios are those of their numbers, both ways see the same frames."""

from pathlib import Path

import pytest

from perf.curation import TABLES, arguments
from perf.scale import against, engines, larger, million, stages
from perf.scale.clock import Spent, Timed
from perf.scale.engines import Run
from perf.scale.larger import Inputs, wall_hours
from perf.scale.million import Took
from perf.scale.ours import SAME, Ours, curate
from perf.scale.rows import Size
from perf.scale.stages import Share
from perf.scale.usual import MODELS, Usual, prepare


@pytest.fixture(scope="module")
def clip(test_data: Path) -> Path:
    """Three seconds of one person who talks."""
    return test_data / "videos" / "talk_360x288_grid_man_a_3s.mpg"


@pytest.fixture(scope="module")
def ours(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Ours:
    """The clip curated."""
    return curate([clip], tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def usual(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Usual:
    """The clip prepared the usual way."""
    return prepare([clip], tmp_path_factory.mktemp("usual"))


def test_stages_and_commits_add_up_to_the_whole(ours: Ours) -> None:
    assert 0 < ours.stages.total + ours.snapshot <= ours.total
    assert set(SAME) <= set(ours.stages.seconds)
    assert ours.outside_all == pytest.approx(ours.total - ours.models.total)
    assert ours.outside + ours.models.total <= ours.stages.total
    assert 0 < ours.models.total < ours.stages.seconds["faces"]


def test_the_usual_way_makes_a_jpeg_of_every_frame_and_as_many_as_ours_sees(ours: Ours, usual: Usual) -> None:
    assert usual.frames == usual.source_frames == ours.frames == ours.decoded == 75


def test_the_usual_ways_models_are_told_apart_from_its_steps(usual: Usual) -> None:
    assert set(MODELS) < set(usual.steps.seconds)
    models = sum(usual.steps.seconds[name] for name in MODELS)
    assert usual.outside + models == pytest.approx(usual.steps.total)
    assert all(seconds > 0 for seconds in usual.steps.seconds.values())


def test_the_usual_way_leaves_no_file_and_its_clip_counts_apart(clip: Path, tmp_path: Path) -> None:
    found = prepare([clip], tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    assert 0 < found.clip_bytes < found.peak and against.beside(found) == found.peak - found.clip_bytes


def test_bytes_of_all_files_are_counted_once(clip: Path, tmp_path: Path) -> None:
    found = curate([clip], tmp_path)
    files = {path.stat().st_ino: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    every = sum(files.values())  # tables of frames have two names
    assert found.clip_bytes + found.table_bytes == every
    assert 0 < sum(found.parts.values()) < found.table_bytes


def test_ratios_are_those_of_their_numbers() -> None:
    ours, usual = Ours(total=10.0, table_bytes=100), Usual(peak=6000, clip_bytes=1000)
    ours.stages.seconds |= {"probe": 1.0, "faces": 5.0, "export": 2.0, "quality": 2.0}
    ours.models.seconds |= {"detector": 1.0, "landmarks": 3.0}
    usual.steps.seconds |= {"coded again": 20.0, "detector": 5.0, "landmarks": 5.0}
    assert against.ratios(ours, usual) == {"same": 20 / 4, "all": 20 / 6, "disk": 50}


def test_the_share_of_the_ceiling_is_the_ceiling_over_the_whole() -> None:
    share = Share(ceiling=6.0, analysis=8.0, whole=12.0, added=2.0)
    assert share.of(share.whole) == 0.5 and share.of(share.analysis - share.added) == 1.0


def test_a_million_rows_are_judged_by_seconds_and_memory() -> None:
    text = "\n".join(million.lines([Took("select", 0, 5.0, 4.9, 2.04, {})], Size(1_000_000, 5_000)))
    assert "1,000,000 clips of 5,000 persons in 20,000 sources" in text
    assert "| select | 5.0 | < 10 | 4.9 | 2.04 | < 4 | 0 |" in text


def test_memory_and_time_are_those_of_the_command_alone(tmp_path: Path) -> None:
    held = bytearray(600 << 20)
    held[::4096] = b"x" * len(held[::4096])  # so much, in truth: no command may be told to hold it
    found = million.measure(tmp_path, Size(1_000, 20))
    assert [took.name for took in found] == ["select", "split", "diff", "validate", "takedown"]
    assert all(took.status == 0 and 0.01 < took.gigabytes < 0.5 for took in found) and len(held)
    assert not any(found[-1].said["left"].values()) and found[3].said["sound"] is True
    assert len(found[2].said["removed"]) == 100  # type: ignore[arg-type]


def test_engines_are_compared_by_the_work_without_the_start() -> None:
    runs = [Run("local", 1, 0, 40, 0, "a"), Run("local", 2, 0, 20, 0, "a"), Run("ray", 2, 9, 25, 0, "a")]
    text = "\n".join(engines.lines(runs, []))
    assert "same work and workers: 1.25x" in text and "One to two workers: 2.00x" in text
    assert "the same bytes" in text and "not idle" not in text


def test_a_busy_machine_and_other_results_are_said() -> None:
    runs = [Run("local", 1, 0, 40, 0.8, "a"), Run("local", 2, 0, 20, 0, "b")]
    text = "\n".join(engines.lines(runs, []))
    assert "NOT the same bytes" in text and "was not idle" in text


def test_150_hours_follow_from_their_inputs() -> None:
    inputs = Inputs(core_seconds=3600, table_bytes=3e8, clip_bytes=1e9, scaling=0.5, overhead=1.0)
    assert wall_hours(inputs, hours=256, cores=256) == pytest.approx(2.0)
    text = "\n".join(larger.lines(inputs))
    assert "A calculation, not a measurement" in text and "150 core-hours" in text
    assert "not measured in this run" in text


def test_a_timed_model_answers_as_the_model_and_its_seconds_are_noted() -> None:
    class Model:
        name = "m"

        def __call__(self, value: int) -> int:
            return sum(range(value))

    noted: list[float] = []
    timed = Timed(Model(), noted.append)
    assert timed(100_000) == sum(range(100_000)) and timed.name == "m"
    assert len(noted) == 1 and noted[0] >= 0


def test_a_name_that_is_measured_twice_adds_up() -> None:
    spent = Spent()
    for _ in range(2):
        before = spent.seconds.get("a", 0.0)
        with spent.on("a"):
            sum(range(300_000))
        assert spent.seconds["a"] > before
    assert spent.total == spent.seconds["a"]


def test_tables_are_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments([]).tables == list(TABLES)
    assert arguments(["--tables", "usual, gpu"]).tables == ["usual", "gpu"]
    with pytest.raises(SystemExit):
        arguments(["--tables", "all"])
    assert "there is no table 'all'" in capsys.readouterr().err


def test_lines_of_stages_tell_each_stage_and_the_frames(ours: Ours, clip: Path) -> None:
    text = "\n".join(stages.lines(ours, Share(1.0, 2.0, 4.0, 0.5), [clip]))
    assert all(f"| {stage} |" in text for stage in ours.stages.seconds)
    assert "75 of 75 source frames, 1.000" in text and "| 4.0 | 0.25 | >= 0.6 |" in text

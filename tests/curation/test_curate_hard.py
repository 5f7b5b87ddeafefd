"""What must not go wrong: another recipe, a worse model, lost tables, odd folders, signals, files that change."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import manifests
from curation.contents import Content
from curation.pipeline import build
from curation.sources.inputs import Input
from curation.task import SourceUnavailableError, Task
from manifests.recipe import load_recipe
from perception import weights
from tests.curation.runs import ROOT, command, moee, result_bytes, sample_video


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_video(tmp_path_factory.mktemp("raw"), "talk.mp4").parent


@pytest.fixture(scope="module")
def done(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done") / "out"
    assert moee("curate", raw, "--out", out, "--workers", 1).status == 0
    return out


@pytest.fixture
def out(done: Path, tmp_path: Path) -> Path:
    shutil.copytree(done, tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize(
    "lost", ["clips.parquet", "sources.parquet", "outcomes.parquet", "parts/speech", "parts/export"]
)
def test_whatever_is_lost_is_made_again(lost: str, raw: Path, out: Path) -> None:
    before = result_bytes(out)
    shutil.rmtree(out / lost) if (out / lost).is_dir() else (out / lost).unlink()
    ran = moee("curate", raw, "--out", out, "--json")
    assert ran.status == 0, ran.err
    assert ran.json["frames"]["analysis_decoded"] == 0
    assert result_bytes(out) == before


def test_a_table_cut_off_is_made_again(raw: Path, out: Path) -> None:
    before = result_bytes(out)
    with (out / "outcomes.parquet").open("r+b") as file:
        file.truncate(100)
    assert moee("curate", raw, "--out", out).status == 0
    assert result_bytes(out) == before
    assert moee("manifest", "validate", out).status == 0


def test_one_manifest_has_one_recipe(raw: Path, out: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "strict.yaml"
    recipe.write_text("extends: talking-head\nname: strict\nselect:\n  seconds: {min: 60}\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("x")
    refused = moee("curate", other, "--out", out, "--recipe", recipe)
    assert refused.status == 2
    assert "1 other sources curated with the recipe 'talking-head'" in refused.err
    assert moee("curate", raw, other, "--out", out, "--recipe", recipe).status == 0


def test_a_worse_model_does_not_replace_better_results(raw: Path, out: Path, tmp_path: Path) -> None:
    if not weights.available("face-landmarker"):
        pytest.skip("the landmark bundle is not here: set MOEE_WEIGHTS")
    (tmp_path / "empty").mkdir()
    before = result_bytes(out)
    ran = moee("curate", raw, "--out", out, env={"MOEE_WEIGHTS": str(tmp_path / "empty")})
    assert ran.status == 2
    assert "made with the model face-landmarker, which is missing now" in ran.err
    assert result_bytes(out) == before


def test_equal_files_of_several_folders_are_all_accounted_for(raw: Path, tmp_path: Path) -> None:
    for folder in ("d1", "d2", "d3"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("the same")
        (tmp_path / folder / "gone.mp4").symlink_to("nowhere.mp4")
    folders = [tmp_path / name for name in ("d1", "d2", "d3")]
    report = moee("curate", *folders, "--out", tmp_path / "out", "--json").json
    assert (report["inputs"], report["dropped"], report["failed"]) == (6, 3, 3)
    assert len(manifests.open(tmp_path / "out").sources) == 6


def test_a_duplicate_that_is_left_alone_is_no_duplicate(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("the same")
    moee("curate", folder, "--out", tmp_path / "out")
    (folder / "a.txt").unlink()
    report = moee("curate", folder, "--out", tmp_path / "out", "--json").json
    assert [source["reasons"] for source in report["sources"]] == [["not_media"]]
    assert manifests.open(tmp_path / "out").sources.name.tolist() == ["b.txt"]


def test_a_run_into_its_own_source_folder_does_not_eat_its_clips(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(raw, folder)
    for _ in range(2):
        report = moee("curate", folder, "--out", folder, "--json").json
        assert [source["name"] for source in report["sources"]] == ["talk.mp4"]


def test_a_terminal_that_cannot_show_a_name_does_not_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "emoji 🎬 é.txt").write_text("x")
    ran = moee("curate", tmp_path / "in", "--out", tmp_path / "out", env={"PYTHONIOENCODING": "ascii"})
    assert ran.status == 0
    assert "1 dropped" in ran.out


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_and_resumes(number: int, status: int, raw: Path, tmp_path: Path) -> None:
    run = subprocess.Popen(
        command("curate", raw, "--out", tmp_path / "out"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    end = time.monotonic() + 60
    while not (tmp_path / "out" / ".contents.jsonl").exists() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(run.pid, number) if number == signal.SIGINT else os.kill(run.pid, number)
    _, err = run.communicate(timeout=60)
    assert run.returncode == status, err
    assert "stopped; what was finished is kept" in err
    assert "Traceback" not in err
    assert moee("curate", raw, "--out", tmp_path / "out").status == 0


def task_of(path: Path) -> Task:
    facts = path.stat()
    pipeline = build(load_recipe("talking-head"))
    place = path.parent / "out"
    return Task(place, pipeline, "s_1", path.name, path, str(path), "0" * 64, facts.st_size, facts.st_mtime_ns)


def test_a_file_that_goes_away_or_changes_is_no_fault_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    task = task_of(path)
    task.check_unchanged()
    path.write_bytes(b"xy")
    with pytest.raises(SourceUnavailableError, match="changed during the run"):
        task.check_unchanged()
    path.unlink()
    with pytest.raises(SourceUnavailableError, match="went away"):
        task.check_unchanged()


def test_a_read_error_of_the_disk_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    error = ValueError("it cannot be read")
    error.__cause__ = OSError(5, "Input/output error")
    with pytest.raises(SourceUnavailableError, match="cannot be read just now"):
        task_of(path).check_unchanged(error)


def test_unreadable_inputs_of_one_name_in_two_places_are_two_sources() -> None:
    first, second = (Content(Input(Path(place) / "x.mp4", "x.mp4", "gone")) for place in ("/a", "/b"))
    assert first.id != second.id

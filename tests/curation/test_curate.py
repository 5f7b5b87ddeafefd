"""`moee curate` from raw video to manifest and clips: resumed, moved, re-thresholded, without doing work twice."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import manifests
from tests.curation.runs import moee, result_bytes, sample_video

RECIPE = "name: test\nselect:\n  seconds: {min: %s}\n  faces: {max: 1}\n"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking portrait of the embedded sample and a text beside it."""
    folder = sample_video(tmp_path_factory.mktemp("raw"), "talk.mp4", seconds=4).parent
    (folder / "notes.txt").write_text("shot in June")
    return folder


@pytest.fixture(scope="module")
def done(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done") / "out"
    ran = moee("curate", raw, "--out", out, "--workers", 1, "--json")
    assert ran.status == 0, ran.err
    report = ran.json
    assert (report["inputs"], report["kept"], report["dropped"], report["failed"]) == (2, 1, 1, 0)
    assert ran.source("notes.txt")["reasons"] == ["not_media"]
    assert report["frames"]["analysis_decoded"] == report["frames"]["source"] > 50
    return out


@pytest.fixture
def out(done: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be spoilt by a test."""
    shutil.copytree(done, tmp_path / "out")
    return tmp_path / "out"


def again(raw: Path, out: Path, *more: object) -> dict:
    ran = moee("curate", raw, "--out", out, "--workers", 1, "--json", *more)
    assert ran.status == 0, ran.err
    assert moee("manifest", "validate", out).status == 0
    return ran.json


def test_the_clip_is_measured_kept_and_exported(done: Path) -> None:
    (clip,) = manifests.open(done).clips.to_dict("records")
    assert clip["faces"] == 1
    assert clip["face_size"] > 64
    assert clip["face_share"] >= 0.95
    assert 0.35 <= clip["speech_share"] <= 1
    assert (done / clip["file"]).stat().st_size == clip["file_bytes"]


def test_the_same_command_again_does_nothing(raw: Path, out: Path) -> None:
    before = result_bytes(out)
    report = again(raw, out)
    assert report["sources_worked"] == 0
    assert result_bytes(out) == before


def test_a_lost_clip_is_exported_again_without_analysis(raw: Path, out: Path) -> None:
    before = result_bytes(out)
    (clip,) = (out / "clips").iterdir()
    clip.unlink()
    frames = again(raw, out)["frames"]
    assert frames["analysis_decoded"] == 0
    assert frames["export_decoded"] > 0
    assert result_bytes(out) == before


def test_a_lost_snapshot_is_made_again_without_any_decode(raw: Path, out: Path) -> None:
    before = result_bytes(out)
    (out / "manifest.json").unlink()
    (out / "clips.parquet").unlink()
    report = again(raw, out)
    assert (report["attempts"], report["sources_worked"]) == (0, 0)
    assert report["clips"] == len(list((out / "clips").iterdir()))
    assert result_bytes(out) == before


def test_a_moved_folder_is_known_by_its_content(raw: Path, out: Path, tmp_path: Path) -> None:
    before = result_bytes(out)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(raw, elsewhere)
    (elsewhere / "talk.mp4").rename(elsewhere / "renamed.mp4")
    frames = again(elsewhere, out)["frames"]
    assert (frames["analysis_decoded"], frames["export_decoded"]) == (0, 0)
    assert result_bytes(out) == before
    sources = manifests.open(out).sources
    assert sorted(sources.name) == ["notes.txt", "renamed.mp4"]
    assert all(origin.startswith(str(elsewhere)) for origin in sources.origin)


def test_new_thresholds_decode_nothing_and_drop_the_file_with_the_clip(raw: Path, out: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "strict.yaml"
    recipe.write_text(RECIPE % 60)
    report = again(raw, out, "--recipe", recipe)
    assert report["frames"]["analysis_decoded"] == 0
    assert (report["kept"], report["clips"]) == (0, 0)
    assert not list((out / "clips").iterdir())
    (row,) = manifests.open(out).all_clips.to_dict("records")
    assert list(row["reasons"]) == ["length"]


def test_the_same_bytes_twice_are_one_source(raw: Path, out: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(raw, both)
    shutil.copy(both / "talk.mp4", both / "talk (copy).mp4")
    report = again(both, out)
    assert report["frames"]["analysis_decoded"] == 0
    ends = {source["name"]: (source["status"], source["reasons"]) for source in report["sources"]}
    assert ends["talk (copy).mp4"] == ("kept", [])
    assert ends["talk.mp4"] == ("dropped", ["duplicate"])
    assert report["clips"] == 1
    assert again(both, out)["sources_worked"] == 0


def test_a_file_with_new_content_replaces_the_old_source(raw: Path, out: Path, tmp_path: Path) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(raw, copy)
    again(copy, out)
    (copy / "notes.txt").write_text("shot in July")
    again(copy, out)
    sources = manifests.open(out).sources
    assert sorted(sources.name) == ["notes.txt", "talk.mp4"]


def test_other_inputs_add_to_the_same_manifest(raw: Path, out: Path, tmp_path: Path) -> None:
    before = manifests.open(out).clips.id.tolist()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "empty.mp4").write_bytes(b"")
    ran = moee("curate", tmp_path / "more", "--out", out, "--json")
    assert (ran.status, ran.json["inputs"], ran.json["failed"]) == (1, 1, 1)
    manifest = manifests.open(out)
    assert manifest.clips.id.tolist() == before
    assert len(manifest.sources) == 3


def test_an_unreadable_file_is_tried_again_next_time(raw: Path, out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "late.mp4").symlink_to(tmp_path / "later.mp4")
    assert moee("curate", folder, "--out", out, "--json").source("late.mp4")["status"] == "failed"
    shutil.copy(raw / "talk.mp4", tmp_path / "later.mp4")
    ran = moee("curate", folder, "--out", out, "--json")
    assert ran.source("late.mp4")["status"] == "kept"
    names = manifests.open(out).sources.name.tolist()
    assert names.count("late.mp4") == 1


def test_the_tables_hold_no_wall_clock_in_clips(done: Path) -> None:
    names = pq.read_schema(done / "clips.parquet").names
    assert not {"retrieved_at", "seconds_spent", "attempts"} & set(names)


def test_two_runs_in_one_folder_are_refused(raw: Path, out: Path) -> None:
    from manifests.files import exclusive

    with exclusive(out):
        ran = moee("curate", raw, "--out", out)
    assert ran.status == 2
    assert "another run" in ran.err.lower()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/no/such/folder"], "there is no file or folder"),
        (["--recipe", "talking-heads", "."], "talking-head"),
        (["--engine", "slurm", "."], "there is no engine 'slurm'"),
        (["--workers", "-1", "."], "workers"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    ran = moee("curate", *arguments, "--out", tmp_path / "out")
    assert ran.status == 2
    assert sentence in ran.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    ran = moee("curate", raw, "--out", tmp_path / "file" / "out")
    assert (ran.status, "cannot be written" in ran.err) == (2, True)


def test_dry_run_prints_the_plan_and_writes_nothing(raw: Path, tmp_path: Path) -> None:
    plan = moee("curate", raw, "--out", tmp_path / "out", "--dry-run").json
    assert plan["inputs"] == 2
    assert plan["recipe"]["name"] == "talking-head"
    assert not (tmp_path / "out").exists()


def test_limit_takes_the_first_inputs_by_name(raw: Path, tmp_path: Path) -> None:
    ran = moee("curate", raw, "--out", tmp_path / "out", "--limit", 1, "--json")
    assert [source["name"] for source in ran.json["sources"]] == ["notes.txt"]
    assert not list((tmp_path / "out" / "clips").iterdir())

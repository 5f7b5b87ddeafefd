"""The plan says what a run would fetch, keep and take, in no time, and writes nothing."""

import resource
from fractions import Fraction
from pathlib import Path

import pytest

from curation import rates
from curation.pipeline import build
from curation.plan import plan
from curation.sources.inputs import Input, Label, Object
from curation.stage import Resources
from manifests.recipe import load_recipe
from tests.curation.runs import moee

ROWS = 362


def remote(number: int, *spans: tuple[int, int]) -> Input:
    labels = tuple(Label("hdtf", Fraction(start), Fraction(end)) for start, end in spans)
    return Input(None, f"RD_Radio{number}", url=f"https://videos.example/{number}", labels=labels)


def processor_seconds() -> float:
    """Seconds of the processor that the commands so far took: those of the clock depend on what else runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_hdtf(folder: Path, rows: int) -> Path:
    """Annotations of `rows` videos with one span of 100 s each, in the three files of a subset."""
    names = [f"Radio{number}" for number in range(rows)]
    lines = {
        "video_url": [f"{name} https://videos.example/watch?v={name}" for name in names],
        "annotion_time": [f"{name}.mp4 00:20-02:00" for name in names],
        "crop_wh": [f"{name}_0.mp4 412 599 0 599" for name in names],
    }
    folder.mkdir()
    for kind, text in lines.items():
        (folder / f"RD_{kind}.txt").write_text("\n".join(text), encoding="utf-8")
    return folder


def test_362_rows_of_hdtf_are_planned_in_under_five_seconds(tmp_path: Path) -> None:
    folder = write_hdtf(tmp_path / "HDTF_dataset", ROWS)
    before = processor_seconds()
    ran = moee("curate", folder, "--recipe", "hdtf", "--dry-run", "--out", tmp_path / "out", "--workers", 2)
    took = processor_seconds() - before
    found = ran.json
    assert ran.status == 0 and took < 5, f"{took:.1f} s"
    assert (found["inputs"], found["downloads"]["urls"], found["spans"]) == (ROWS, ROWS, ROWS)
    assert found["hours"]["wanted_spans"] == pytest.approx(ROWS * 100 / 3600, abs=0.01)
    assert found["time"]["total_seconds"] > found["time"]["download_seconds"] > 3600
    assert found["storage"]["downloads_bytes_expected"] > 0 and found["storage"]["free_bytes"] > 0
    assert found["recipe"]["export"]["size"] == [512, 512] and found["recipe"]["dataset"] == "hdtf"
    assert not (tmp_path / "out").exists()


def test_a_list_of_362_urls_is_planned_by_the_same_recipe_as_fast(tmp_path: Path) -> None:
    rows = (f"https://videos.example/{number},20,120" for number in range(ROWS))
    (tmp_path / "list.csv").write_text("\n".join(["url,start,end", *rows]), encoding="utf-8")
    before = processor_seconds()
    found = moee(
        "curate", tmp_path / "list.csv", "--recipe", "hdtf", "--dry-run", "--out", tmp_path / "out", "--workers", 2
    ).json
    assert processor_seconds() - before < 5
    assert (found["downloads"]["urls"], found["spans"], found["failed"]) == (ROWS, ROWS, 0)
    assert found["hours"]["wanted_spans"] == pytest.approx(ROWS * 100 / 3600, abs=0.01)
    assert not (tmp_path / "out").exists()


def test_hours_are_those_of_the_spans_and_failures_are_named(tmp_path: Path) -> None:
    inputs = [remote(1, (0, 1800), (2000, 3800)), remote(2, (0, 3600)), Input(None, "RD_Radio3", "no line for it")]
    found = plan(inputs, load_recipe("hdtf"), 2, tmp_path)
    assert found["hours"]["wanted_spans"] == 2 and found["downloads"]["hours_expected"] == 2
    assert (found["inputs"], found["failed"], found["spans"]) == (3, 1, 3)
    assert found["failures"] == [{"name": "RD_Radio3", "error": "no line for it"}]


def test_a_url_without_spans_counts_as_a_video_of_average_length(tmp_path: Path) -> None:
    found = plan([remote(number) for number in range(300)], load_recipe("talking-head"), 1, tmp_path)
    assert found["downloads"]["hours_expected"] == 50 and found["time"]["download_seconds"] == 3600


def test_time_follows_from_the_measured_rates(tmp_path: Path) -> None:
    recipe = load_recipe("hdtf")
    one, two = (plan([remote(1, (0, 36000))], recipe, workers, tmp_path)["time"] for workers in (1, 2))
    assert one["work_seconds"] == pytest.approx(sum(one["core_seconds_per_stage"].values()), abs=len(rates.STAGES))
    assert two["work_seconds"] == pytest.approx(one["work_seconds"] / 2, abs=1)
    assert one["core_seconds_per_stage"]["faces"] == round(rates.seconds("faces", 10, rates.PIXELS / 1e6))


def test_a_stage_that_was_not_measured_is_named(tmp_path: Path) -> None:
    recipe = load_recipe("talking-head")
    found = plan([remote(1)], recipe, 1, tmp_path)["time"]
    names = {stage.name for stage in build(recipe).stages}
    assert set(found["core_seconds_per_stage"]) | set(found["unmeasured_stages"]) == names


def test_nobody_knows_how_long_a_model_takes_for_captions(tmp_path: Path) -> None:
    recipe = load_recipe("talking-head")
    plain = plan([remote(1, (0, 36000))], recipe, 1, tmp_path)["time"]
    asked = recipe.model_copy(update={"stages": recipe.stages | {"captions": {"model": "some/model"}}})
    found = plan([remote(1, (0, 36000))], asked, 1, tmp_path)["time"]
    assert plain["not_counted"] == [] and plain["core_seconds_per_stage"]["captions"] == 2
    assert found["core_seconds_per_stage"]["captions"] is None and "captions" in found["unmeasured_stages"]
    assert found["not_counted"] == [
        "how long captions by some/model take on this machine is unknown: the seconds are without them"
    ]
    assert found["work_seconds"] == pytest.approx(plain["work_seconds"] - 2, abs=1)


def test_local_files_count_with_their_length_and_size(test_data: Path, tmp_path: Path) -> None:
    films = sorted((test_data / "videos").glob("talk_512_*"))
    found = plan([Input(film, film.name) for film in films], load_recipe("talking-head"), 1, tmp_path)
    assert found["bytes"] == sum(film.stat().st_size for film in films)
    assert found["hours"]["local"] == pytest.approx(13 / 3600, abs=0.01) and found["downloads"]["urls"] == 0
    assert found["storage"]["clips_bytes_at_most"] > 0 and found["storage"]["downloads_bytes_expected"] == 0


def test_core_hours_are_those_of_the_stages_and_a_stage_on_processors_takes_no_card(tmp_path: Path) -> None:
    found = plan([remote(1, (0, 36000))], load_recipe("hdtf"), 4, tmp_path)
    compute, seconds = found["compute"], found["time"]["core_seconds_per_stage"]
    assert compute["core_hours"] == pytest.approx(sum(seconds.values()) / 3600, abs=0.01)
    assert compute["core_hours_per_stage"]["faces"] == pytest.approx(seconds["faces"] / 3600, abs=1e-4)
    cards = {stage.name for stage in build(load_recipe("hdtf")).stages if stage.resources.gpus}
    assert set(compute["gpu_hours_per_stage"]) == cards and "faces" not in cards
    assert compute["gpu_hours"] == pytest.approx(sum(compute["gpu_hours_per_stage"].values()), abs=0.01)


def test_without_a_stage_that_takes_a_card_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in build(load_recipe("hdtf")).stages:
        monkeypatch.setattr(type(stage), "resources", Resources())
    compute = plan([remote(1, (0, 36000))], load_recipe("hdtf"), 4, tmp_path)["compute"]
    assert compute["gpu_hours"] == 0 and compute["gpu_hours_per_stage"] == {}
    assert compute["gpu_why"] == rates.GPU_WHY_NONE


def test_tables_grow_with_the_hours_and_every_source_costs_its_files_heads(tmp_path: Path) -> None:
    recipe = load_recipe("hdtf")
    one, two, more = (
        plan(inputs, recipe, 2, tmp_path)["storage"]
        for inputs in ([remote(1, (0, 36000))], [remote(1, (0, 72000))], [remote(1, (0, 36000)), remote(2, (0, 36000))])
    )
    assert two["tables_bytes"] - one["tables_bytes"] == pytest.approx(10 * sum(rates.TABLES.values()), rel=1e-6)
    assert more["tables_bytes"] - two["tables_bytes"] == rates.BYTES_PER_SOURCE
    assert one["tables_of_frames_bytes"] == pytest.approx(10 * (rates.TABLES["frames"] + rates.TABLES["expressions"]))
    assert one["tables_of_frames_bytes"] < one["tables_bytes"]


def test_a_node_holds_a_source_and_its_results_for_each_worker(tmp_path: Path) -> None:
    inputs = [remote(number, (0, 600)) for number in range(100)]
    two, four = (plan(inputs, load_recipe("hdtf"), workers, tmp_path)["storage"] for workers in (2, 4))
    assert four["scratch_bytes_per_node"] == pytest.approx(2 * two["scratch_bytes_per_node"], rel=1e-6)
    assert two["scratch_bytes_per_node"] > 2 * rates.HOURS_PER_DOWNLOAD * rates.BYTES_PER_HOUR


def test_files_in_shared_storage_count_by_their_size_and_are_not_opened(tmp_path: Path) -> None:
    hour = int(rates.BYTES_PER_HOUR)
    inputs = [Input(None, f"{n}.mp4", object=Object(f"s3://films/{n}.mp4", hour, 1)) for n in range(3)]
    found = plan(inputs, load_recipe("talking-head"), 1, Path("s3://results/run"))
    assert found["hours"]["local"] == pytest.approx(3) and found["bytes"] == 3 * hour and found["files"] == 3
    assert found["downloads"]["urls"] == 0
    assert found["out"] == "s3://results/run" and found["storage"]["free_bytes"] is None

"""The resolver gives each SOURCE to the module of its recipe's data set."""

from pathlib import Path

import pytest

from curation.sources import inputs_of
from manifests.errors import ManifestError
from manifests.recipe import DATASETS, load_recipe, recipe_names
from tests.curation.sources.test_hdtf import FILES


def test_each_recipe_names_a_data_set_that_is_known(tmp_path: Path) -> None:
    named = {name: load_recipe(name).dataset for name in recipe_names()}
    assert set(named.values()) == set(DATASETS)
    assert named["talking-head"] == named["dh-faceemovid-150"] == "folder"
    assert all(named[name] == name for name in ("hdtf", "mead", "dh-faceemovid", "ravdess", "crema-d"))


@pytest.mark.parametrize("name", ["hdtf", "mead", "dh-faceemovid", "ravdess", "crema-d"])
def test_the_recipe_of_a_data_set_takes_its_spans(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.stages["clips"]["spans"] == "given" and "speech_share" not in recipe.select


@pytest.mark.parametrize("name", ["hdtf", "mead"])
def test_hdtf_and_mead_are_written_as_the_benchmark_reads_them(name: str) -> None:
    export = load_recipe(name).export
    assert (export.size, export.crop, export.fps) == ([512, 512], "face", 25)


def test_clips_like_those_of_dh_faceemovid_150_have_its_published_form() -> None:
    recipe = load_recipe("dh-faceemovid-150")
    bounds = {column: (bound.min, bound.max) for column, bound in recipe.select.items()}
    assert bounds["short_side"] == (1080, None) and bounds["faces"] == (None, 1) and bounds["seconds"] == (15, 30)
    assert bounds["face_size"] == (256, None) and bounds["border"] == (None, 20)
    assert recipe.export.fps == 30 and recipe.export.size is None


@pytest.mark.parametrize("dataset", [None, "folder"])
def test_a_folder_is_files_without_labels(tmp_path: Path, dataset: str | None) -> None:
    (tmp_path / "001_happy_038.mp4").write_bytes(b"x")
    (item,) = inputs_of([tmp_path], tmp_path / "out", dataset)
    assert item.path == tmp_path / "001_happy_038.mp4" and item.labels == ()


def test_the_same_folder_with_a_data_set_has_labels(tmp_path: Path) -> None:
    (tmp_path / "001_happy_038.mp4").write_bytes(b"x")
    (item,) = inputs_of([tmp_path], tmp_path / "out", "dh-faceemovid")
    assert item.labels[0].emotion == "happy"


def test_a_file_of_urls_of_hdtf_stands_for_its_subset(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    whole = inputs_of([tmp_path], tmp_path / "out", "hdtf")
    part = inputs_of([tmp_path / "WDA_video_url.txt"], tmp_path / "out", "hdtf")
    assert len(whole) == 3 and [item.name for item in part] == ["WDA_AnnExample1"]


def test_the_same_thing_given_twice_is_one_input_and_the_order_is_by_name(tmp_path: Path) -> None:
    for name in ("b_happy_1.mp4", "a_happy_1.mp4"):
        (tmp_path / name).write_bytes(b"x")
    names = [item.name for item in inputs_of([tmp_path, tmp_path / "a_happy_1.mp4"], tmp_path / "out")]
    assert names == ["a_happy_1.mp4", "b_happy_1.mp4"]


def test_an_unknown_data_set_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no data set 'meed': did you mean mead"):
        inputs_of([tmp_path], tmp_path / "out", "meed")


def test_a_list_of_urls_is_a_list_whatever_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("https://videos.example/a\nhttps://videos.example/b\n", encoding="utf-8")
    for dataset in (None, "hdtf", "mead"):
        urls = [item.url for item in inputs_of([tmp_path / "list.txt"], tmp_path / "out", dataset)]
        assert urls == ["https://videos.example/a", "https://videos.example/b"]

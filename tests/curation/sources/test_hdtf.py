"""HDTF's annotation files become exact spans and boxes, and a line that fits no other is named."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.sources.hdtf import list_inputs, person, picture, ratios, span, zoomed
from curation.sources.inputs import Input

FILES = {
    "RD_video_url.txt": "Radio1 https://videos.example/watch?v=1\nRadio2 https://videos.example/watch?v=2&t=6s\n",
    "RD_annotion_time.txt": "Radio1.mp4 00:20-01:35\nRadio2.mp4 00:30-01:00 01:30-02:30 \n",
    "RD_crop_wh.txt": "Radio1_0.mp4 412 599 0 599\nRadio2_0.mp4 100 240 24 240\nRadio2_1.mp4 240 480 60 480\n",
    "RD_resolution.txt": "Radio1.mp4 720\nRadio2.mp4 1080\n",
    "RD_crop_ratio.txt": "Radio1_0.mp4 1.2\nRadio2_0.mp4 0.9\nRadio2_1.mp4 1.0\n",
    "WDA_video_url.txt": "\ufeffAnnExample1 https://videos.example/watch?v=3\n",  # as published
    "WDA_annotion_time.txt": "AnnExample1.mp4 00:05-00:10\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Annotations of two subsets; WDA has neither boxes nor heights."""
    place = tmp_path / "HDTF_dataset"
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def read(folder: Path, *more: Path) -> dict[str, Input]:
    return {item.name: item for item in list_inputs([folder, *more], folder / "out")}


def test_each_video_is_an_input_with_its_url_and_a_label_per_span(folder: Path) -> None:
    inputs = read(folder)
    assert list(inputs) == ["RD_Radio1", "RD_Radio2", "WDA_AnnExample1"]
    assert inputs["RD_Radio2"].url == "https://videos.example/watch?v=2&t=6s"
    spans = [(label.start, label.end, label.take) for label in inputs["RD_Radio2"].labels]
    assert spans == [(30, 60, "0"), (90, 150, "1")]
    assert all(label.dataset == "hdtf" for item in inputs.values() for label in item.labels)


def test_boxes_are_shares_of_the_picture_they_were_made_for(folder: Path) -> None:
    inputs = read(folder)
    (label,) = inputs["RD_Radio1"].labels
    assert label.crop_size == (1280, 720)
    assert label.crop == (412 / 1280, 0.0, (412 + 599) / 1280, 599 / 720)
    label = inputs["RD_Radio2"].labels[0]
    assert label.crop_size == (1920, 1080)
    assert label.crop == (100 / 1920, 24 / 1080, 340 / 1920, 264 / 1080)


def test_a_subset_without_a_file_of_boxes_has_spans_without_boxes(folder: Path) -> None:
    (label,) = read(folder)["WDA_AnnExample1"].labels
    assert (label.crop, label.crop_size) == (None, None) and (label.start, label.end) == (5, 10)


def test_without_a_file_of_heights_the_boxes_are_of_the_720p_stream_and_the_run_says_so(folder: Path) -> None:
    (folder / "RD_resolution.txt").unlink()
    notes: list[str] = []
    inputs = {item.name: item for item in list_inputs([folder], folder / "out", note=notes.append)}
    assert {label.crop_size for label in inputs["RD_Radio2"].labels} == {(1280, 720)}
    assert notes == ["no stream height is given for 2 videos, taken as 720, such as Radio1, Radio2"]


@pytest.mark.parametrize(
    ("height", "size"),
    [(720, (1280, 720)), (1080, (1920, 1080)), (714, (1280, 714)), (360, (640, 360)), (0, (1280, 720))],
)
def test_the_width_of_a_stream_follows_from_its_height(height: int, size: tuple[int, int]) -> None:
    assert picture(height) == size


@pytest.mark.parametrize("place", ["RD_Radio1.mp4", "videos/RD_Radio1.webm", "RD/Radio1.mkv"])
def test_a_video_that_lies_there_is_used_instead_of_its_url(folder: Path, tmp_path: Path, place: str) -> None:
    film = tmp_path / "films" / place
    film.parent.mkdir(parents=True)
    film.write_bytes(b"film")
    inputs = {item.origin: item for item in list_inputs([folder, tmp_path / "films"], tmp_path / "out")}
    assert inputs[str(film)].url is None and inputs[str(film)].labels[0].start == 20
    assert "https://videos.example/watch?v=1" not in inputs and len(inputs) == 3


def test_videos_that_no_annotation_names_are_counted(folder: Path) -> None:
    (folder / "RD_Radio1_000.mp4").write_bytes(b"a clip that somebody cut")
    notes: list[str] = []
    list_inputs([folder], folder / "out", note=notes.append)
    assert notes[-1].startswith(
        "1 local videos that no annotation of HDTF names were left out, such as RD_Radio1_000.mp4"
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "name", "words"),
    [
        ("RD_video_url.txt", "Radio1 ", "Radio7 ", "RD_Radio1", "RD_video_url.txt has no line for it"),
        ("RD_video_url.txt", "Radio1 ", "Radio7 ", "RD_Radio7", "RD_annotion_time.txt has no line for it"),
        ("RD_video_url.txt", " https://videos.example/watch?v=1", "", "RD_Radio1", "is not a name and a URL"),
        ("RD_annotion_time.txt", "00:20-01:35", "01:35-00:20", "RD_Radio1_0", "end before they begin"),
        ("RD_annotion_time.txt", "00:20-01:35", "20s", "RD_Radio1_0", "not of the form mm:ss-mm:ss"),
        ("RD_annotion_time.txt", " 00:20-01:35", "", "RD_Radio1", "has no time stamps"),
        ("RD_annotion_time.txt", "Radio2", "Radio1", "RD RD_annotion_time.txt: Radio1.mp4", "stands twice"),
        ("RD_crop_wh.txt", "Radio2_1", "Radio2_9", "RD_Radio2_1", "RD_crop_wh.txt has no box for it"),
        ("RD_crop_wh.txt", "Radio2_1", "Radio2_9", "RD_Radio2_9", "has a box for it, but it has no time stamps"),
        ("RD_crop_wh.txt", "412 599 0 599", "412 599 0", "RD_Radio1_0", "not four whole numbers"),
        ("RD_crop_wh.txt", "412 599 0 599", "412 800 0 800", "RD_Radio1_0", "lies outside the 1280x720 picture"),
    ],
)
def test_a_line_that_fits_no_other_is_a_failed_input_by_name(
    folder: Path, file: str, old: str, new: str, name: str, words: str
) -> None:
    change(folder, file, old, new)
    inputs = read(folder)
    assert words in (inputs[name].error or "")
    assert inputs["WDA_AnnExample1"].error is None, "the others go on"


def test_one_bad_span_costs_itself_only(folder: Path) -> None:
    change(folder, "RD_annotion_time.txt", "00:30-01:00", "00:30-00:10")
    inputs = read(folder)
    assert [label.take for label in inputs["RD_Radio2"].labels] == ["1"] and inputs["RD_Radio2_0"].error


def test_a_folder_without_annotations_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="holds none of HDTF's annotation files"):
        list_inputs([tmp_path], tmp_path / "out")


@given(st.integers(0, 5999), st.integers(1, 3000))
def test_time_stamps_are_exact_seconds(start: int, length: int) -> None:
    end = start + length
    stamp = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    assert span(stamp) == (Fraction(start), Fraction(end))


def test_hours_and_fractions_of_a_second_are_read() -> None:
    assert span("1:02:03-1:02:04.5") == (Fraction(3723), Fraction(7449, 2))


def test_a_person_is_the_name_without_its_number_where_names_are_people() -> None:
    assert person("WRA", "AdamKinzinger2") == person("WRA", "AdamKinzinger") == "AdamKinzinger"
    assert person("RD", "Radio11") is None


def test_the_other_crop_is_a_square_around_the_landmarks_times_its_ratio(folder: Path) -> None:
    assert ratios(folder, "RD") == {"Radio1_0": 1.2, "Radio2_0": 0.9, "Radio2_1": 1.0}
    points = np.array([[[400.0, 200.0], [600.0, 300.0]], [[410.0, 250.0], [500.0, 350.0]]])  # 200 wide, 150 high
    x0, y0, x1, y1 = zoomed(points, 1.5, 1000, 500)
    assert (x0 * 1000, x1 * 1000) == pytest.approx((350, 650))
    assert (y0 * 500, y1 * 500) == pytest.approx((125, 425))
    assert zoomed(points, 9.0, 1000, 500) == pytest.approx((0.25, 0.0, 0.75, 1.0)), "it stays inside the picture"

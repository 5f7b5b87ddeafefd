"""DH-FaceEmoVid, RAVDESS and CREMA-D: what a file name says, and what it does not."""

from pathlib import Path

import pytest

from curation.sources.dh_faceemovid import file_stem, list_inputs
from curation.sources.dh_faceemovid import label_of as dh_label
from curation.sources.file_names import crema_d_label, list_crema_d, list_ravdess, ravdess_label
from manifests.emotions import DH_FACEEMOVID
from manifests.errors import ManifestError


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("stem", "actor", "emotion", "compound", "take"),
    [
        ("001_happy_038", "001", "happy", None, "038"),
        ("018_fear_51", "018", "fear", None, "51"),
        ("002_disgust_001", "002", "disgusted", None, "001"),
        ("080_surprise_1", "080", "surprised", None, "1"),
        ("003_angrily-disgusted_012", "003", None, "angrily-disgusted", "012"),
        ("003_happily_surprised_7", "003", None, "happily-surprised", "7"),
        ("003_sadly surprised_7", "003", None, "sadly-surprised", "7"),
    ],
)
def test_both_paddings_basic_and_compound_tokens(
    stem: str, actor: str, emotion: str | None, compound: str | None, take: str
) -> None:
    label = dh_label(stem)
    assert (label.dataset, label.identity, label.take) == ("dh-faceemovid", actor, take)
    assert (label.emotion, label.compound) == (emotion, compound)


@pytest.mark.parametrize("name", DH_FACEEMOVID.classes)
def test_the_name_of_a_clip_says_what_it_was_made_from(name: str) -> None:
    label = dh_label(file_stem("018", name, "51"))
    assert (label.identity, label.take, label.emotion or label.compound) == ("018", "51", name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("001_hapy_038.mp4", "DH-FaceEmoVid has no emotion 'hapy': did you mean happy?"),
        ("001_joyfully-afraid_2.mp4", "DH-FaceEmoVid has no emotion 'joyfully-afraid'"),
        ("holiday.mp4", "its name is not <actor>_<emotion>_<take>, such as 001_happy_038"),
    ],
)
def test_a_name_of_another_kind_fails_with_one_sentence_and_the_rest_goes_on(
    tmp_path: Path, name: str, words: str
) -> None:
    lay(tmp_path, name, "001_happy_038.mp4")
    inputs = {item.name: item for item in list_inputs([tmp_path], tmp_path / "out")}
    assert words in (inputs[name].error or "") and "\n" not in (inputs[name].error or "")
    assert inputs["001_happy_038.mp4"].labels[0].emotion == "happy"


def test_files_that_are_no_videos_are_counted_and_left_out(tmp_path: Path) -> None:
    notes: list[str] = []
    lay(tmp_path, "001_happy_038.mp4", "001_happy_038.txt", "readme.md")
    assert len(list_inputs([tmp_path], tmp_path / "out", notes.append)) == 1
    assert notes == ["2 files that are no videos by their name were left out"]


def test_the_seven_numbers_of_ravdess() -> None:
    label = ravdess_label("01-01-06-01-02-01-12")
    assert (label.dataset, label.identity, label.emotion, label.intensity) == ("ravdess", "12", "fear", 1)
    assert (label.take, label.text) == ("speech-02-01", "Dogs are sitting by the door")
    assert ravdess_label("01-02-08-02-01-02-24").take == "song-01-02"


def test_calm_clips_carry_no_emotion_and_the_run_says_so(tmp_path: Path) -> None:
    notes: list[str] = []
    lay(tmp_path, "Actor_01/01-01-02-01-01-01-01.mp4", "Actor_01/01-01-01-01-01-01-01.mp4")
    calm, neutral = sorted(list_ravdess([tmp_path], tmp_path / "out", note=notes.append), key=lambda i: i.name)[::-1]
    assert calm.error is None and calm.labels[0].emotion is None and neutral.labels[0].emotion == "neutral"
    assert notes == ["1 clips show calm, which has no counterpart among our emotions: they carry no emotion"]


def test_only_videos_with_picture_and_sound_are_taken_from_ravdess(tmp_path: Path) -> None:
    notes: list[str] = []
    lay(tmp_path, *(f"{code}-01-03-01-01-01-01.mp4" for code in ("01", "02")), "03-01-03-01-01-01-01.wav")
    (item,) = list_ravdess([tmp_path], tmp_path / "out", note=notes.append)
    assert item.name.startswith("01-") and len(notes) == 2
    assert len(list_ravdess([tmp_path], tmp_path / "out", modalities=("01", "02"))) == 2


@pytest.mark.parametrize("stem", ["01-01-09-01-01-01-01", "01-01-03-01-03-01-01", "clip-01"])
def test_a_wrong_number_of_ravdess_is_refused(stem: str) -> None:
    with pytest.raises((ManifestError, ValueError), match="RAVDESS"):
        ravdess_label(stem)


@pytest.mark.parametrize(("level", "intensity"), [("LO", 1), ("MD", 2), ("HI", 3), ("XX", None), ("X", None)])
def test_the_four_parts_of_crema_d(level: str, intensity: int | None) -> None:
    label = crema_d_label(f"1040_ITH_SAD_{level}")
    assert (label.dataset, label.identity, label.emotion, label.intensity) == ("crema-d", "1040", "sad", intensity)
    assert (label.take, label.text) == ("ITH", "I think I have a doctor's appointment")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("1001_IEO_ANX_HI.flv", "CREMA-D has no emotion 'ANX': did you mean ANG?"),
        ("1001_IEX_ANG_HI.flv", "CREMA-D has no sentence 'IEX'"),
        ("1001_IEO_ANG_MAX.flv", "CREMA-D has no level 'MAX'"),
        ("clip.flv", "its name is not <actor>_<sentence>_<emotion>_<level>"),
    ],
)
def test_an_unknown_part_of_crema_d_is_refused_by_name(tmp_path: Path, name: str, words: str) -> None:
    lay(tmp_path, name, "1001_IEO_ANG_HI.flv")
    inputs = {item.name: item for item in list_crema_d([tmp_path], tmp_path / "out")}
    assert words in (inputs[name].error or "") and inputs["1001_IEO_ANG_HI.flv"].error is None
